"""What it costs to curate clips on one machine: processes of its own, Ray, or one process; and what of it is overhead.

    python -m benchmarks.executors [--work clips] [--media DIR] [--clips 1 30] [--executors processes ray local]
        [--cores 1 2] [--rounds 3] [--code DIR]

Runs the command that a user runs, in turns, on clips of which there are as many files as are asked for, thirty at most;
rows beyond them show the same files again, as clips of their own. `--work` says what is done with them:

- `clips`: drawn clips of 25 frames in 80x144 go through all stages; of `real`, the first of `DIR/clips/manifest.csv`.
- `tiny`: drawn clips of 16 frames are rejected once they are decoded: they are too short.
- `words`: no clip has a subject in its caption, and so none is opened. All that is left is overhead.
- `payloads`: files of 8 MiB are copied into shards unseen, by the last stage alone. Beside `local` it shows what it
  costs to move a MiB from worker to writer.

CPU-seconds are those of all processes, memory is the highest sum over them, each page shared among those that hold it.
The last column says whose the CPU-seconds are: `coordinator` reads the manifest, hands out and, but for Ray, writes;
`feed`, `writers`, which also schedule, and `rest` are Ray's. `--cores` lets the command run on so many of the
machine's, as a container would; how many times as fast more of them are is the first one's wall time by theirs, and
says something where nothing else runs. `--code` takes another checkout, to measure a change. Linux only.
"""

import argparse
import csv
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.measuring import machine
from benchmarks.table.costs import Cost, adopt_orphans, compile_modules, cost_of
from worlds.sprites import SpriteWorldConfig, make_world

_WORLD: Final = SpriteWorldConfig(clips=30, frames=25, height=80, width=144, undesirable_share=0.0, max_subjects=1)
BUCKET: Final = "17x80x144"
_WORK: Final = ("clips", "real", "tiny", "words", "payloads")
_TINY_FRAMES: Final = 16
_PATIENCE_S: Final = 3600.0
_PAYLOAD_BYTES: Final = 8 << 20
_NO_SUBJECT: Final = "It rains."
# How the command lines of processes tell what they do; the first that is found.
_ROLES: Final = {
    "pipelines curate": "coordinator",
    "copy_unseen": "coordinator",
    "ray::Feed": "feed",
    "ray::_Writer": "writers",
    "_StageWorker": "workers",
    "curation.video.worker": "decoding",
    "ray": "rest",
    "resource_tracker": "rest",
    "multiprocessing": "workers",
    "": "rest",
}


def measure(code: Path, manifest: Path, work: str, executor: str, *, cores: int | None = None) -> Cost:
    """Run it once, into a folder that is thrown away; on all cores, or on the first so many."""
    with TemporaryDirectory() as scratch:
        output = f"{scratch}/dataset"
        # Without the folder that this process works in, whose project may be another.
        command = [sys.executable, "-P", "-m", "pipelines", "curate", "--executor", executor]
        command += ["--input", str(manifest), "--output", output]
        command += [] if work == "real" else ["--curation.buckets", BUCKET]
        if work == "payloads":
            call = f"copy_unseen{(str(manifest), output, BUCKET, executor)}"
            command = [sys.executable, "-P", "-c", f"from benchmarks.unseen_copies import copy_unseen; {call}"]
        if cores is not None:
            command = ["taskset", "--cpu-list", f"0-{cores - 1}", *command]
        return cost_of(command, {"PYTHONPATH": str(code)}, is_whole=True, patience_s=_PATIENCE_S)


def write_manifests(
    folder: Path, counts: Sequence[int], work: str = "clips", *, media: Path | None = None
) -> dict[int, Path]:
    """Make the files; a manifest for each number of clips, beyond 30 of the same files again."""
    rows = _rows(folder, work) if media is None else real_rows(media)
    found = {}
    for count in counts:
        found[count] = folder / f"{count}.csv"
        with found[count].open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ("id", "video", "caption"), extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**row, "id": number} for number, row in enumerate(islice(cycle(rows), count)))
    return found


def real_rows(media: Path) -> list[dict[str, str]]:
    """The rows of a folder's `clips/manifest.csv`, which name their videos from anywhere."""
    clips = media.resolve() / "clips"
    with (clips / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [{**row, "video": str(clips / row["video"])} for row in csv.DictReader(file)]


def _rows(folder: Path, work: str) -> list[dict[str, str]]:
    match work:
        case "words":
            return [{"video": "never_opened.mp4", "caption": _NO_SUBJECT}]
        case "payloads":
            (folder / "payload.mp4").write_bytes(os.urandom(_PAYLOAD_BYTES))
            return [{"video": "payload.mp4", "caption": _NO_SUBJECT}]
        case _:
            world = _WORLD if work == "clips" else replace(_WORLD, frames=_TINY_FRAMES)
            with make_world(folder, world).open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))


def _shares(cost: Cost) -> str:
    """Whose the CPU-seconds are that were seen, largest first."""
    spent: dict[str, float] = defaultdict(float)
    for command, spent_s in cost.by_command:
        spent[next(role for words, role in _ROLES.items() if words in command)] += spent_s
    whole = sum(spent.values())
    return ", ".join(
        f"{role} {100 * spent_s / whole:.1f} %" for role, spent_s in sorted(spent.items(), key=lambda each: -each[1])
    )


def _cores(named: Sequence[int]) -> Sequence[int | None]:
    """Of which to measure each number; None for the machine as it is."""
    most = os.cpu_count() or 1
    if wrong := [cores for cores in named if not 1 <= cores <= most]:
        raise SystemExit(f"--cores is {wrong[0]}, expected 1 to {most}, which this machine has")
    return named or (None,)


def main() -> None:
    """Print one line for each number of clips, number of cores and executor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=_WORK, default="clips")
    parser.add_argument("--media", type=Path, help="a folder with clips/manifest.csv, for --work real")
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 30])
    parser.add_argument("--executors", nargs="+", default=["processes", "ray", "local"])
    parser.add_argument("--cores", type=int, nargs="+", default=[], help="all without it; 1 2 compares them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--code", type=Path, default=Path.cwd())
    arguments = parser.parse_args()
    if (arguments.work == "real") is not (arguments.media is not None):
        parser.error("--work real and --media DIR belong together")
    cores = _cores(arguments.cores)
    adopt_orphans()
    compile_modules()
    print(machine(["ray", "torch", "pyarrow"], seed=0))
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes running before; medians of {arguments.rounds}")
    print(
        f"{'clips':>6} {'executor':10} {'cores':>5} {'wall s':>8} {'times':>6} {'CPU-s':>8} {'CPU-ms/clip':>12} "
        f"{'peak MiB':>9}  whose"
    )
    with TemporaryDirectory() as scratch:
        manifests = write_manifests(Path(scratch), arguments.clips, arguments.work, media=arguments.media)
        for count, manifest in manifests.items():
            costs: dict[tuple[str, int | None], list[Cost]] = {
                (name, some): [] for name in arguments.executors for some in cores
            }
            for _ in range(arguments.rounds):
                for (name, some), found in costs.items():
                    found.append(measure(arguments.code.resolve(), manifest, arguments.work, name, cores=some))
            _show(count, costs)


def _show(count: int, costs: Mapping[tuple[str, int | None], Sequence[Cost]]) -> None:
    first_s: dict[str, float] = {}
    for (name, cores), found in costs.items():
        wall_s, cpu_s, peak_mib = (
            statistics.median(getattr(cost, field) for cost in found) for field in ("wall_s", "cpu_s", "peak_mib")
        )
        times = first_s.setdefault(name, wall_s) / wall_s
        print(
            f"{count:6} {name:10} {cores or 'all':>5} {wall_s:8.1f} {times:6.2f} {cpu_s:8.1f} "
            f"{1000 * cpu_s / count:12.1f} {peak_mib:9.0f}  {_shares(found[-1])}",
            flush=True,
        )


if __name__ == "__main__":
    main()
