"""Batches from the cache are those from videos, up to rounding; what is stale, missing or broken is named."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from dataset_schema import Bucket, Payload, Sample, read_shard, shard_paths, write_shard
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.cache import CacheReport, ClipCache, write_cache
from modeling.data.cache_table import TEXT, CacheTable, Entry
from modeling.data.entry_places import EntryKey
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.encoders import Encoders
from modeling.encoders.geometry import LatentGeometry
from modeling.training.objective import EncodedBatch, encode_batch
from modeling.training.presets import tiny
from storage.busy import BusyError

SMALL, LONG = Bucket(5, 32, 48), Bucket(9, 32, 48)
CPU = torch.device("cpu")
ENCODERS = tiny().pipeline.encoders.build()
COMMAND = "run: make cache DATASET={} CONFIG="
MakeDataset = Callable[..., Path]


class Forbidden:
    """An encoder that must not run."""

    version = "forbidden"
    max_tokens = 0

    def encode(self, *args: object, **options: object) -> Any:
        raise AssertionError("something was encoded or decoded")

    decode = spans = encode


class Constant:
    """An autoencoder whose latents are all the same number."""

    version = "constant"

    def __init__(self, value: float, *size: int) -> None:
        self._value, self._size = value, size or (16, 2, 4, 6)

    def encode(self, videos: torch.Tensor) -> torch.Tensor:
        return torch.full((len(videos), *self._size), self._value)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing here decodes")


def cache(dataset: Path, encoders: Encoders = ENCODERS) -> CacheReport:
    return write_cache(SampleStore(dataset), encoders, device=CPU)


def loader(dataset: Path, *, uses_cache: bool = True, windows: int = 1) -> BatchLoader:
    config = DataConfig(
        batching=BatchingConfig(tokens_per_device=4 * 12, devices_per_group=1),
        windows=windows,
        uses_cache=uses_cache,
        text_dropout=0.3,
    )
    store = SampleStore(dataset)
    clips = ClipCache.of(store, ENCODERS, windows=windows) if uses_cache else store
    return BatchLoader(clips, config, seed=0, max_images=6, latents=LatentGeometry())


def encode(
    dataset: Path, step: int, *, uses_cache: bool, encoders: Encoders = ENCODERS, windows: int = 1
) -> EncodedBatch:
    batch = loader(dataset, uses_cache=uses_cache, windows=windows).batch(step)
    return encode_batch(batch, encoders, words_per_image=3, device=CPU)


def change(dataset: Path, number: int, **values: object) -> Sample:
    """Publish one sample of a dataset of one shard again, with other values."""
    (path,) = shard_paths(dataset, Sample)
    samples = list(read_shard(path, Sample))
    samples[number] = replace(samples[number], **values)  # type: ignore[arg-type]  # what the test names
    write_shard(path, samples)
    return samples[number]


def is_rounded(found: torch.Tensor, exact: torch.Tensor) -> bool:
    """Whether `found` is `exact` to the nearest float16: ten bits and a half, or half the smallest number."""
    return bool(((found - exact).abs() <= exact.abs() * 2**-11 + 2**-25).all())


def cache_shards(dataset: Path, kind: str) -> list[Path]:
    return sorted((dataset / "cache").glob(f"{kind}-*/*.parquet"))


def test_batches_from_the_cache_are_those_from_videos_up_to_the_rounding_of_float16(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 5, LONG: 3})
    report = cache(dataset)

    assert (report.clips, report.encoded_windows, report.encoded_captions, report.failures) == (8, 11, 8, ())
    for step in range(6):
        exact, cached = (encode(dataset, step, uses_cache=uses_cache) for uses_cache in (False, True))
        assert cached.latents.dtype == torch.float32
        assert is_rounded(cached.latents, exact.latents)
        assert is_rounded(cached.conditions.text, exact.conditions.text)
        assert torch.equal(cached.conditions.is_text, exact.conditions.is_text)
        if exact.conditions.references is not None:
            assert cached.conditions.references is not None
            assert torch.equal(cached.conditions.references.image_tokens, exact.conditions.references.image_tokens)
            assert is_rounded(cached.conditions.references.word_tokens, exact.conditions.references.word_tokens)


def test_every_window_of_a_clip_is_an_entry_and_visits_see_the_same_ones_as_from_videos(
    make_dataset: MakeDataset,
) -> None:
    dataset = make_dataset({LONG: 3})
    change(dataset, 0, bucket=str(SMALL))  # so that 9 frames are also seen as 5
    store = SampleStore(dataset)
    report = write_cache(store, ENCODERS, device=CPU, windows=3)

    assert (report.clips, report.windows, report.encoded_windows, report.encoded_captions) == (3, 12, 12, 3)
    for step in range(8):
        exact, cached = (encode(dataset, step, uses_cache=uses_cache, windows=3) for uses_cache in (False, True))
        assert is_rounded(cached.latents, exact.latents)
    with pytest.raises(ValueError, match="are not made yet"):
        ClipCache.of(store, ENCODERS, windows=4)


def test_rounding_to_bfloat16_would_be_seen() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))

    assert is_rounded(values.half().float(), values)
    assert not is_rounded(values.bfloat16().float(), values)


def test_with_the_cache_no_video_is_decoded_and_neither_autoencoder_nor_text_encoder_runs(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset({SMALL: 4})
    cache(dataset)
    monkeypatch.setattr("modeling.data.clips.decode_clip", Forbidden().encode)
    only_images = replace(ENCODERS, autoencoder=Forbidden(), text=Forbidden())

    encoded = encode(dataset, 0, uses_cache=True, encoders=only_images)

    assert encoded.latents.shape == (4, 16, 2, 4, 6)
    with pytest.raises(ValueError, match="comes from the cache, which has no videos; use its latents"):
        loader(dataset).batch(0).videos()


def test_a_second_run_encodes_only_the_clips_that_are_new(
    make_dataset: MakeDataset, make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    dataset = make_dataset({SMALL: 3})
    cache(dataset)
    before = {path: path.stat().st_mtime_ns for path in cache_shards(dataset, "*")}
    write_shard(dataset / "samples" / "part-9.parquet", [make_sample(number, SMALL, tmp_path) for number in (70, 71)])

    second, third = cache(dataset), cache(dataset)

    assert (second.clips, second.encoded_windows, second.encoded_captions) == (5, 2, 2)
    assert (third.clips, third.encoded_windows, third.encoded_captions) == (5, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert loader(dataset).batch(0).latents() is not None


def test_an_interrupted_run_keeps_what_it_did_and_the_next_does_the_rest(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 6})

    def interrupt(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cache(SampleStore(dataset), ENCODERS, device=CPU, on_window=interrupt)

    assert cache(dataset).encoded_windows == 4
    assert is_rounded(encode(dataset, 1, uses_cache=True).latents, encode(dataset, 1, uses_cache=False).latents)
    assert not list((dataset / "cache").glob("*/.*"))


def test_progress_counts_every_clip_in_every_bucket(make_dataset: MakeDataset) -> None:
    done: list[int] = []

    write_cache(SampleStore(make_dataset({SMALL: 3, LONG: 1})), ENCODERS, device=CPU, on_window=done.append)

    assert done == [1, 2, 3, 4, 5]


def test_a_clip_that_cannot_be_decoded_is_reported_and_the_rest_goes_on(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 4})
    broken = change(dataset, 2, video=Payload(bytes=b"broken"))

    report = cache(dataset)

    assert (report.encoded_windows, [failure.clip_id for failure in report.failures]) == (3, [broken.clip_id])
    assert "video cannot be decoded" in report.failures[0].message
    with pytest.raises(ValueError, match=f"clip {broken.clip_id}: its latents in the cache .* are not made yet"):
        loader(dataset)


@pytest.mark.parametrize("value", [70_000.0, float("nan")])
def test_numbers_that_float16_cannot_hold_are_a_failure_not_an_infinity(
    make_dataset: MakeDataset, value: float
) -> None:
    report = cache(make_dataset({SMALL: 1}), replace(ENCODERS, autoencoder=Constant(value)))

    assert report.encoded_windows == 0
    assert "65504 of float16" in report.failures[0].message


def test_a_dataset_without_its_cache_names_the_first_clip_and_the_command(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 3})
    first = SampleStore(dataset).clip_ids(SMALL)[0].as_py()

    with pytest.raises(ValueError, match=f"clip {first}: its latents .* not made yet.*{COMMAND.format(dataset)}"):
        loader(dataset)


@pytest.mark.parametrize("change_video", [True, False])
def test_an_entry_of_another_video_or_caption_is_an_error_until_it_is_made_again(
    make_dataset: MakeDataset, change_video: bool
) -> None:
    dataset = make_dataset({SMALL: 4})
    cache(dataset)
    other = next(read_shard(shard_paths(dataset, Sample)[0], Sample))
    changed = (
        change(dataset, 2, video=other.video)
        if change_video
        else change(dataset, 2, caption="Something else.", entities=())
    )
    kind = "latents" if change_video else "text"

    with pytest.raises(ValueError, match=f"clip {changed.clip_id}: its {kind} .* made from something else.*make cache"):
        loader(dataset).batch(0)

    report = cache(dataset)
    assert (report.encoded_windows, report.encoded_captions) == (int(change_video), int(not change_video))
    assert is_rounded(encode(dataset, 0, uses_cache=True).latents, encode(dataset, 0, uses_cache=False).latents)


def test_latents_of_another_size_are_not_taken(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 3})
    cache(dataset)
    smaller = SampleStore(dataset, (Bucket(5, 32, 32),))
    config = DataConfig(batching=BatchingConfig(tokens_per_device=8, devices_per_group=1), uses_cache=True)

    with pytest.raises(ValueError, match=r"its latents .* made from something else"):
        BatchLoader(ClipCache.of(smaller, ENCODERS), config, seed=0, max_images=6, latents=LatentGeometry()).batch(0)


def test_a_video_beside_the_shards_is_known_by_its_size_and_its_time(
    make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = make_sample(0, SMALL, tmp_path)
    dataset = tmp_path / "dataset"
    write_shard(dataset / "samples" / "part-0.parquet", [replace(sample, video=Payload(path="../0.mp4"))])
    cache(dataset)
    assert loader(dataset).batch(0).latents() is not None

    os.utime(tmp_path / "0.mp4", ns=(1, 1))

    with pytest.raises(ValueError, match="made from something else"):
        loader(dataset).batch(0)


def test_a_video_is_compared_with_its_entry_once_and_not_needed_afterwards(
    make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = make_sample(0, SMALL, tmp_path)
    dataset = tmp_path / "dataset"
    write_shard(dataset / "samples" / "part-0.parquet", [replace(sample, video=Payload(path="../0.mp4"))])
    cache(dataset)
    clips = ClipCache.of(SampleStore(dataset), ENCODERS)
    first = clips.read(SMALL, 0, window_s=0.0, with_references=True)

    (tmp_path / "0.mp4").unlink()

    again = clips.read(SMALL, 0, window_s=0.0, with_references=True)
    assert first.latents is not None
    assert again.latents is not None
    assert torch.equal(again.latents, first.latents)
    with pytest.raises(ValueError, match=f"clip {sample.clip_id}: .*No such file"):
        ClipCache.of(SampleStore(dataset), ENCODERS).read(SMALL, 0, window_s=0.0, with_references=True)


def test_a_cache_of_another_encoder_is_not_taken_and_both_lie_side_by_side(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})
    cache(dataset, replace(ENCODERS, autoencoder=Constant(1.0)))

    with pytest.raises(ValueError, match=f"not made yet .encoder {ENCODERS.autoencoder.version}"):
        loader(dataset)

    cache(dataset)
    assert len(cache_shards(dataset, "latents")) == 2
    assert is_rounded(encode(dataset, 0, uses_cache=True).latents, encode(dataset, 0, uses_cache=False).latents)


def test_a_truncated_cache_shard_is_named(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})
    cache(dataset)
    (shard,) = cache_shards(dataset, "latents")
    shard.write_bytes(shard.read_bytes()[:-20])

    with pytest.raises(ValueError, match=f"{shard.name} cannot be read .*delete it and run: make cache"):
        loader(dataset)


def test_a_cache_shard_of_another_layout_is_named(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})
    cache(dataset)
    (shard,) = cache_shards(dataset, "text")
    table = pq.read_table(shard)
    pq.write_table(table.replace_schema_metadata({"openalchemist_cache_version": "0"}), shard)

    with pytest.raises(ValueError, match=f"{shard.name} has layout 0, expected 1; delete it and run: make cache"):
        loader(dataset)


def test_any_parquet_reader_finds_the_numbers(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})
    cache(dataset)
    store = SampleStore(dataset)

    latents = pq.read_table(cache_shards(dataset, "latents")[0]).to_pylist()
    (text, _) = pq.read_table(cache_shards(dataset, "text")[0]).to_pylist()

    ids = store.clip_ids(SMALL).to_pylist()
    assert sorted(row["clip_id"] for row in latents) == ids
    assert latents[0]["shape"] == [16, 2, 4, 6]
    assert len(latents[0]["values"]) == 2 * 16 * 2 * 4 * 6
    (exact,) = ENCODERS.text.encode([store.read(SMALL, ids.index(text["clip_id"])).caption])
    assert np.frombuffer(text["values"], "<f2").reshape(text["shape"]) == pytest.approx(exact.embeddings.half().numpy())
    assert text["spans"] == [place for span in exact.spans for place in span]


def test_row_groups_stay_near_a_megabyte_however_large_the_clips(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 3})
    cache(dataset, replace(ENCODERS, autoencoder=Constant(1.0, 16, 20, 32, 32)))

    # 0.6 MiB a clip in float16.
    (latents,), (text,) = (cache_shards(dataset, kind) for kind in ("latents", "text"))
    assert pq.ParquetFile(latents).num_row_groups == 3
    assert pq.ParquetFile(text).num_row_groups == 1


def test_an_empty_caption_has_no_tokens(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 1})
    change(dataset, 0, caption="", entities=(), background=None)
    cache(dataset)

    texts = loader(dataset).batch(0).texts()

    assert texts is not None
    assert texts[0].embeddings.shape == (0, 64)
    assert texts[0].spans == ()


def test_cached_clips_are_balanced_and_pasted_like_decoded_ones(
    make_sample: Callable[..., Sample], make_two_subjects: Callable[[Sample], Sample], tmp_path: Path
) -> None:
    samples = [make_sample(number, SMALL, tmp_path) for number in range(6)]
    dataset = tmp_path / "dataset"
    write_shard(dataset / "samples" / "part-0.parquet", [make_two_subjects(samples[0]), *samples[1:]])
    cache(dataset)
    batching = BatchingConfig(tokens_per_device=9 * 12, devices_per_group=1, multi_subject_share=0.4)

    def shown(*, uses_cache: bool) -> list[tuple[object, ...]]:
        store = SampleStore(dataset)
        config = DataConfig(batching=batching, random_background_probability=0.5, uses_cache=uses_cache)
        clips = ClipCache.of(store, ENCODERS) if uses_cache else store
        examples = BatchLoader(clips, config, seed=0, max_images=6, latents=LatentGeometry()).batch(0).examples
        return [(e.clip_id, *((i.image.mode, i.image.tobytes()) for i in e.images)) for e in examples]

    # One of six, four times in an epoch of nine: 4 / 9 is the first above 0.4.
    assert sorted(Counter(clip[0] for clip in shown(uses_cache=True)).values()) == [1, 1, 1, 1, 1, 4]
    assert shown(uses_cache=True) == shown(uses_cache=False)


@pytest.mark.parametrize("uses_cache", [True, False])
def test_a_loader_takes_what_its_config_says_and_nothing_else(make_dataset: MakeDataset, uses_cache: bool) -> None:
    dataset = make_dataset({SMALL: 2})
    cache(dataset)
    store = SampleStore(dataset)
    clips = store if uses_cache else ClipCache.of(store, ENCODERS)

    with pytest.raises(ValueError, match=f"uses_cache {uses_cache}, but the loader got a {type(clips).__name__}"):
        BatchLoader(clips, DataConfig(uses_cache=uses_cache), seed=0, max_images=6, latents=LatentGeometry())


def test_two_runs_do_not_write_one_cache(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({SMALL: 2})

    def second(_: int) -> None:
        cache(dataset)

    with pytest.raises(BusyError, match=r"the cache of dataset .* is being written by another run"):
        write_cache(SampleStore(dataset), ENCODERS, device=CPU, on_window=second)
    assert cache(dataset).failures == ()


def test_the_vector_of_a_whole_text_comes_back_and_old_shards_without_any_stay_good(tmp_path: Path) -> None:
    table = CacheTable(tmp_path, kind=TEXT, version="two")
    with_vector, without = (EntryKey(name, "hash") for name in ("a", "b"))
    vector = torch.tensor([0.5, -2.0, 8.0])
    table.write_shard(
        [
            Entry(key=with_vector, values=torch.ones(2, 4), spans=((0, 1), (1, 1)), pooled=vector),
            Entry(key=without, values=torch.ones(1, 4), spans=((0, 1),)),
        ]
    )

    table = CacheTable(tmp_path, kind=TEXT, version="two")
    found = table.read(with_vector).pooled

    assert found is not None
    assert torch.equal(found, vector)
    assert table.read(without).pooled is None
    (shard,) = table.folder.glob("*.parquet")
    pq.write_table(pq.read_table(shard).drop_columns(["pooled"]), shard)
    assert CacheTable(tmp_path, kind=TEXT, version="two").read(with_vector).pooled is None
    with pytest.raises(ValueError, match="its encoder gave numbers up to 100000"):
        Entry(key=without, values=torch.ones(1, 4), pooled=torch.tensor([1e5]))
