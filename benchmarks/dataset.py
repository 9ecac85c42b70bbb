"""What a dataset of a million clips costs to read, each figure beside its goal; the status is 1 if one is missed.

    python -m benchmarks.dataset [--folder DIR] [--rounds 3] [--parts scale former clips]

Datasets of 10,000, 100,000 and 1,000,000 generated clips (`generated_dataset.py`) are read by fresh processes, in
turns; medians are printed, with the least and the greatest. `--folder` keeps what was generated there, and uses it
again.

`growth` tells whether a cost is linear in the rows: what one more row costs between 100,000 and 1,000,000 over what it
costs between 10,000 and 100,000. A fixed cost, such as opening a file, falls out; 1 is linear, and less is welcome.
`against 10,000` leaves the fixed cost in: the cost at 1,000,000 over a hundred times that at 10,000. Costs that are
milliseconds at 100,000 rows are noise there, and have no such goal.
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

from benchmarks.figures import Figure
from benchmarks.generated_dataset import generate, write_former
from benchmarks.measuring import machine
from benchmarks.quality import table
from benchmarks.sprite_dataset import write_sprite_dataset
from dataset_schema import DatasetManifest, Sample, new_dataset_id, shard_paths, write_manifest
from dataset_schema.rows import to_row
from dataset_schema.shard import TABLES, read_shard

Costs = Mapping[str, Sequence[float]]  # name of a cost -> what it was in each round

ROWS: Final = (10_000, 100_000, 1_000_000)
PARTS: Final = ("scale", "former", "clips")
_FLAGS: Final = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_MOST_MIB: Final = 1024.0
_MOST_GROWTH: Final = 1.1
_NOISE_S: Final = 0.05  # below it a cost says nothing about growth
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
    datasets = [bench.dataset(rows) for rows in ROWS]
    for goal in sorted(GOALS, key=lambda each: each.reading != "build_index"):  # the others read what it builds
        costs = bench.measure(goal.reading, *datasets)
        largest = costs[-1]
        yield _figure(goal.reading, _in_words(goal.cost), largest[goal.cost], of="1,000,000 rows", most=goal.most_s)
        yield _figure(goal.reading, "peak MiB", largest["peak_mib"], of="1,000,000 rows", most=_MOST_MIB)
        yield from _growth(goal.reading, [statistics.median(cost["cpu_s"]) for cost in costs])


def _growth(reading: str, cpu_s: Sequence[float]) -> Iterator[Figure]:
    small, middle, large = ROWS
    of = ", ".join(f"{found:.3f}" for found in cpu_s) + " CPU-s"
    further = (cpu_s[2] - cpu_s[1]) / (large - middle)
    before = (cpu_s[1] - cpu_s[0]) / (middle - small)
    tells = cpu_s[1] - cpu_s[0] > _NOISE_S
    if before > 0:
        most = _MOST_GROWTH if tells else None
        yield _figure(reading, "growth", [further / before], of=of, most=most)
    yield _figure(reading, "against 10,000", [cpu_s[2] / cpu_s[0] * small / large], of=of, most=_MOST_GROWTH)


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
        yield _figure(reading, f"former layout, {_in_words(cost)}", theirs[cost], of=of)
        ratio = statistics.median(theirs[cost]) / statistics.median(ours[cost])
        yield _figure(reading, "former layout / ours", [ratio], of=of)


def clips(bench: Bench) -> Iterator[Figure]:
    """Random reading of clips with media of real size."""
    present, before = bench.sprites()
    ours, theirs = bench.measure("read_clips", present, before)
    (peer,) = bench.measure("read_clips_by_datasets", present)
    of = f"{ours['clips'][0]} drawn clips"
    yield _figure("read_clips", "bytes read / bytes of media", _ratio(ours), of=of, most=_MOST_GROWTH)
    yield _figure("read_clips", "former layout, bytes read / bytes of media", _ratio(theirs), of=of)
    for name, costs in (("", ours), ("former layout, ", theirs), ("`datasets`, ", peer)):
        yield _figure("read_clips", f"{name}clips/CPU-s", _per_second(costs), of=of)


def _ratio(costs: Costs) -> list[float]:
    return [read / needed for read, needed in zip(costs["read_bytes"], costs["needed_bytes"], strict=True)]


def _per_second(costs: Costs) -> list[float]:
    return [count / spent for count, spent in zip(costs["clips"], costs["cpu_s"], strict=True)]


def _figure(reading: str, name: str, found: Sequence[float], *, of: str, most: float | None = None) -> Figure:
    spread = f" ({min(found):.3g} to {max(found):.3g})" if len(found) > 1 else ""
    return Figure(
        job=reading, name=name, value=statistics.median(found), of=of + spread, goal=most, at_most=most is not None
    )


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
        parts = {"scale": scale, "former": former, "clips": clips}
        figures = list(chain.from_iterable(parts[part](bench) for part in arguments.parts))
    print("\n".join(table(figures)))
    missed = sum(not figure.is_met for figure in figures)
    print(f"{missed} of {sum(figure.goal is not None for figure in figures)} goals missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
