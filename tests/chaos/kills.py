"""Runs that are killed at seeded moments and started again: what is left is what an undisturbed run leaves.

A run of scripted stages that split, reject and fail, in worker processes, is hit by SIGKILL: its driver, one of its
workers, or its driver while a file of a shard is half written. Then the same command runs once more.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from dataset_schema.rows import Row
from tests.curation.scripted_stages import read_tables

_ROOT: Final = Path(__file__).parents[2]
_RUN: Final = """
import sys
from pathlib import Path
from curation.execution.processes import ProcessExecutor
from tests.curation.scripted_stages import clips_to_split, curate, splitting_stages
if __name__ == "__main__":
    curate(clips_to_split(60, slow=True), Path(sys.argv[1]), ProcessExecutor(), splitting_stages)
"""
_PATIENCE_S: Final = 120.0
_PAUSE_S: Final = 0.05


class Victim(StrEnum):
    """Which process is killed."""

    DRIVER = "driver"
    WORKER = "worker"
    WRITER = "writer"  # the driver, while a shard's file is half written


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """What a run leaves that nothing happens to.

    Attributes:
        seconds: from its first file to its end.
        shards: how many files it wrote in its tables.
    """

    tables: dict[str, list[Row]]
    seconds: float
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What a killed run and the one after it left.

    Attributes:
        when: after how many finished shards, or, of a writer, the number of the half-written one.
        has_hit: whether there was a process to kill; else the run was over, or had no worker yet.
        rows_before: in finished shards after the kill.
        differing: tables that are not those of the undisturbed run, row for row.
        left_over: temporary files.
    """

    victim: Victim
    when: str
    has_hit: bool
    rows_before: int
    differing: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost, doubled or left."""
        return not self.differing and not self.left_over


def run_undisturbed(folder: Path) -> Undisturbed:
    """Run once, to the end."""
    with _started(folder) as child:
        start_s = time.monotonic()
        _finish(child)
        seconds = time.monotonic() - start_s
    return Undisturbed(tables=read_tables(folder), seconds=seconds, shards=len(list(folder.rglob("part-*.parquet"))))


def run_killed(folder: Path, undisturbed: Undisturbed, *, seed: int) -> Killed:
    """Run, kill at the moment that the seed chooses, and run again."""
    draw = random.Random(seed)
    victim = list(Victim)[seed % len(Victim)]
    with _started(folder) as child:
        if victim is Victim.WRITER:
            number = draw.randint(1, undisturbed.shards)
            _wait_for_half_written(folder, child, number)
            when = f"shard {number}"
        else:
            number = draw.randint(0, undisturbed.shards - 2)
            _wait_for_shards(folder, child, number)
            _sleep(child, draw.uniform(0, _PAUSE_S))
            when = f"{number} shards"
        victims = _victims(child, victim, draw)
        for process in victims:
            process.send_signal(signal.SIGKILL)
        if victim is Victim.WORKER:
            _finish(child)
        child.wait(_PATIENCE_S)
    rows_before = sum(map(len, read_tables(folder).values()))
    with _started(folder) as child:
        _finish(child)
    tables = read_tables(folder)
    return Killed(
        victim=victim,
        when=when,
        has_hit=bool(victims),
        rows_before=rows_before,
        differing=tuple(name for name, rows in undisturbed.tables.items() if tables[name] != rows),
        left_over=tuple(str(path.relative_to(folder)) for path in folder.rglob("*.tmp")),
    )


def _started(folder: Path) -> "subprocess.Popen[bytes]":
    """A run that has written its first file, in a script of its own: workers import the main module."""
    script = folder.with_suffix(".py")
    script.write_text(_RUN, encoding="utf-8")
    child = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stderr=subprocess.DEVNULL,
    )
    while not (folder / "dataset.json").is_file() and child.poll() is None:
        time.sleep(0.001)
    return child


def _finish(child: "subprocess.Popen[bytes]") -> None:
    if status := child.wait(_PATIENCE_S):
        raise RuntimeError(f"the run ended with status {status}, expected 0")


def _wait_for_shards(folder: Path, child: "subprocess.Popen[bytes]", number: int) -> None:
    """Until so many are finished: seconds would be another moment on a busier machine."""
    while child.poll() is None and sum(1 for _ in folder.glob("*/part-*.parquet")) < number:
        time.sleep(0.001)


def _sleep(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s and child.poll() is None:
        time.sleep(0.001)


def _wait_for_half_written(folder: Path, child: "subprocess.Popen[bytes]", number: int) -> None:
    """Until there is the temporary file of the shard that is so many-th; looked for without a pause."""
    seen: set[str] = set()
    while child.poll() is None:
        seen.update(name for name in _temporary(folder))
        if len(seen) >= number:
            return


def _temporary(folder: Path) -> Iterator[str]:
    for table in ("samples", "rejections", "failures"):
        if (folder / table).is_dir():
            yield from (entry.path for entry in os.scandir(folder / table) if entry.name.endswith(".tmp"))


def _victims(child: "subprocess.Popen[bytes]", victim: Victim, draw: random.Random) -> list[psutil.Process]:
    """The processes to kill: none where the run is over, or has no worker yet."""
    if child.poll() is not None:
        return []
    driver = psutil.Process(child.pid)
    if victim is not Victim.WORKER:
        return [driver]
    workers = [process for process in driver.children() if "spawn_main" in " ".join(process.cmdline())]
    return [draw.choice(workers)] if workers else []
