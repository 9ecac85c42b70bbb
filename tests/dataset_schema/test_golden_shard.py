import importlib.util
from pathlib import Path

import pyarrow.parquet as pq

from dataset_schema import Sample, read_shard, write_shard

_spec = importlib.util.spec_from_file_location("golden_records", Path(__file__).parent / "golden_records.py")
assert _spec is not None
assert _spec.loader is not None
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)


def test_the_reader_reads_the_published_shard() -> None:
    assert tuple(read_shard(golden.GOLDEN_SHARD, Sample)) == golden.GOLDEN_SAMPLES


def test_the_reader_reads_shards_of_the_versions_before() -> None:
    assert tuple(read_shard(golden.GOLDEN_SHARD_3_4, Sample)) == golden.GOLDEN_SAMPLES_3_4
    assert tuple(read_shard(golden.GOLDEN_SHARD_3_3, Sample)) == golden.GOLDEN_SAMPLES_3_3
    assert tuple(read_shard(golden.GOLDEN_SHARD_3_2, Sample)) == golden.GOLDEN_SAMPLES_3_2
    assert tuple(read_shard(golden.GOLDEN_SHARD_3_1, Sample)) == golden.GOLDEN_SAMPLES_3_2
    assert tuple(read_shard(golden.GOLDEN_SHARD_3_0, Sample)) == golden.GOLDEN_SAMPLES_3_0
    assert tuple(read_shard(golden.GOLDEN_SHARD_2, Sample)) == golden.GOLDEN_SAMPLES_2


def test_the_writer_still_writes_the_published_shard(tmp_path: Path) -> None:
    write_shard(tmp_path / "samples.parquet", golden.GOLDEN_SAMPLES)

    written, published = (pq.read_table(path) for path in (tmp_path / "samples.parquet", golden.GOLDEN_SHARD))
    assert written.schema.equals(published.schema, check_metadata=True)
    assert written.equals(published)
