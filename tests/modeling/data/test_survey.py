from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dataset_schema import Bucket, Entity, Sample, write_shard
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.cache import ClipCache, write_cache
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.data.survey import Survey, survey
from modeling.encoders import Encoders
from modeling.encoders.geometry import LatentGeometry
from modeling.training.objective import encode_batch
from modeling.training.presets import tiny

SMALL = Bucket(5, 32, 48)
CPU = torch.device("cpu")
MakeSample = Callable[..., Sample]


def encoders(max_tokens: int) -> Encoders:
    return replace(tiny().pipeline.encoders, max_text_tokens=max_tokens).build()


def with_preface(sample: Sample, words: int) -> Sample:
    """The same clip with so many words before its caption."""
    preface = "so " * words
    entities = tuple(replace(e, start=e.start + len(preface), end=e.end + len(preface)) for e in sample.entities)
    return replace(sample, caption=preface + sample.caption, entities=entities)


def written(folder: Path, *samples: Sample, rows_per_shard: int = 100) -> Path:
    for number, start in enumerate(range(0, len(samples), rows_per_shard)):
        path = folder / "samples" / f"part-{number}.parquet"
        write_shard(path, samples[start : start + rows_per_shard])
    return folder


def look(dataset: Path, *, max_tokens: int = 64) -> Survey:
    return survey(SampleStore(dataset), encoders(max_tokens).text)


@pytest.fixture
def clips(make_sample: MakeSample, tmp_path: Path) -> list[Sample]:
    """Captions of nine tokens, `A red ball moves right over the meadow.`, the third of them behind 100 more."""
    samples = [make_sample(number, SMALL, tmp_path) for number in range(3)]
    return [*samples[:2], with_preface(samples[2], 100)]


def test_captions_that_are_cut_and_references_without_their_word_are_counted_and_named(
    clips: list[Sample], tmp_path: Path
) -> None:
    found = look(written(tmp_path / "data", *clips))

    assert (found.clips, found.cut_captions, found.references, found.unread_references) == (3, 1, 12, 4)
    assert "reads 64 tokens: of 3 captions 1 are cut, and of 12 reference images 4 lose their word" in found.findings
    assert f"clip {clips[2].clip_id} from 'so so so" in found.findings
    assert repr(clips[2].entities[0].word) in found.findings


def test_a_caption_that_is_cut_behind_its_words_loses_no_reference(clips: list[Sample], tmp_path: Path) -> None:
    found = look(written(tmp_path / "data", *clips[:2]), max_tokens=8)

    assert (found.cut_captions, found.unread_references) == (2, 0)


def test_nothing_is_said_of_captions_that_fit(clips: list[Sample], tmp_path: Path) -> None:
    assert look(written(tmp_path / "data", *clips), max_tokens=109).findings == ""


def test_more_references_without_a_word_than_the_share_are_refused(clips: list[Sample], tmp_path: Path) -> None:
    found = look(written(tmp_path / "data", *clips))

    found.expect_read(most_unread=0.34)
    with pytest.raises(ValueError, match=r"4 lose their word.*most_unread_references, 0\.3 .*raise .*max_text_tokens"):
        found.expect_read(most_unread=0.3)


@pytest.mark.parametrize("uses_cache", [False, True])
def test_no_reference_of_a_batch_is_without_its_word(clips: list[Sample], tmp_path: Path, uses_cache: bool) -> None:
    dataset, some = written(tmp_path / "data", *clips), encoders(64)
    store = SampleStore(dataset)
    write_cache(store, some, device=CPU)
    config = DataConfig(
        batching=BatchingConfig(tokens_per_device=3 * 12, devices_per_group=1),
        text_dropout=0.0,
        image_dropout=0.0,
        uses_cache=uses_cache,
    )
    loader = BatchLoader(
        ClipCache.of(store, some) if uses_cache else store, config, seed=0, max_images=6, latents=LatentGeometry()
    )

    counts = []
    for step in range(4):
        batch = loader.batch(step)
        references = encode_batch(batch, some, words_per_image=3, device=CPU).conditions.references
        assert references is not None
        assert references.word_tokens[references.is_present].any(dim=(1, 2)).all()
        counts += [
            (example.clip_id, int(present.sum()), len(example.images))
            for example, present in zip(batch.examples, references.is_present, strict=True)
        ]

    assert all(kept == (0 if clip == clips[2].clip_id else drawn) for clip, kept, drawn in counts)
    assert {clip for clip, _, _ in counts} == {clip.clip_id for clip in clips}


def test_the_fingerprint_stays_with_the_clips_however_they_are_ordered_and_divided(
    clips: list[Sample], tmp_path: Path
) -> None:
    one = look(written(tmp_path / "one", *clips))
    other = look(written(tmp_path / "other", *reversed(clips), rows_per_shard=1))

    assert one.fingerprint == other.fingerprint


def test_the_fingerprint_changes_with_anything_that_training_sees(clips: list[Sample], tmp_path: Path) -> None:
    first, second, third = clips
    fewer_pictures: Entity = replace(first.entities[0], references=first.entities[0].references[:1])
    datasets = [
        (first, second, third),
        (first, second),
        (first, second, third, third),
        (replace(first, caption=first.caption + " Slowly."), second, third),
        (replace(first, entities=(fewer_pictures, *first.entities[1:])), second, third),
        (replace(first, background=None), second, third),
    ]

    found = [look(written(tmp_path / str(number), *samples)).fingerprint for number, samples in enumerate(datasets)]

    assert len(set(found)) == len(datasets)
