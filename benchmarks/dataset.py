"""What a dataset of a million clips costs to read, each figure beside its goal; the status is 1 if one is missed.

    python -m benchmarks.dataset [--folder DIR] [--rounds 3] [--parts scale former clips store]

Datasets of 10,000, 100,000 and 1,000,000 generated clips (`generated_dataset.py`) are read by fresh processes, in
turns; medians are printed, with the least and the greatest. `--folder` keeps what was generated there, and uses it
again.

`growth` is how many times as much 1,000,000 rows cost as 10,000, divided by the hundred times that linear would be: 1
is linear, less is welcome, 1.1 is the goal. Because a single reading of 10,000 rows takes milliseconds, and loading a
library more, each process reads again and again, and the least counts: what else the machine does only adds to it.
`growth of rows` is the same without what 100 rows cost, which does not depend on the rows. It has no goal: 10,000 rows
lie in a processor's caches and 1,000,000 do not, and to sort them takes n log n, which would be 1.5.

The part `store` needs moto, an object store for tests. Where it is not installed the part is told as not run.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import store_curation
from benchmarks.figures import Figure, median_figure
from benchmarks.generated_dataset import generate, write_former
from benchmarks.measuring import machine
from benchmarks.quality import table
from benchmarks.sprite_dataset import write_sprite_dataset
from dataset_schema import DatasetManifest, Sample, new_dataset_id, shard_paths, write_manifest
from dataset_schema.rows import to_row
from dataset_schema.shard import TABLES, read_shard

Costs = Mapping[str, Sequence[float]]  # name of a cost -> what it was in each round

_START_ROWS: Final = 100  # of which nearly nothing of the cost is that of the rows
ROWS: Final = (10_000, 100_000, 1_000_000)
PARTS: Final = ("scale", "former", "clips", "store")
_FLAGS: Final = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_MOST_MIB: Final = 1024.0
_MOST_GROWTH: Final = 1.1
_SPRITES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Of one reading: which cost counts, and the most that a million rows may take, in seconds."""

    reading: str
    cost: str
    most_s: float | None


GOALS: Final = (
    Goal(reading="open_for_training", cost="cpu_s", most_s=2.0),
    Goal(reading="resume", cost="cpu_s", most_s=3.0),
    Goal(reading="filter_index", cost="wall_s", most_s=0.3),
    Goal(reading="page_of_index", cost="wall_s", most_s=0.5),
    Goal(reading="build_index", cost="cpu_s", most_s=None),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where datasets lie, and how often each is read."""

    folder: Path
    rounds: int

    def dataset(self, rows: int) -> Path:
        """A generated one with its index."""
        return self._made(str(rows), partial(generate, rows=rows))

    def former(self, rows: int) -> Path:
        """The same rows as they lay before schema 3.2; nothing indexes it."""
        return self._made(f"{rows}-former", partial(generate, rows=rows, write=write_former))

    def sprites(self) -> tuple[Path, Path]:
        """Drawn clips with media of real size, as they lie and as they lay."""
        present = self._made("sprites", _draw_sprites)
        former = self._made("sprites-former", lambda folder: _copy_in_former_layout(present, folder))
        return present, former

    def measure(self, reading: str, *datasets: Path) -> list[Costs]:
        """What a reading costs of each dataset, which take turns."""
        found: dict[Path, list[dict[str, float]]] = {dataset: [] for dataset in datasets}
        for _ in range(self.rounds):
            for dataset in datasets:
                found[dataset].append(read_in_fresh_process(reading, dataset))
        return [{name: [one[name] for one in found[dataset]] for name in found[dataset][0]} for dataset in datasets]

    def _made(self, name: str, make: Callable[[Path], None]) -> Path:
        path, sign = self.folder / name, self.folder / f"{name}.made"
        if not sign.is_file():
            print(f"making {path}", flush=True)
            make(path)
            sign.touch()
        return path


def read_in_fresh_process(reading: str, dataset: Path) -> dict[str, float]:
    """See `benchmarks.dataset_reading`.

    Raises:
        RuntimeError: the reading failed; the message is what it said.
    """
    command = [sys.executable, "-m", "benchmarks.dataset_reading", reading, str(dataset)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def scale(bench: Bench) -> Iterator[Figure]:
    """What has a goal at a million rows, and how it grows."""
    datasets = [bench.dataset(rows) for rows in (_START_ROWS, *ROWS)]
    for goal in sorted(GOALS, key=lambda each: each.reading != "build_index"):  # the others read what it builds
        costs = bench.measure(goal.reading, *datasets)
        largest, of = costs[-1], f"{ROWS[-1]:,} rows"
        yield median_figure(goal.reading, _in_words(goal.cost), largest[goal.cost], of=of, most=goal.most_s)
        yield median_figure(goal.reading, "peak MiB", largest["peak_mib"], of=of, most=_MOST_MIB)
        yield from _growth(goal.reading, costs)


def _growth(reading: str, costs: Sequence[Costs]) -> Iterator[Figure]:
    start_s, *cpu_s = (min(cost["again_cpu_s"]) for cost in costs)
    of = f"{start_s:.4f}, " + ", ".join(f"{found:.3f}" for found in cpu_s) + " CPU-s again"
    growth = cpu_s[-1] / cpu_s[0] / (ROWS[-1] / ROWS[0])
    yield median_figure(reading, "growth", [growth], of=of, most=_MOST_GROWTH)
    linear = (ROWS[-1] - _START_ROWS) / (ROWS[0] - _START_ROWS)
    yield median_figure(reading, "growth of rows", [(cpu_s[-1] - start_s) / (cpu_s[0] - start_s) / linear], of=of)


def former(bench: Bench) -> Iterator[Figure]:
    """The same rows in four-row groups without an index, read by the present readers: the layout alone differs."""
    rows = ROWS[0]
    present, before = bench.dataset(rows), bench.former(rows)
    if not (present / "index").is_dir():
        read_in_fresh_process("build_index", present)
    for reading, peer, cost in (
        ("open_for_training", "open_for_training", "cpu_s"),
        ("resume", "resume", "cpu_s"),
        ("filter_index", "filter_shards", "wall_s"),
    ):
        (ours,) = bench.measure(reading, present)
        (theirs,) = bench.measure(peer, before)
        of = f"{rows:,} rows; times {ROWS[-1] // rows} for a million"
        yield median_figure(reading, f"former layout, {_in_words(cost)}", theirs[cost], of=of)
        ratio = statistics.median(theirs[cost]) / statistics.median(ours[cost])
        yield median_figure(reading, "former layout / ours", [ratio], of=of)


def clips(bench: Bench) -> Iterator[Figure]:
    """Random reading of clips with media of real size."""
    present, before = bench.sprites()
    ours, theirs = bench.measure("read_clips", present, before)
    (peer,) = bench.measure("read_clips_by_datasets", present)
    of = f"{ours['clips'][0]} drawn clips"
    yield median_figure("read_clips", "bytes read / bytes of media", _ratio(ours), of=of, most=_MOST_GROWTH)
    yield median_figure("read_clips", "former layout, bytes read / bytes of media", _ratio(theirs), of=of)
    for name, costs in (("", ours), ("former layout, ", theirs), ("`datasets`, ", peer)):
        yield median_figure("read_clips", f"{name}clips/CPU-s", _per_second(costs), of=of)


def store(bench: Bench) -> Iterator[Figure]:
    """Curation from and into an object store, against this machine's disk."""
    if store_curation.missing_package() is None:
        yield from store_curation.figures(bench.rounds)


def _ratio(costs: Costs) -> list[float]:
    return [read / needed for read, needed in zip(costs["read_bytes"], costs["needed_bytes"], strict=True)]


def _per_second(costs: Costs) -> list[float]:
    return [count / spent for count, spent in zip(costs["clips"], costs["cpu_s"], strict=True)]


def _in_words(cost: str) -> str:
    return {"cpu_s": "CPU-s", "wall_s": "s by the clock"}[cost]


def _draw_sprites(folder: Path) -> None:
    write_sprite_dataset(folder, clips=_SPRITES)
    described = DatasetManifest(
        profile="drawn", config={}, annotators=(), funnel=(), complete=True, id=new_dataset_id()
    )
    write_manifest(folder, described)
    read_in_fresh_process("build_index", folder)


def _copy_in_former_layout(dataset: Path, folder: Path) -> None:
    for path in shard_paths(dataset, Sample):
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        rows = map(to_row, read_shard(path, Sample))
        write_former(folder / "samples" / path.name, TABLES[Sample].schema, rows)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with TemporaryDirectory() as scratch:
        yield Path(scratch)


def _cpu() -> str:
    known = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    flags = re.search(r"^flags\s*:\s*(.*)$", known, re.MULTILINE)
    found = [flag for flag in _FLAGS if flags and flag in flags.group(1).split()]
    return f"{os.cpu_count()} cores ({', '.join(found)}), {os.getloadavg()[0]:.1f} processes running before"


def main() -> int:
    """Measure the parts and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="keep the datasets here: 3 GB; without it they are thrown away")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    print(machine(["pyarrow", "duckdb", "datasets", "torch"], seed=0))
    print(f"{_cpu()}; medians of {arguments.rounds}", flush=True)
    with _folder(arguments.folder) as folder:
        bench = Bench(folder, arguments.rounds)
        parts = {"scale": scale, "former": former, "clips": clips, "store": store}
        figures = list(chain.from_iterable(parts[part](bench) for part in arguments.parts))
    print("\n".join(table(figures)))
    missed = sum(not figure.is_met for figure in figures)
    print(f"{missed} of {sum(figure.goal is not None for figure in figures)} goals missed")
    if "store" in arguments.parts and (package := store_curation.missing_package()):
        print(f"NOT RUN: store, because {package} is not installed; pip install 'openalchemist[dev]' brings it")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
