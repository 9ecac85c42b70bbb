"""A dataset in a store of objects is the same to training as it is on this machine's disk."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataset_schema import Bucket, DatasetManifest, Payload, Sample, refresh_index, write_manifest, write_shard
from modeling.data.cache import ClipCache
from modeling.data.clips import DecodedClips
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.encoders import EmbeddedEncoders
from pipelines.__main__ import main
from storage.address import Address
from tests.object_store import Proxy, bucket, proxy, put, session_proxy, store_url, upload

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)
MakeDataset = Callable[..., Path]


def every_clip(store: SampleStore) -> list[TrainingSample]:
    return [store.read(bucket, row) for bucket, count in store.clips_per_bucket().items() for row in range(count)]


def media_bytes(clip: TrainingSample) -> int:
    images = [image for entity in clip.entities for image in entity.images]
    payloads = [each for each in (clip.video, clip.background, *images) if each is not None]
    return sum(len(each.bytes or b"") for each in payloads)


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> Path:
    """With an index, as after `curate`."""
    found = make_dataset({SMALL: 4, LONG: 2}, rows_per_shard=3)
    write_manifest(found, DatasetManifest(profile="drawn", config={}, annotators=(), funnel=(), complete=True))
    refresh_index(found)
    return found


@pytest.fixture
def kept(tmp_path: Path) -> RangeCacheConfig:
    return RangeCacheConfig(folder=tmp_path / "kept")


@pytest.mark.parametrize("every", [0, 4])
def test_every_clip_is_what_it_is_on_a_disk(
    dataset: Path, kept: RangeCacheConfig, bucket: str, proxy: Proxy, every: int
) -> None:
    address = upload(dataset, Address(f"{bucket}/set"))
    proxy.plan(every, seed=every)
    local, remote = SampleStore(dataset), SampleStore(address, range_cache=kept)

    assert dict(remote.clips_per_bucket()) == dict(local.clips_per_bucket())
    assert every_clip(remote) == every_clip(local)
    assert list(remote.captions()) == list(local.captions())
    for clip in local.clips_with_background():
        assert remote.read_background(clip.number) == local.read_background(clip.number)


def test_a_clip_costs_little_more_than_its_media_and_in_the_second_epoch_nothing(
    dataset: Path, kept: RangeCacheConfig, bucket: str, proxy: Proxy
) -> None:
    store = SampleStore(upload(dataset, Address(f"{bucket}/set")), range_cache=kept)
    store.read(SMALL, 0, with_video=False, with_references=False)  # the texts of all clips
    proxy.plan(0, 0)

    first = every_clip(store)

    assert 0 < proxy.served_bytes <= 1.1 * sum(map(media_bytes, first))
    proxy.plan(0, 0)
    assert every_clip(store) == first
    assert not proxy.seen


def test_a_shard_by_another_tool_is_read_by_its_row_group(
    make_sample: Callable[..., Sample], tmp_path: Path, kept: RangeCacheConfig, bucket: str
) -> None:
    write_shard(tmp_path / "shard.parquet", [make_sample(number, SMALL, tmp_path) for number in range(2)])
    pq.write_table(pq.read_table(tmp_path / "shard.parquet"), tmp_path / "own.parquet")
    put(f"{bucket}/own.parquet", (tmp_path / "own.parquet").read_bytes())

    remote = SampleStore(Address(f"{bucket}/own.parquet"), range_cache=kept)

    assert every_clip(remote) == every_clip(SampleStore(tmp_path / "own.parquet"))


def test_what_the_sentence_about_too_large_row_groups_says_divides_a_file_in_a_store(
    make_sample: Callable[..., Sample],
    tmp_path: Path,
    kept: RangeCacheConfig,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_shard(tmp_path / "shard.parquet", [make_sample(number, SMALL, tmp_path) for number in range(6)])
    pq.write_table(pq.read_table(tmp_path / "shard.parquet"), tmp_path / "own.parquet")
    put(f"{bucket}/own.parquet", (tmp_path / "own.parquet").read_bytes())
    monkeypatch.setattr("modeling.data.sample_shards._GROUP_BYTES", 1000)
    with pytest.raises(ValueError, match="in one row group") as told:
        SampleStore(Address(f"{bucket}/own.parquet"), range_cache=kept)
    (said,) = re.findall(r"make select DATASET=(\S+) OUTPUT=", str(told.value))

    assert main(["select", "--dataset", said, "--output", f"{bucket}/set"]) == 0

    remote = SampleStore(Address(f"{bucket}/set"), range_cache=kept)
    assert every_clip(remote) == every_clip(SampleStore(tmp_path / "shard.parquet"))


def test_a_video_may_lie_at_an_address_or_beside_a_dataset_at_one(
    make_sample: Callable[..., Sample], tmp_path: Path, kept: RangeCacheConfig, bucket: str
) -> None:
    samples = [make_sample(number, SMALL, tmp_path) for number in range(2)]
    places = ["videos/0.mp4", f"{bucket}/set/videos/1.mp4"]
    apart = [replace(each, video=Payload(path=path)) for each, path in zip(samples, places, strict=True)]
    write_shard(tmp_path / "set" / "samples" / "part-0.parquet", apart)
    for number in range(2):
        put(f"{bucket}/set/videos/{number}.mp4", (tmp_path / f"{number}.mp4").read_bytes())
    write_shard(tmp_path / "whole" / "samples" / "part-0.parquet", samples)

    remote = DecodedClips(SampleStore(upload(tmp_path / "set", Address(f"{bucket}/set")), range_cache=kept))

    local = DecodedClips(SampleStore(tmp_path / "whole"))
    for row in range(2):
        found, expected = (clips.read(SMALL, row, window_s=0.0, with_references=False) for clips in (remote, local))
        assert found.video is not None
        assert expected.video is not None
        assert (found.video == expected.video).all()


def test_latents_are_cached_on_this_machine_only(dataset: Path, kept: RangeCacheConfig, bucket: str) -> None:
    store = SampleStore(upload(dataset, Address(f"{bucket}/set")), range_cache=kept)

    with pytest.raises(ValueError, match=r"set lies in a store of objects, .*copy it here .*data\.uses_cache"):
        ClipCache.of(store, EmbeddedEncoders().build())


def test_a_shard_that_was_replaced_is_named_with_its_clip(dataset: Path, kept: RangeCacheConfig, bucket: str) -> None:
    address = upload(dataset, Address(f"{bucket}/set"))
    store = SampleStore(address, range_cache=kept)
    for shard in address.rglob("part-*.parquet"):
        if shard.parent.name == "samples":
            shard.bucket.put(shard.key, shard.read_bytes() + b" ")

    with pytest.raises(ValueError, match=r"its shard s3://.* cannot be read any more \(it has \d+ bytes, expected"):
        store.read(SMALL, 0)


def test_a_shard_that_was_deleted_is_named_with_its_clip(dataset: Path, kept: RangeCacheConfig, bucket: str) -> None:
    address = upload(dataset, Address(f"{bucket}/set"))
    store = SampleStore(address, range_cache=kept)
    for shard in address.rglob("part-*.parquet"):
        if shard.parent.name == "samples":
            shard.unlink()

    with pytest.raises(ValueError, match=r"its shard s3://.* cannot be read any more .*there is no such object"):
        store.read(SMALL, 0)
