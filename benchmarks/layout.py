"""How rows may lie in a Parquet file: large groups with seekable media, or groups of 1 or 4 rows beside an index.

    python -m benchmarks.layout [--rows 2000] [--rounds 3]

Every row has the words, scores and facts of a curated clip, a video of 200 kB of noise, three reference images and a
background. All shapes hold the same rows, in files of 1,000. The small groups are those of schema 3.1, compressed as
a whole; what they are asked about scores, they may be asked in a side file without the columns that hold media.

Prints what each shape weighs; what one question about two scores costs, in each tool; what one clip's media cost, in
bytes that a counting file served; and what a pass over everything costs in `datasets`. CPU-seconds are medians of one
thread; memory is the growth of a fresh process.
"""

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq
from datasets import load_dataset
from PIL import Image

from benchmarks.measuring import Run, cpu_seconds, machine, peak_mib
from benchmarks.sprite_dataset import write_sprite_dataset
from dataset_schema import SAMPLES_SCHEMA, Payload, Sample, media_places, read_shard, shard_paths, write_shard
from dataset_schema.rows import to_row

_VIDEO_BYTES: Final = 200_000
_PICTURES: Final = 64
_ROWS_A_FILE: Final = 1000
_CLIPS_READ: Final = 40
_MEDIA: Final = ("video", "entities", "background")
_QUESTION: Final = "scores.desirable >= 0.5 AND scores.shot_change <= 0.5"
SEED: Final = 0

Shapes = dict[str, list[Path]]
Ask = Callable[[Sequence[str]], int]


def made_samples(rows: int) -> Iterator[Sample]:
    """Drawn clips, again and again, each with noise of its own for a video: nothing compresses it."""
    chance = random.Random(SEED)
    with TemporaryDirectory() as scratch:
        write_sprite_dataset(Path(scratch), clips=8)
        drawn = [sample for path in shard_paths(Path(scratch), Sample) for sample in read_shard(path, Sample)]
    pictures = [_noise_picture(number) for number in range(_PICTURES)]
    for number in range(rows):
        sample = drawn[number % len(drawn)]
        entities = tuple(
            replace(
                entity,
                references=tuple(
                    replace(reference, image=chance.choice(pictures), sharpness=chance.uniform(0, 900))
                    for reference in entity.references
                ),
            )
            for entity in sample.entities
        )
        yield replace(
            sample,
            clip_id=f"{chance.getrandbits(128):032x}",
            source=replace(sample.source, id=f"{chance.getrandbits(128):032x}", uri=f"/videos/{number:07d}.mp4"),
            video=Payload(bytes=chance.randbytes(_VIDEO_BYTES)),
            scores=replace(sample.scores, desirable=chance.random(), shot_change=chance.random()),
            entities=entities,
        )


def _noise_picture(number: int) -> Payload:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 4), np.uint8)
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return Payload(bytes=file.getvalue())


def write_small_groups(path: Path, rows: pa.Table, rows_per_group: int) -> None:
    """As schema 3.1 wrote shards."""
    with pq.ParquetWriter(path, SAMPLES_SCHEMA, compression="zstd") as writer:
        writer.write_table(rows, row_group_size=rows_per_group)


def write_shapes(folder: Path, rows: int) -> tuple[Shapes, Path]:
    """The same rows in every shape, and the index beside the small groups."""
    shapes: Shapes = {"large": [], "4 rows": [], "1 row": []}
    for name in shapes:
        (folder / name).mkdir()
    index = folder / "index.parquet"
    samples = made_samples(rows)
    without_media = pa.schema([field for field in SAMPLES_SCHEMA if field.name not in _MEDIA])
    with pq.ParquetWriter(index, without_media, compression="zstd") as writer:
        for start in range(0, rows, _ROWS_A_FILE):
            part = [next(samples) for _ in range(min(_ROWS_A_FILE, rows - start))]
            table = pa.Table.from_pylist([to_row(sample) for sample in part], schema=SAMPLES_SCHEMA)
            paths = {name: folder / name / f"part-{start:06d}.parquet" for name in shapes}
            write_shard(paths["large"], part)
            write_small_groups(paths["4 rows"], table, 4)
            write_small_groups(paths["1 row"], table, 1)
            writer.write_table(table.select(without_media.names))
            for name, path in paths.items():
                shapes[name].append(path)
    return shapes, index


def ask_pyarrow(paths: Sequence[str]) -> int:
    """How many rows fulfil the question."""
    desirable, shot_change = pc.field("scores", "desirable"), pc.field("scores", "shot_change")
    condition = (desirable >= 0.5) & (shot_change <= 0.5)
    return int(pyarrow.dataset.dataset(list(paths)).count_rows(filter=condition, use_threads=False))


def ask_duckdb(paths: Sequence[str]) -> int:
    """How many rows fulfil the question."""
    with duckdb.connect(config={"threads": 1}) as database:
        found = database.execute(f"SELECT count(*) FROM read_parquet(?) WHERE {_QUESTION}", [list(paths)]).fetchone()
    return int(found[0]) if found else 0


def ask_pandas(paths: Sequence[str]) -> int:
    """How many rows fulfil the question."""
    scores = pd.concat([pd.read_parquet(path, columns=["scores"]) for path in paths])["scores"]
    return sum(row["desirable"] >= 0.5 and row["shot_change"] <= 0.5 for row in scores)


def ask_datasets(paths: Sequence[str]) -> int:
    """How many rows fulfil the question."""
    rows = load_dataset("parquet", data_files=list(paths), split="train", streaming=True, columns=["scores"])
    return sum(row["scores"]["desirable"] >= 0.5 and row["scores"]["shot_change"] <= 0.5 for row in rows)


def ask_polars(paths: Sequence[str]) -> int:
    """How many rows fulfil the question."""
    scores = polars.col("scores").struct
    is_wanted = (scores.field("desirable") >= 0.5) & (scores.field("shot_change") <= 0.5)
    return int(polars.scan_parquet(list(paths)).filter(is_wanted).select(polars.len()).collect().item())


TOOLS: Final[dict[str, Ask]] = {
    "pyarrow": ask_pyarrow,
    "DuckDB": ask_duckdb,
    "pandas": ask_pandas,
    "Polars": ask_polars,
    "datasets": ask_datasets,
}


class CountingFile(io.FileIO):
    """A file that counts the bytes it was asked for."""

    served_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        """As any file."""
        found = super().read(-1 if size is None else size)
        self.served_bytes += len(found)
        return found


def read_clips(paths: Sequence[Path]) -> tuple[float, float]:
    """Bytes served over bytes needed, and milliseconds, for one clip's media, drawn anywhere; footers are open."""
    chance = random.Random(SEED)
    served = needed = 0
    spent_ms = []
    files = [CountingFile(path, "r") for path in paths]
    opened = [pq.ParquetFile(file, pre_buffer=False) for file in files]
    places = [media_places(file) for file in opened]
    for _ in range(_CLIPS_READ):
        number = chance.randrange(len(files))
        row = chance.randrange(opened[number].metadata.num_rows)
        files[number].served_bytes = 0
        start_s = time.perf_counter()
        known = places[number]
        if known is None:
            group_rows = opened[number].metadata.row_group(0).num_rows
            group = opened[number].read_row_group(row // group_rows, columns=list(_MEDIA), use_threads=False)
            (found,) = group.slice(row % group_rows, 1).to_pylist()
            needed += sum(map(len, _contents(found)))
        else:
            for offset, length in zip(known.offsets[row].as_py(), known.lengths[row].as_py(), strict=True):
                files[number].seek(offset)
                needed += len(files[number].read(length))
        spent_ms.append(1000 * (time.perf_counter() - start_s))
        served += files[number].served_bytes
    for file in (*opened, *files):
        file.close()
    return served / needed, statistics.median(spent_ms)


def _contents(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _contents(member)


def stream(paths: Sequence[str], rows: int) -> Run:
    """A pass of `datasets` over so many rows, pictures decoded, videos as bytes."""

    def run() -> int:
        found = load_dataset("parquet", data_files=list(paths), split="train", streaming=True)
        return sum(len(row["video"]["bytes"]) for row in found.take(rows))

    return run


def read_in_turn(path: Path, records: int) -> Run:
    """The first records of a shard, by this project's own reader."""
    return lambda: sum(1 for _ in islice(read_shard(path, Sample), records))


def _read_mb(run: Run) -> float:
    """What this process reads in a run. Linux only."""
    before = _asked_bytes()
    run()
    return (_asked_bytes() - before) / 1e6


def _asked_bytes() -> int:
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("rchar:")[1].split()[0])


def print_measures(shapes: Shapes, index: Path, *, rows: int, rounds: int) -> None:
    """One line for each measure, a column for each shape, and one for the side file where it answers."""
    _print_line("", [*shapes, "side file"])
    files = [*shapes.values(), [index]]
    sizes = [sum(path.stat().st_size for path in paths) for paths in files]
    footers = [sum(pq.read_metadata(path).serialized_size for path in paths) for paths in files]
    _print_line("size, MB", [f"{size / 1e6:.1f}" for size in sizes])
    _print_line("footers, kB", [f"{size / 1e3:.0f}" for size in footers])
    asked = {name: list(map(str, paths)) for name, paths in shapes.items()} | {"side file": [str(index)]}
    for tool, ask in TOOLS.items():
        _print_line(f"two scores, {tool}, rows found", [str(ask(paths)) for paths in asked.values()])
        spent = cpu_seconds({name: partial(ask, paths) for name, paths in asked.items()}, rounds=rounds, warm_ups=0)
        _print_line(f"two scores, {tool}, CPU-s", [f"{spent[name]:.3f}" for name in asked])
    read = [read_clips(paths) for paths in shapes.values()]
    _print_line("one clip, bytes served / needed", [f"{ratio:.2f}" for ratio, _ in read])
    _print_line("one clip, ms", [f"{spent_ms:.2f}" for _, spent_ms in read])
    first = [paths[0] for paths in shapes.values()]
    _print_line("read_shard, 16 records, MB read", [f"{_read_mb(read_in_turn(path, 16)):.1f}" for path in first])
    peaks = [peak_mib(partial(read_in_turn, path, _ROWS_A_FILE)) for path in first]
    _print_line("read_shard, 1,000 records, peak MiB", [f"{peak:.0f}" for peak in peaks])
    runs = {name: stream(asked[name], rows) for name in shapes}
    spent = cpu_seconds(runs, rounds=1, warm_ups=0)
    _print_line("datasets, streaming, CPU-s", [f"{spent[name]:.1f}" for name in shapes])
    _print_line(
        "datasets, streaming, peak MiB", [f"{peak_mib(partial(stream, asked[name], rows)):.0f}" for name in shapes]
    )
    one = cpu_seconds({name: stream(asked[name], 1) for name in shapes}, rounds=rounds, warm_ups=0)
    _print_line("datasets, first row, CPU-s", [f"{one[name]:.2f}" for name in shapes])


def _print_line(measure: str, found: Sequence[str]) -> None:
    print(f"{measure:36}" + "".join(f"{each:>12}" for each in found), flush=True)


def main() -> None:
    """Write the shapes and measure them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine(["pyarrow", "duckdb", "pandas", "polars", "datasets"], seed=SEED))
    print(f"{arguments.rows} rows")
    with TemporaryDirectory() as scratch:
        shapes, index = write_shapes(Path(scratch), arguments.rows)
        print_measures(shapes, index, rows=arguments.rows, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
