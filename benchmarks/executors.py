"""What it costs to curate 1, 30 or 1,000 clips on one machine: processes of its own, Ray, or one process.

    python -m benchmarks.executors [--clips 1 30] [--executors processes ray local] [--rounds 3] [--code DIR]

Runs the command that a user runs, in turns, on drawn clips of 25 frames in 80x144; rows beyond 30 show the same files
again, as clips of their own. CPU-seconds are those of the whole machine, which must have nothing else to do: Ray does
not wait for its workers, so that nobody is told theirs. Memory is the highest sum over all processes, each page shared
among those that hold it. The first row of a run of one clip is its end. `--code` takes another checkout of this
project, to measure a change. Linux only: orphans are adopted and waited for.
"""

import argparse
import csv
import ctypes
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from benchmarks.measuring import machine
from worlds.sprites import SpriteWorldConfig, make_world

_WORLD: Final = SpriteWorldConfig(clips=30, frames=25, height=80, width=144, undesirable_share=0.0, max_subjects=1)
BUCKET: Final = "17x80x144"
_ADOPT_ORPHANS: Final = 36  # PR_SET_CHILD_SUBREAPER
_LOOK_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one run, over all its processes."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(code: Path, manifest: Path, executor: str) -> Cost:
    """Curate the manifest once, into a folder that is thrown away."""
    with TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pipelines", "curate", "--executor", executor, "--input", str(manifest)]
        command += ["--output", f"{scratch}/dataset", "--curation.buckets", BUCKET]
        before, start_s = _cpu_s(), time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=code,
            env={**os.environ, "PYTHONPATH": str(code)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        watch = _MemoryWatch()
        _, words = process.communicate()
        wall_s = time.monotonic() - start_s
        peak_mib = watch.stop()
        _wait_for_orphans()
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}: {words}")
    return Cost(wall_s=wall_s, cpu_s=_cpu_s() - before, peak_mib=peak_mib)


class _MemoryWatch:
    """Adds up the memory of all processes below this one, once a second, on a thread."""

    def __init__(self) -> None:
        self._peak_bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """The highest sum, in MiB."""
        self._is_over.set()
        self._thread.join()
        return self._peak_bytes / 1024**2

    def _look(self) -> None:
        while not self._is_over.wait(_LOOK_EVERY_S):
            found = map(_share_bytes, psutil.Process().children(recursive=True))
            self._peak_bytes = max(self._peak_bytes, sum(found))


def _share_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _cpu_s() -> float:
    """Of the whole machine since it started."""
    spent = psutil.cpu_times()
    return float(spent.user + spent.nice + spent.system + spent.irq + spent.softirq)


def _wait_for_orphans() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def write_manifests(folder: Path, counts: list[int]) -> dict[int, Path]:
    """Draw videos; a manifest for each number of clips, beyond 30 of the same videos again."""
    world = make_world(folder, _WORLD)
    with world.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for count in counts:
        found[count] = folder / f"{count}.csv"
        with found[count].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("id", "video", "caption"), extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**row, "id": number} for number, row in enumerate(islice(cycle(rows), count)))
    return found


def main() -> None:
    """Print one line for each number of clips and executor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 30])
    parser.add_argument("--executors", nargs="+", default=["processes", "ray", "local"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--code", type=Path, default=Path.cwd())
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
    print(machine(["ray", "torch", "pyarrow"], seed=0))
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes running before; medians of {arguments.rounds}")
    print(f"{'clips':>6} {'executor':10} {'wall s':>8} {'CPU-s':>8} {'CPU-s/clip':>11} {'peak MiB':>9}")
    with TemporaryDirectory() as scratch:
        for count, manifest in write_manifests(Path(scratch), arguments.clips).items():
            costs: dict[str, list[Cost]] = {name: [] for name in arguments.executors}
            for _ in range(arguments.rounds):
                for name in arguments.executors:
                    costs[name].append(measure(arguments.code.resolve(), manifest, name))
            for name, found in costs.items():
                wall_s, cpu_s, peak_mib = (
                    statistics.median(getattr(cost, field) for cost in found)
                    for field in ("wall_s", "cpu_s", "peak_mib")
                )
                print(
                    f"{count:6} {name:10} {wall_s:8.1f} {cpu_s:8.1f} {cpu_s / count:11.2f} {peak_mib:9.0f}", flush=True
                )


if __name__ == "__main__":
    main()
