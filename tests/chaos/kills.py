"""Runs that are killed at seeded moments and started again: what is left is what an undisturbed run leaves.

A run of scripted stages that split, reject and fail is hit by SIGKILL: its driver, one of its workers, or its writer
while a shard is half written. Then the same command runs once more.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from dataset_schema.rows import Row
from storage.lease import LEASE_S
from tests.chaos.sites import DiskSite, Site
from tests.curation.scripted_stages import read_tables

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 900.0
_PAUSE_S: Final = 0.05

Child = subprocess.Popen[bytes]


class Victim(StrEnum):
    """Which process is killed."""

    DRIVER = "driver"
    WORKER = "worker"
    WRITER = "writer"  # while a shard is half written; in worker processes' runs that is the driver


class Workers(StrEnum):
    """Which executor runs the stages."""

    PROCESSES = "processes"
    RAY = "ray"


# How the system calls a worker, and the writer.
_TITLES: Final = {
    (Workers.PROCESSES, Victim.WORKER): "spawn_main",
    (Workers.RAY, Victim.WORKER): "(_StageWorker)",
    (Workers.RAY, Victim.WRITER): "ray::_Writer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undisturbed:
    """What a run on a disk leaves that nothing happens to.

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
        again_s: what the second run took, with its wait for the lease of a dead one.
        differing: tables that are not those of the undisturbed run, row for row.
        left_over: what is no part of a finished dataset.
    """

    victim: Victim
    when: str
    has_hit: bool
    rows_before: int
    again_s: float
    differing: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lost, doubled or left."""
        return not self.differing and not self.left_over


def victim_of(seed: int) -> Victim:
    """Each in turn."""
    return list(Victim)[seed % len(Victim)]


def run_undisturbed(folder: Path) -> Undisturbed:
    """Run once, to the end."""
    site = DiskSite(folder)
    with _started(site, Workers.PROCESSES, LEASE_S) as child:
        start_s = time.monotonic()
        _finish(child)
        seconds = time.monotonic() - start_s
    return Undisturbed(tables=read_tables(folder), seconds=seconds, shards=site.num_shards())


def run_killed(
    site: Site,
    undisturbed: Undisturbed,
    *,
    seed: int,
    workers: Workers = Workers.PROCESSES,
    lease_s: float = LEASE_S,
) -> Killed:
    """Run, kill at the moment that the seed chooses, and run again."""
    draw = random.Random(seed)
    victim = victim_of(seed)
    if victim is Victim.WRITER:
        number = draw.randint(1, undisturbed.shards)
        is_late = draw.random() < 0.5
        site.catch_shard(number, late=is_late)
        when = f"shard {number}"
    else:
        number = draw.randint(0, undisturbed.shards - 2)
        when = f"{number} shards"
    with _started(site, workers, lease_s) as child:
        if victim is Victim.WRITER:
            _wait(child, site.is_caught, every_s=site.look_every_s)
        else:
            _wait(child, lambda: site.num_shards() >= number, every_s=0.001)
            _wait_s(child, draw.uniform(0, _PAUSE_S))
        victims = _victims(child, victim, workers, draw)
        for process in victims:
            process.send_signal(signal.SIGKILL)
        site.let_go()
        status = child.wait(_PATIENCE_S)
    if victim is Victim.WORKER and status:
        raise RuntimeError(f"the run ended with status {status} for the loss of a worker, expected 0")
    rows_before = sum(map(len, read_tables(site.dataset).values()))
    start_s = time.monotonic()
    with _started(site, workers, lease_s) as child:
        _finish(child)
    tables = read_tables(site.dataset)
    return Killed(
        victim=victim,
        when=when,
        has_hit=bool(victims),
        rows_before=rows_before,
        again_s=time.monotonic() - start_s,
        differing=tuple(name for name, rows in undisturbed.tables.items() if tables[name] != rows),
        left_over=site.left_over(),
    )


def _started(site: Site, workers: Workers, lease_s: float) -> Child:
    """A run that has written its first file."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.killed_run", str(site.dataset), workers, str(lease_s)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **site.environment},
        stderr=subprocess.DEVNULL,
    )
    _wait(child, (site.dataset / "dataset.json").is_file, every_s=max(0.001, site.look_every_s))
    return child


def _finish(child: Child) -> None:
    if status := child.wait(_PATIENCE_S):
        raise RuntimeError(f"the run ended with status {status}, expected 0")


def _wait(child: Child, is_so: Callable[[], bool], *, every_s: float) -> None:
    """Until it is so, or the run is over; a number of seconds would be another moment on a busier machine."""
    while child.poll() is None and not is_so():
        if every_s:
            time.sleep(every_s)


def _wait_s(child: Child, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    _wait(child, lambda: time.monotonic() >= end_s, every_s=0.001)


def _victims(child: Child, victim: Victim, workers: Workers, draw: random.Random) -> list[psutil.Process]:
    """The processes to kill: none where the run is over, or has no worker yet."""
    if child.poll() is not None:
        return []
    driver = psutil.Process(child.pid)
    title = _TITLES.get((workers, victim))
    if title is None:
        return [driver]
    found = [process for process in driver.children(recursive=True) if title in " ".join(process.cmdline())]
    return [draw.choice(found)] if found else []
