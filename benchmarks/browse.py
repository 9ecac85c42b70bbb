"""What the dataset browser costs over a million clips, each figure beside its goal; the status is 1 if one is missed.

    python -m benchmarks.browse [--dataset DIR] [--rounds 3]

Without a dataset one of 1,000,000 generated clips is made first (`generated_dataset.py`: four minutes, 2.7 GB) with its
index. The server is a process of its own, asked through HTTP as a browser asks it, each time for something that it was
not asked before; `tables to search in` is the rest of what the server makes ready before it can search. For the pages
that compare, a second index over the same shards says of half of the clips another score, of a tenth of those that were
left out another reason, and of 2 % another caption; their servers are measured apart. Seconds are by the clock, from
the request to the last byte; `CPU-s` is what the server computed meanwhile, which is what a machine without other work
would wait at most. Memory is the peak of its process.
"""

import argparse
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.figures import Figure, median_figure
from benchmarks.generated_dataset import generate
from benchmarks.measuring import machine
from benchmarks.quality import table
from dataset_schema import INDEX_FOLDER, TABLES, refresh_index
from dataset_schema.replacement import MANIFEST_NAME
from storage.whole_files import whole_file

_MOST_MIB: Final = 1024.0
_FILTERS: Final = (
    "outcome=kept&min_desirable=0.6&max_shot_change=0.2",
    "min_subject_confidence=0.75&outcome=kept",
    "outcome=rejected&stage=content_filter&max_desirable=0.05",
)
_SORTED: Final = ("sort=desirable&order=desc", "sort=subject_confidence&order=desc", "sort=background_leak")
_WORDS: Final = ("word=dog&kind=subject", "word=cat&kind=subject", "word=horse&kind=subject")
_TEXTS: Final = ("q=dog", "q=beach", "q=woman")
_ROWS_AT_ONCE: Final = 2048
# What the second index says otherwise: of which share of the clips, and what of what it said.
_CHANGES: Final[Mapping[str, tuple[float, Callable[[pa.Array], pa.Array]]]] = {
    "desirable": (0.5, lambda score: pc.add(score, 0.01)),
    "reason": (0.1, lambda reason: pc.if_else(pc.is_valid(reason), "another_reason", None)),
    "caption": (0.02, lambda caption: pc.binary_join_element_wise(caption, "Again.", " ")),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one answer."""

    wall_s: float
    cpu_s: float


_Questions = Callable[["Server", int], Iterator[tuple[str, Sequence[Cost]]]]


@dataclass(frozen=True, slots=True)
class Server:
    """The browser as a process."""

    process: subprocess.Popen[str]
    port: int
    start: Cost

    def ask(self, address: str) -> tuple[str, Cost]:
        """The page at an address, and what it cost.

        Raises:
            RuntimeError: it is no page.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        start_s, start_cpu_s = time.perf_counter(), self.cpu_s()
        connection.request("GET", address)
        answer = connection.getresponse()
        page = answer.read().decode()
        cost = Cost(time.perf_counter() - start_s, self.cpu_s() - start_cpu_s)
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{address} was answered with status {answer.status}: {page[:500]}")
        return page, cost

    def cpu_s(self) -> float:
        """What the process has computed so far, by all of its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The most memory that it had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def running(dataset: Path, *options: str) -> Iterator[Server]:
    """A server of a dataset, within the block."""
    command = [sys.executable, "-m", "pipelines", "browse", "--dataset", str(dataset), "--port", "0", *options]
    start_s = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            port = int(process.stdout.readline().rsplit(":", 1)[1].split("/")[0])
            server = Server(process, port, Cost(0.0, 0.0))
            server.ask("/static/browse.js")
            yield Server(process, port, Cost(time.perf_counter() - start_s, server.cpu_s()))
        finally:
            process.terminate()


def measure(dataset: Path, rounds: int) -> list[Figure]:
    """All figures, each over so many fresh servers."""
    with TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        make_again(dataset, again)
        return [
            *_measured("server", rounds, _asked, dataset),
            *_measured("comparing server", rounds, _compared, dataset, "--compare", str(again)),
        ]


def make_again(dataset: Path, folder: Path) -> None:
    """The same shards under an index that says other things of some of their clips."""
    folder.mkdir()
    (folder / MANIFEST_NAME).write_bytes((dataset / MANIFEST_NAME).read_bytes())
    for table_of_dataset in TABLES.values():
        (folder / table_of_dataset.folder).symlink_to((dataset / table_of_dataset.folder).resolve())
    (folder / INDEX_FOLDER).mkdir()
    rng = np.random.default_rng(0)
    for part in sorted((dataset / INDEX_FOLDER).glob("*.parquet")):
        with pq.ParquetFile(part) as former, whole_file(folder / INDEX_FOLDER / part.name) as written:
            schema = former.schema_arrow
            with pq.ParquetWriter(written, schema, compression="zstd") as writer:
                for batch in former.iter_batches(batch_size=_ROWS_AT_ONCE):
                    writer.write_table(_changed(batch, rng).cast(schema))


def _changed(rows: pa.RecordBatch, rng: np.random.Generator) -> pa.Table:
    table = pa.Table.from_batches([rows])
    for name, (share, change) in _CHANGES.items():
        kind, was = table.schema.field(name).type, table[name]
        was = was.cast(kind.value_type) if pa.types.is_dictionary(kind) else was
        now = pc.if_else(pa.array(rng.random(len(table)) < share), change(was), was)
        table = table.set_column(table.schema.get_field_index(name), name, now)
    return table


def _measured(name: str, rounds: int, asked: _Questions, dataset: Path, *options: str) -> Iterator[Figure]:
    found: dict[str, list[Cost]] = {}
    peaks: list[float] = []
    for number in range(rounds):
        with running(dataset, *options) as server:
            for question, costs in asked(server, number % len(_FILTERS)):
                found.setdefault(question, []).extend(costs)
            peaks.append(server.peak_mib())
    for question, costs in found.items():
        yield from _figures(question, costs)
    yield median_figure(name, "peak MiB", peaks, of="all of this", most=_MOST_MIB)


GOALS: Final = {
    "start": 2.0,
    "overview": 1.5,
    "first page of the gallery": 1.5,
    "filter by scores": 0.3,
    "sort by a score": 1.5,
    "filter by an entity word": 0.3,
    "search in captions": 0.3,
    "next clip": 0.1,
}


def _asked(server: Server, number: int) -> Iterator[tuple[str, Sequence[Cost]]]:
    yield "start", [server.start]
    yield "overview", [server.ask("/")[1]]
    yield "tables to search in", [server.ask("/clips?q=no+caption+holds+this")[1]]
    yield "first page of the gallery", [server.ask("/clips?outcome=kept")[1]]
    yield "filter by scores", [server.ask(f"/clips?{_FILTERS[number]}")[1]]
    yield "sort by a score", [server.ask(f"/clips?{_SORTED[number]}")[1]]
    yield "filter by an entity word", [server.ask(f"/clips?{_WORDS[number]}")[1]]
    yield "search in captions", [server.ask(f"/clips?{_TEXTS[number]}")[1]]
    yield "next clip", list(_steps(server, f"/clips?outcome=kept&{_SORTED[number]}"))


def _compared(server: Server, number: int) -> Iterator[tuple[str, Sequence[Cost]]]:
    """Of a server that has both datasets ready."""
    for base in ("", "/second"):
        server.ask(f"{base}/")
        server.ask(f"{base}/clips?q=no+caption+holds+this")
    yield "compare, first page", [server.ask("/compare")[1]]
    yield "compare, again", [server.ask("/compare")[1]]
    for what in ("was=rejected&now=rejected", "what=desirable", "what=caption"):
        yield f"compare, clips by {what}", [server.ask(f"/compare/clips?{what}&page={number + 2}")[1]]


def _steps(server: Server, gallery: str, count: int = 10) -> Iterator[Cost]:
    """From the first clip of a gallery on, as the links lead."""
    page, _ = server.ask(gallery)
    address = _link(page, r'href="(/clip/[^"]+)"')
    page, _ = server.ask(address)
    for _ in range(count):
        page, cost = server.ask(_link(page, r'rel="next" href="([^"]+)"'))
        yield cost


def _link(page: str, pattern: str) -> str:
    found = re.search(pattern, page)
    if found is None:
        raise RuntimeError(f"a page has no link like {pattern}")
    return found[1].replace("&amp;", "&")


def _figures(name: str, costs: Sequence[Cost]) -> Iterator[Figure]:
    walls = [cost.wall_s for cost in costs]
    yield median_figure(name, "s by the clock", walls, of="1,000,000 clips", most=GOALS.get(name))
    yield median_figure(name, "CPU-s", [cost.cpu_s for cost in costs], of="1,000,000 clips")


@contextmanager
def _million(dataset: Path | None) -> Iterator[Path]:
    if dataset is not None:
        yield dataset
        return
    with TemporaryDirectory() as folder:
        made = Path(folder) / "million"
        _make(made)
        yield made


def _make(folder: Path) -> None:
    print(f"making {folder}", flush=True)
    generate(folder, rows=1_000_000)
    refresh_index(folder)


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine(["duckdb", "pyarrow", "starlette", "uvicorn"], seed=0))
    print(f"{os.cpu_count()} cores, {os.getloadavg()[0]:.1f} processes running before; {arguments.rounds} servers")
    with _million(arguments.dataset) as dataset:
        figures = measure(dataset, arguments.rounds)
    print("\n".join(table(figures)))
    missed = sum(not figure.is_met for figure in figures)
    print(f"{missed} of {sum(figure.goal is not None for figure in figures)} goals missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
