"""Rows that are carried over lie in the shards that a writer of records would have written."""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.execution.outcomes import Outcome
from curation.execution.table_writer import TableWriter
from curation.execution.writer import ROW_BYTES, Destination, ShardLimits, ShardWriter
from dataset_schema import TABLES, FailedClip, Sample, read_shard, shard_paths, to_table
from tests.curation.scripted_stages import make_clip, make_failed_clip, make_sample

SIZES = st.lists(st.sampled_from([10, ROW_BYTES, 3 * ROW_BYTES]), min_size=1, max_size=8)
LIMITS = st.builds(
    ShardLimits, target_bytes=st.sampled_from([1, 3 * ROW_BYTES, 7 * ROW_BYTES, 2**28]), max_rows=st.integers(1, 9)
)


def shards(dataset: Path) -> dict[str, list[object]]:
    return {path.name: list(read_shard(path, kind)) for kind in TABLES for path in shard_paths(dataset, kind)}


@given(sizes=SIZES, limits=LIMITS, cuts=st.lists(st.integers(1, 7), max_size=3))
@settings(max_examples=15, deadline=None)
def test_shards_end_where_those_of_records_end_whatever_pieces_the_rows_come_in(
    sizes: list[int], limits: ShardLimits, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    of_records, of_rows = tmp_path_factory.mktemp("records"), tmp_path_factory.mktemp("rows")
    samples = [make_sample(make_clip(number), video_bytes=size) for number, size in enumerate(sizes)]
    with closing(ShardWriter(Destination(dataset=of_records, run=3, published=frozenset(), limits=limits))) as expected:
        for sample in samples:
            expected.add(sample)

    writer = TableWriter(Destination(dataset=of_rows, run=3, published=frozenset(), limits=limits))
    for start, stop in pairwise(sorted({0, len(samples), *(cut for cut in cuts if cut < len(samples))})):
        writer.add(Sample, to_table(samples[start:stop], Sample))
    writer.close()

    assert shards(of_rows) == shards(of_records)
    assert writer.num_rows == len(samples)


def test_each_table_has_shards_of_its_own(tmp_path: Path) -> None:
    writer = TableWriter(Destination(dataset=tmp_path, run=1, published=frozenset(), limits=ShardLimits(max_rows=2)))
    rows: dict[type[Outcome], list[Outcome]] = {
        Sample: [make_sample(make_clip(number)) for number in range(3)],
        FailedClip: [make_failed_clip(number) for number in range(3, 6)],
    }

    for kind, some in rows.items():
        writer.add(kind, to_table(some, kind))
    writer.close()

    for kind, some in rows.items():
        assert [len(list(read_shard(path, kind))) for path in shard_paths(tmp_path, kind)] == [2, 1]
        assert [each for path in shard_paths(tmp_path, kind) for each in read_shard(path, kind)] == some
