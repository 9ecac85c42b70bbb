import io
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chisquare

from dataset_schema import Bucket, Payload, Sample, read_shard, write_shard
from modeling.data.batches import Batch, BatchLoader, DataConfig, Share
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.encoders.geometry import LatentGeometry

BUCKET, LONGER = Bucket(5, 32, 48), Bucket(9, 32, 48)
BATCHING = BatchingConfig(tokens_per_device=12, devices_per_group=4)
MakeDataset = Callable[..., Path]


# Clips of several subjects are balanced, and half of the reference images pasted onto other places.
SUPPLEMENT_D = DataConfig(
    batching=replace(BATCHING, multi_subject_share=0.5), image_dropout=0.0, random_background_probability=0.5
)


@pytest.fixture
def mixed_dataset(
    make_sample: Callable[..., Sample], make_two_subjects: Callable[[Sample], Sample], tmp_path: Path
) -> Path:
    """Seven and four clips, of which one in each bucket has two subjects."""
    samples = [make_sample(number, BUCKET if number < 7 else LONGER, tmp_path) for number in range(11)]
    samples[2], samples[8] = make_two_subjects(samples[2]), make_two_subjects(samples[8])
    for number in range(0, 11, 4):
        write_shard(tmp_path / "dataset" / "samples" / f"part-{number}.parquet", samples[number : number + 4])
    return tmp_path / "dataset"


def loader(
    dataset: Path,
    *,
    seed: int = 0,
    text: float = 0.1,
    image: float = 0.1,
    config: DataConfig | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> BatchLoader:
    config = config or DataConfig(batching=BATCHING, text_dropout=text, image_dropout=image)
    return BatchLoader(
        SampleStore(dataset), config, seed=seed, max_images=6, latents=LatentGeometry(), share=Share(rank, ranks)
    )


def contents(batch: Batch) -> list[tuple[object, ...]]:
    """Everything of a batch in comparable form."""
    return [
        (
            example.clip_id,
            example.place,
            np.asarray(example.video).tobytes(),
            example.drops_text,
            tuple((image.start, image.end, image.image.tobytes()) for image in example.images),
        )
        for example in batch.examples
    ]


def test_a_batch_is_a_function_of_seed_and_step(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({BUCKET: 5})
    walked = loader(dataset)
    for step in range(7):
        walked.batch(step)

    assert contents(walked.batch(7)) == contents(loader(dataset).batch(7))
    assert contents(walked.batch(7)) != contents(loader(dataset, seed=1).batch(7))


def test_batches_made_ahead_are_those_made_one_by_one(make_dataset: MakeDataset) -> None:
    batches = loader(make_dataset({BUCKET: 5}))

    ahead = list(batches.batches(range(2, 6)))

    assert [batch.step for batch in ahead] == [2, 3, 4, 5]
    assert [contents(batch) for batch in ahead] == [contents(batches.batch(step)) for step in range(2, 6)]


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_share_exactly_the_batch_of_one(make_dataset: MakeDataset, ranks: int) -> None:
    dataset = make_dataset({BUCKET: 7, LONGER: 3})
    one, shared = loader(dataset), [loader(dataset, rank=rank, ranks=ranks) for rank in range(ranks)]

    for step in range(12):
        batches = [each.batch(step) for each in shared]
        whole = one.batch(step)

        assert {batch.bucket for batch in batches} == {whole.bucket}
        parts = [contents(batch) for batch in batches]
        assert {len(part) for part in parts} == {4 // ranks}
        assert [parts[place % ranks][place // ranks] for place in range(4)] == contents(whole)
    assert len({one.batch(step).bucket for step in range(12)}) == 2


def test_ranks_that_cannot_share_a_batch_equally_are_an_error(make_dataset: MakeDataset) -> None:
    with pytest.raises(ValueError, match=r"3 devices .* cannot share .*; set .*devices_per_group to a multiple of 3"):
        loader(make_dataset({BUCKET: 2}), ranks=3)


@pytest.mark.parametrize("start", [1, 4, 9])
def test_a_run_that_resumes_at_any_step_sees_the_batches_that_were_left(make_dataset: MakeDataset, start: int) -> None:
    dataset = make_dataset({BUCKET: 5, LONGER: 3})

    whole = [contents(batch) for batch in loader(dataset).batches(range(12))]
    resumed = [contents(batch) for batch in loader(dataset).batches(range(start, 12))]

    assert resumed == whole[start:]


@pytest.mark.parametrize(("memory_mb", "threads", "ahead"), [(0, 4, 1), (1024, 1, 3), (0, 2, 5)])
def test_neither_memory_nor_threads_nor_batches_ahead_change_a_batch(
    make_dataset: MakeDataset, memory_mb: int, threads: int, ahead: int
) -> None:
    dataset = make_dataset({BUCKET: 5})
    config = DataConfig(batching=BATCHING, memory_mb=memory_mb, threads=threads, batches_ahead=ahead)

    limited = BatchLoader(SampleStore(dataset), config, seed=0, max_images=6, latents=LatentGeometry())

    for step, batch in enumerate(limited.batches(range(4))):
        assert contents(batch) == contents(loader(dataset).batch(step))


@pytest.mark.parametrize("ahead", [1, 3])
def test_so_many_batches_are_made_while_one_is_used(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    config = DataConfig(batching=BATCHING, batches_ahead=ahead)
    store = SampleStore(make_dataset({BUCKET: 5}))
    batches = BatchLoader(store, config, seed=0, max_images=6, latents=LatentGeometry())
    made: list[int] = []
    make = batches.batch

    def noted(step: int, **values: Any) -> Batch:
        made.append(step)
        return make(step, **values)

    monkeypatch.setattr(batches, "batch", noted)
    steps = batches.batches(range(10))
    next(steps)
    deadline = time.monotonic() + 20
    while len(made) <= ahead and time.monotonic() < deadline:
        time.sleep(0.01)

    assert sorted(made) == list(range(ahead + 1))
    steps.close()  # type: ignore[attr-defined]  # it is a generator


@pytest.mark.parametrize("limit", [{"memory_mb": -1}, {"threads": 0}, {"batches_ahead": 0}])
def test_limits_below_zero_are_an_error(limit: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected at least"):
        DataConfig(**limit)  # type: ignore[arg-type]  # names are those of its fields


def test_a_batch_splits_into_equal_parts_in_order(make_dataset: MakeDataset) -> None:
    batch = loader(make_dataset({BUCKET: 5})).batch(3)

    parts = batch.split(2)

    assert [(part.step, part.bucket, len(part.examples)) for part in parts] == [(3, BUCKET, 2)] * 2
    assert contents(parts[0]) + contents(parts[1]) == contents(batch)
    assert np.array_equal(np.concatenate([part.videos() for part in parts]), batch.videos())
    assert [contents(part) for part in batch.split(4)] == [contents(batch)]


@pytest.mark.parametrize("clips", [3, 8, 0, -2])
def test_a_batch_does_not_split_into_unequal_parts(make_dataset: MakeDataset, clips: int) -> None:
    batch = loader(make_dataset({BUCKET: 5})).batch(0)

    with pytest.raises(ValueError, match=f"has 4 clips, expected a multiple of {clips}"):
        batch.split(clips)


def test_a_clip_gets_other_references_in_another_epoch(make_dataset: MakeDataset) -> None:
    batches = loader(make_dataset({BUCKET: 4}), image=0.0)

    first, second = ({e[0]: e[4] for e in contents(batches.batch(step))} for step in (0, 1))

    assert first.keys() == second.keys()
    assert any(first[clip] != second[clip] for clip in first)


def test_texts_and_images_are_dropped_independently_one_in_ten(make_dataset: MakeDataset) -> None:
    batches = loader(make_dataset({BUCKET: 4}))

    examples = [example for step in range(300) for example in batches.batch(step).examples]

    drops = Counter((example.drops_text, not example.images) for example in examples)
    # A clip whose images are kept has at least one: its caption's subject is always drawn.
    expected = {
        (text, image): (0.1 if text else 0.9) * (0.1 if image else 0.9)
        for text, image in product([False, True], repeat=2)
    }
    assert chisquare([drops[key] for key in expected], [share * 1200 for share in expected.values()]).pvalue > 1e-3


def test_other_clips_are_dropped_in_another_epoch(make_dataset: MakeDataset) -> None:
    batches = loader(make_dataset({BUCKET: 12}), text=0.5, image=0.5)

    def dropped(epoch: int) -> list[set[str]]:
        examples = [example for step in range(3) for example in batches.batch(3 * epoch + step).examples]
        assert len({example.clip_id for example in examples}) == 12
        return [{e.clip_id for e in examples if e.drops_text}, {e.clip_id for e in examples if not e.images}]

    first, second = dropped(0), dropped(1)

    assert first[0] != second[0]
    assert first[1] != second[1]
    assert first[0] != first[1]


def test_the_probe_keeps_every_condition(make_dataset: MakeDataset) -> None:
    probe = loader(make_dataset({BUCKET: 4}), text=1.0, image=1.0).probe()

    assert all(example.images and not example.drops_text for example in probe.examples)


def test_without_references_no_clip_has_an_image(make_dataset: MakeDataset) -> None:
    batch = loader(make_dataset({BUCKET: 4}), image=0.0).batch(0, with_references=False)

    assert not any(example.images for example in batch.examples)


def test_videos_and_images_may_lie_beside_the_shards(make_sample: Callable[..., Sample], tmp_path: Path) -> None:
    sample = make_sample(0, BUCKET, tmp_path)
    (tmp_path / "dataset" / "videos").mkdir(parents=True)
    (tmp_path / "0.mp4").rename(tmp_path / "dataset" / "videos" / "0.mp4")
    apart = replace(sample, video=Payload(path="videos/0.mp4"))
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [apart])

    batch = loader(tmp_path / "dataset").batch(0)

    assert batch.videos().shape == (4, 5, 32, 48, 3)
    assert np.ptp(batch.videos()[0].numpy()) > 0


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (Payload(bytes=b"broken"), "video cannot be decoded"),
        (Payload(bytes=b""), "video cannot be decoded"),
        (Payload(path="nowhere.mp4"), "no such file"),
        (Payload(path="ftp://host/clip.mp4"), "address of scheme 'ftp', expected one of s3"),
    ],
)
def test_a_clip_whose_video_cannot_be_read_is_named(
    make_sample: Callable[..., Sample], tmp_path: Path, payload: Payload, message: str
) -> None:
    sample = replace(make_sample(0, BUCKET, tmp_path), video=payload)
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [sample])

    with pytest.raises(ValueError, match=f"clip {sample.clip_id}: .*{message}"):
        loader(tmp_path / "dataset").batch(0)


def test_a_clip_that_is_shorter_than_its_bucket_is_named(make_sample: Callable[..., Sample], tmp_path: Path) -> None:
    sample = replace(make_sample(0, BUCKET, tmp_path), bucket="9x32x48")
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [sample])

    with pytest.raises(
        ValueError, match=f"clip {sample.clip_id}: video has [56] frames .* expected 9; curate its clip again"
    ):
        loader(tmp_path / "dataset").batch(0)


@pytest.mark.parametrize("kept", [0, 30, -30])
def test_a_clip_whose_reference_image_cannot_be_read_is_named(
    make_sample: Callable[..., Sample], tmp_path: Path, kept: int
) -> None:
    sample = make_sample(0, BUCKET, tmp_path)
    whole = sample.entities[0].references[0]
    broken = replace(whole, image=Payload(bytes=(whole.image.bytes or b"")[:kept]))
    entities = (replace(sample.entities[0], references=(broken,)),)
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [replace(sample, entities=entities)])

    with pytest.raises(
        ValueError, match=f"clip {sample.clip_id}: reference image cannot be read .*; curate the clip again"
    ):
        loader(tmp_path / "dataset", image=0.0).batch(0)


def test_balanced_and_pasted_batches_follow_from_the_step_on_any_number_of_ranks(mixed_dataset: Path) -> None:
    whole = [contents(batch) for batch in loader(mixed_dataset, config=SUPPLEMENT_D).batches(range(10))]

    resumed = [contents(batch) for batch in loader(mixed_dataset, config=SUPPLEMENT_D).batches(range(4, 10))]
    shares = [loader(mixed_dataset, config=SUPPLEMENT_D, rank=rank, ranks=2) for rank in range(2)]

    assert resumed == whole[4:]
    for step in range(10):
        first, second = (contents(share.batch(step)) for share in shares)
        assert [first[0], second[0], first[1], second[1]] == whole[step]


def test_a_clip_that_comes_again_in_an_epoch_is_dropped_and_shown_anew(mixed_dataset: Path) -> None:
    batches = loader(mixed_dataset, config=replace(SUPPLEMENT_D, random_background_probability=0.0, text_dropout=0.5))
    # Four clips, one of two subjects: it comes three times in an epoch of six, which is a batch and a half.
    steps = [step for step in range(60) if batches.batch(step).bucket == LONGER][:12]

    shown = [content for step in steps for content in contents(batches.batch(step))]

    epochs = [shown[start : start + 6] for start in range(0, len(shown), 6)]
    assert len(epochs) == 8
    for epoch in epochs:
        assert sorted(Counter(content[0] for content in epoch).values()) == [1, 1, 1, 3]
    favoured = Counter(content[0] for content in shown).most_common(1)[0][0]
    visits = [[content for content in epoch if content[0] == favoured] for epoch in epochs]
    assert all(len({content[4] for content in epoch}) == 3 for epoch in visits)
    assert any(len({content[3] for content in epoch}) == 2 for epoch in visits)


def test_the_config_says_whether_references_are_drawn_and_augmented(mixed_dataset: Path) -> None:
    as_cut = DataConfig(batching=BATCHING, image_dropout=0.0, draws_references=False, augments_references=False)

    examples = [example for step in range(12) for example in loader(mixed_dataset, config=as_cut).batch(step).examples]

    samples = [sample for path in (mixed_dataset / "samples").iterdir() for sample in read_shard(path, Sample)]
    cut = {sample.clip_id: pictures(sample) for sample in samples}
    assert {example.clip_id for example in examples} == cut.keys()
    # Two entities have six pictures, of which one makes room for the background.
    assert {len(example.images) for example in examples} == {4, 6}
    for example in examples:
        assert {image.image.tobytes() for image in example.images} == cut[example.clip_id]


def pictures(sample: Sample) -> set[bytes]:
    """The pixels of all pictures of a clip."""
    assert sample.background is not None
    payloads = [reference.image for entity in sample.entities for reference in entity.references]
    opened = (Image.open(io.BytesIO(each.bytes or b"")) for each in [*payloads, sample.background.image])
    return {image.convert("RGBA").tobytes() for image in opened}


def test_a_reference_from_another_time_than_its_clip_is_one_like_any_other(
    make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = make_sample(0, BUCKET, tmp_path)
    entity = sample.entities[0]
    moved = tuple(replace(reference, time_s=999.0, frame_index=10_000) for reference in entity.references)
    elsewhere = replace(sample, entities=(replace(entity, references=moved), *sample.entities[1:]))
    for name, each in (("inside", sample), ("outside", elsewhere)):
        write_shard(tmp_path / name / "samples" / "part-0.parquet", [each])

    inside, outside = (contents(loader(tmp_path / name, image=0.0).batch(0)) for name in ("inside", "outside"))

    assert outside == inside
    assert any(content[4] for content in outside)
