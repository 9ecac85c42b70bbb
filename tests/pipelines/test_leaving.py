import subprocess
import sys

_LEAVES_A_STAGE_BEHIND = """
import time, torch
from curation.execution.worker_thread import STAGE_THREAD, WorkerThread
from pipelines.__main__ import leave

def compute():
    clip, kernel = torch.randn(1, 16, 100, 48, 64), torch.randn(64, 16, 3, 3, 3)
    while True:
        torch.nn.functional.conv3d(clip, kernel, padding=1)

WorkerThread(STAGE_THREAD + "that_never_returns").submit(compute)
time.sleep(1)
print("said at the end", end="")
leave(4)
"""


def test_the_status_is_told_while_a_stage_that_ran_out_of_time_still_computes() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _LEAVES_A_STAGE_BEHIND], capture_output=True, text=True, timeout=120, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (4, "said at the end", "")
