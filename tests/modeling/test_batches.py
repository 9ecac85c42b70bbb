from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset_schema import Bucket, Payload, Sample, write_shard
from modeling.batches import Batch, BatchLoader, DataConfig
from modeling.batching import BatchingConfig
from modeling.dataset import SampleStore

BUCKET = Bucket(5, 32, 48)
BATCHING = BatchingConfig(tokens_per_device=4 * 12, devices_per_group=1)
MakeDataset = Callable[..., Path]


def loader(
    dataset: Path, *, seed: int = 0, text: float = 0.1, image: float = 0.1, rank: int = 0, ranks: int = 1
) -> BatchLoader:
    config = DataConfig(batching=BATCHING, text_dropout=text, image_dropout=image)
    return BatchLoader(SampleStore(dataset), config, seed=seed, max_images=6, rank=rank, ranks=ranks)


def contents(batch: Batch) -> list[tuple[object, ...]]:
    """Everything of a batch in comparable form."""
    return [
        (
            example.clip_id,
            example.place,
            example.video.tobytes(),
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


def test_two_ranks_share_exactly_the_batch_of_one(make_dataset: MakeDataset) -> None:
    dataset = make_dataset({BUCKET: 5})

    whole = contents(loader(dataset).batch(3))
    shared = [contents(loader(dataset, rank=rank, ranks=2).batch(3)) for rank in range(2)]

    assert [shared[place % 2][place // 2] for place in range(4)] == whole


def test_a_clip_gets_other_references_in_another_epoch(make_dataset: MakeDataset) -> None:
    batches = loader(make_dataset({BUCKET: 4}), image=0.0)

    first, second = ({e[0]: e[4] for e in contents(batches.batch(step))} for step in (0, 1))

    assert first.keys() == second.keys()
    assert any(first[clip] != second[clip] for clip in first)


def test_a_tenth_of_texts_and_of_images_are_dropped_independently_and_not_always_the_same(
    make_dataset: MakeDataset,
) -> None:
    batches = loader(make_dataset({BUCKET: 4}))

    examples = [example for step in range(120) for example in batches.batch(step).examples]

    drops_text = np.array([example.drops_text for example in examples])
    drops_images = np.array([not example.images for example in examples])
    assert drops_text.mean() == pytest.approx(0.1, abs=0.045)
    assert drops_images.mean() == pytest.approx(0.1, abs=0.045)
    assert (drops_text & drops_images).mean() < 0.05
    clips = np.array([example.clip_id for example in examples])
    assert len(set(clips[drops_text])) == len(set(clips[drops_images])) == 4


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
    assert np.ptp(batch.examples[0].video) > 0


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (Payload(bytes=b"broken"), "video cannot be decoded"),
        (Payload(path="nowhere.mp4"), "No such file"),
        (Payload(path="s3://bucket/clip.mp4"), "is not a local file; mount or copy it"),
    ],
)
def test_a_clip_whose_video_cannot_be_read_is_named(
    make_sample: Callable[..., Sample], tmp_path: Path, payload: Payload, message: str
) -> None:
    sample = replace(make_sample(0, BUCKET, tmp_path), video=payload)
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [sample])

    with pytest.raises(ValueError, match=f"clip {sample.clip_id}: .*{message}"):
        loader(tmp_path / "dataset").batch(0)


def test_a_clip_whose_reference_image_cannot_be_read_is_named(
    make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = make_sample(0, BUCKET, tmp_path)
    broken = replace(sample.entities[0].references[0], image=Payload(bytes=b"no picture"))
    entities = (replace(sample.entities[0], references=(broken,)),)
    write_shard(tmp_path / "dataset" / "samples" / "part-0.parquet", [replace(sample, entities=entities)])

    with pytest.raises(ValueError, match=f"clip {sample.clip_id}: reference image cannot be read"):
        loader(tmp_path / "dataset", image=0.0).batch(0)
