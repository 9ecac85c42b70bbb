"""What the process that opens videos is made of."""

import subprocess
import sys
from pathlib import Path

from tests.curation.made_videos import write_barcodes

DECODE_AND_CUT = """
import sys
from pathlib import Path
from curation.video.requests import CutRequest
from curation.video.worker import answer_video_request
from tests.curation.made_videos import decode_request, part_of

video = Path(sys.argv[1])
assert len(answer_video_request(decode_request(video)).frames.times_s) == 24
assert answer_video_request(CutRequest(part=part_of(video), fps=24, height=64, width=96)).num_frames == 24
print(*{name.partition(".")[0] for name in sys.modules})
"""
JUDGE = """
import pickle, sys
from curation.execution.process_worker import serve
from curation.profiles import CurationConfig, build_stages

assert serve and pickle.loads(pickle.dumps(build_stages(CurationConfig())))
print(*{name.partition(".")[0] for name in sys.modules})
"""


def loaded_by(code: str, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", code, *arguments]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_decoding_and_cutting_load_no_network_and_no_tables(tmp_path: Path) -> None:
    loaded = loaded_by(DECODE_AND_CUT, str(write_barcodes(tmp_path / "v.mp4", 24)))

    assert "av" in loaded
    assert not loaded & {"torch", "cv2", "scipy", "pyarrow", "pandas", "ray", "transformers"}


def test_a_worker_loads_networks_only_once_a_stage_is_set_up_and_never_tables() -> None:
    loaded = loaded_by(JUDGE)

    assert "numpy" in loaded
    assert not loaded & {"torch", "scipy", "pyarrow", "pandas", "ray", "transformers"}
