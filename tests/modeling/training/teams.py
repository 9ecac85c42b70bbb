"""Runs that several processes train together, as torchrun starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from modeling.training.config import RunConfig
from storage.configs import write_config

_ROOT = Path(__file__).parents[3]


class Run(NamedTuple):
    config: RunConfig
    output: Path


def train_together(runs: Iterable[Run], dataset: Path, folder: Path, *, processes: int, device: str = "cpu") -> None:
    """Train one run after the other; `folder` gets what the processes read."""
    listed = []
    for number, run in enumerate(runs):
        config = folder / f"run-{number}.json"
        write_config(config, run.config)
        listed.append({"config": str(config), "dataset": str(dataset), "output": str(run.output)})
    (folder / "runs.json").write_text(json.dumps(listed))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*launcher, str(_ROOT / "tests/modeling/training/train_together.py"), device, str(folder / "runs.json")],
        env={**os.environ, "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
