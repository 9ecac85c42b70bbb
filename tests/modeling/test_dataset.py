from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_schema import Bucket, Sample, read_shard, shard_paths
from modeling.dataset import SampleStore

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)
MakeDataset = Callable[..., Path]


def test_every_row_of_every_shard_is_found_in_its_bucket(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 20, LONG: 3}, rows_per_shard=9)

    store = SampleStore(dataset)

    assert store.clips_per_bucket() == {SMALL: 20, LONG: 3}
    found = {
        bucket: [store.read(bucket, row) for row in range(store.clips_per_bucket()[bucket])] for bucket in (SMALL, LONG)
    }
    written = [sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)]
    assert sorted(written, key=lambda s: s.clip_id) == sorted((*found[SMALL], *found[LONG]), key=lambda s: s.clip_id)


def test_the_order_of_rows_survives_another_division_into_shards(make_dataset: MakeDataset) -> None:
    few = SampleStore(make_dataset({SMALL: 6}, rows_per_shard=6))
    ids = [few.read(SMALL, row).clip_id for row in range(6)]
    for path in shard_paths(few.dataset, Sample):
        path.unlink()

    many = SampleStore(make_dataset({SMALL: 6}, rows_per_shard=2))

    assert [many.read(SMALL, row).clip_id for row in range(6)] == ids


def test_a_dataset_without_samples_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no samples.*look at its rejections and failures"):
        SampleStore(tmp_path)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    shard = tmp_path / "samples" / "part-0.parquet"
    shard.parent.mkdir()
    shard.write_bytes(b"no parquet")

    with pytest.raises(ValueError, match=r"part-0\.parquet cannot be read"):
        SampleStore(tmp_path)


def test_clips_go_to_the_largest_bucket_that_they_fill_whatever_they_were_curated_for(
    make_dataset: MakeDataset,
) -> None:
    dataset = make_dataset({SMALL: 3})
    smaller, longer = Bucket(5, 32, 32), Bucket(289, 32, 32)

    store = SampleStore(dataset, (smaller, longer))

    assert dict(store.clips_per_bucket()) == {smaller: 3}
    assert store.read(smaller, 0) == SampleStore(dataset).read(SMALL, 0)


def test_a_dataset_whose_clips_fill_no_bucket_names_the_buckets(make_dataset: MakeDataset) -> None:
    with pytest.raises(ValueError, match="no samples that fill 289x32x32"):
        SampleStore(make_dataset({SMALL: 3}), (Bucket(289, 32, 32),))
