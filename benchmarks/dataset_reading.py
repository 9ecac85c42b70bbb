"""One way of reading a dataset, once, in a process of its own that does nothing else: what `benchmarks.dataset` starts.

    python -m benchmarks.dataset_reading WHAT DATASET

Prints what it took as JSON: CPU-seconds (user and system, all threads) and seconds by the clock of the reading alone,
without the imports, and the peak memory of the whole process, with them. `again_cpu_s` is the least that the same took
when it was done again, and again: what only the first time costs, such as a library that is loaded then, is not in it.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

Run = Callable[[], object]

_CLIPS_DRAWN: Final = 200
_AGAIN: Final = 3
_SEED: Final = 0
_FILTER: Final = "desirable >= 0.6 AND shot_change < 0.2 AND subject_confidence >= 0.7"


# What a reading needs is imported where it is prepared, because the memory of every other one would hold it too.


def nothing(dataset: Path) -> Run:
    """The cost of a process that reads nothing."""
    return dataset.exists


def open_for_training(dataset: Path) -> Run:
    """Until the first clip could be drawn."""
    from dataset_schema import TABLE_6_BUCKETS
    from modeling.data.store import SampleStore

    return lambda: SampleStore(dataset, TABLE_6_BUCKETS)


def resume(dataset: Path) -> Run:
    """What a run that is started again must know."""
    from curation.execution.ledger import read_ledger

    return lambda: read_ledger(dataset)


def build_index(dataset: Path) -> Run:
    """From the shards alone, as after a run that had no time for it."""
    from dataset_schema.index import refresh_index

    def run() -> int:
        for path in (dataset / "index").glob("*.parquet"):
            path.unlink()
        return refresh_index(dataset).num_rows

    return run


def filter_index(dataset: Path) -> Run:
    """The kept clips that pass three scores."""
    return _query(dataset, f"SELECT clip_id FROM clips WHERE outcome = 'kept' AND {_FILTER}")


def page_of_index(dataset: Path) -> Run:
    """The 60 best by a score, with what a page shows of each."""
    shown = "clip_id, caption, subjects, bucket, duration_s, desirable, shard, row"
    return _query(dataset, f"SELECT {shown} FROM clips WHERE outcome = 'kept' ORDER BY desirable DESC LIMIT 60")


def filter_shards(dataset: Path) -> Run:
    """As `filter_index`, over the samples themselves: what there is without an index."""
    import duckdb

    paths = sorted(map(str, (dataset / "samples").glob("*.parquet")))
    where = " AND ".join(f"scores.{term}" for term in _FILTER.split(" AND "))
    connection = duckdb.connect()
    return lambda: connection.execute(f"SELECT clip_id FROM read_parquet({paths}) WHERE {where}").fetchall()


def read_clips(dataset: Path) -> Run:
    """Random clips with their frames' bytes and their references."""
    from dataset_schema import TABLE_6_BUCKETS
    from modeling.data.store import SampleStore

    store = SampleStore(dataset, TABLE_6_BUCKETS)
    every = [(bucket, index) for bucket, count in store.clips_per_bucket().items() for index in range(count)]
    drawn = random.Random(_SEED).sample(every, min(_CLIPS_DRAWN, len(every)))

    def run() -> Mapping[str, int]:
        read = [store.read(bucket, index) for bucket, index in drawn]
        pictures = [image for clip in read for entity in clip.entities for image in entity.images]
        media = [*pictures, *(each for clip in read for each in (clip.video, clip.background) if each is not None)]
        needed = sum(len(payload.bytes or b"") for payload in media)
        return {"clips": len(read), "needed_bytes": needed}

    return run


def read_clips_by_datasets(dataset: Path) -> Run:
    """As `read_clips`, by `datasets`, which first makes an Arrow file of everything."""
    import datasets

    datasets.disable_progress_bars()
    paths = sorted(map(str, (dataset / "samples").glob("*.parquet")))

    def run() -> Mapping[str, int]:
        with TemporaryDirectory() as cache:
            rows = datasets.load_dataset("parquet", data_files=paths, split="train", cache_dir=cache)
            undecoded = rows.with_format("arrow")
            drawn = random.Random(_SEED).sample(range(len(rows)), min(_CLIPS_DRAWN, len(rows)))
            return {"clips": sum(undecoded[number].num_rows for number in drawn)}

    return run


READINGS: Final[Mapping[str, Callable[[Path], Run]]] = {
    each.__name__: each
    for each in (
        nothing,
        open_for_training,
        resume,
        build_index,
        filter_index,
        page_of_index,
        filter_shards,
        read_clips,
        read_clips_by_datasets,
    )
}


def _query(dataset: Path, query: str) -> Run:
    import duckdb

    from dataset_schema.index import open_index

    paths = list(map(str, open_index(dataset).paths))
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    return lambda: connection.execute(query.replace("FROM clips", f"FROM read_parquet({paths})")).fetchall()


def _memory_mib(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


def main() -> None:
    """Measure one."""
    what, dataset = sys.argv[1:]
    run = READINGS[what](Path(dataset))
    served_before = _bytes_read()
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    found = run()
    cost = {
        "cpu_s": time.process_time() - start_cpu_s,
        "wall_s": time.perf_counter() - start_s,
        "peak_mib": _memory_mib("VmHWM"),
        "read_bytes": _bytes_read() - served_before,
    }
    told = found if isinstance(found, Mapping) else {}
    del found  # a second one beside it would take memory, and time, that the first did not
    print(json.dumps({**cost, **told, "again_cpu_s": _again(run)}))


def _again(run: Run) -> float:
    taken: list[float] = []
    for _ in range(_AGAIN):  # of a small dataset not more often than of a large one: the least of more is less
        start_s = time.process_time()
        run()
        taken.append(time.process_time() - start_s)
    return min(taken)


def _bytes_read() -> int:
    """What the system calls of this process have read, whether from the disk or from its cache."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("rchar:")[1].split()[0])


if __name__ == "__main__":
    main()
