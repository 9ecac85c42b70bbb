"""How often a file is opened, and each of its frames decoded, for every picture that later stages look at."""

from pathlib import Path
from typing import Any

import av
import pytest

from curation.video.decoding import decode
from curation.video.requests import DecodeRequest
from tests.curation.made_videos import part_of, write_barcodes
from video_reading.shown_frames import ShownFrames


@pytest.mark.parametrize(
    ("start_s", "keeps_footage", "decoded"),
    [(None, False, 60), (None, True, 60), (1.0, False, 40)],
    ids=["a whole video", "footage that will be split", "a span, from its key frame on"],
)
def test_a_file_is_opened_once_and_each_frame_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_s: float | None, keeps_footage: bool, decoded: int
) -> None:
    path = write_barcodes(tmp_path / "a.mp4", 60, key_frame_every=20, options={"sc_threshold": "0"})
    request = DecodeRequest(
        part=part_of(path, start_s), max_duration_s=9.0, reference_long_side=1280, keeps_footage=keeps_footage
    )
    opened, frames = [], []
    open_file, look_at = av.open, ShownFrames._look_at

    def counted_open(*args: Any, **options: Any) -> Any:
        opened.append(args)
        return open_file(*args, **options)

    def counted_look(self: ShownFrames, frame: av.VideoFrame) -> None:
        frames.append(frame.pts)
        look_at(self, frame)

    monkeypatch.setattr(av, "open", counted_open)
    monkeypatch.setattr(ShownFrames, "_look_at", counted_look)

    found = decode(request)

    assert len(opened) == 1
    assert len(frames) == len(set(frames)) == decoded
    assert len(found.frames.times_s) == (60 if start_s is None else 36)
