"""A run in a process of its own, which a test may kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from storage.address import Place

ROOT = Path(__file__).parents[3]


def start_run(code: str, dataset: Place) -> "subprocess.Popen[bytes]":
    """Python that runs the code with the dataset as its argument."""
    command = [sys.executable, "-c", code, str(dataset)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def kill_run(code: str, dataset: Path, *, after_s: float, sign: str = "dataset.json") -> None:
    """Start the run, and kill it so many seconds after a file that matches the sign is in the dataset."""
    with start_run(code, dataset) as child:
        while not list(dataset.glob(sign)):
            assert child.poll() is None, f"the run ended with status {child.returncode} before there was a {sign}"
            time.sleep(0.01)
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)
