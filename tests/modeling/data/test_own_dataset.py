"""What one has at home becomes a dataset that training reads like a curated one, and in which nothing is made up."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket, EntityKind, Payload, ReferenceScores, Sample, read_manifest, read_shard, shard_paths
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.cache import write_cache
from modeling.data.own_dataset import OwnClip, own_clips, write_own_dataset
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.data.video import Video, decode_clip, write_video
from modeling.encoders import EmbeddedEncoders
from modeling.encoders.geometry import LatentGeometry
from picture_reading.opening import open_picture

STILL, MOVING = Bucket(1, 32, 48), Bucket(9, 32, 48)
BUCKETS = (STILL, MOVING)


def draw(path: Path, *, seed: int, size: tuple[int, int] = (48, 32), alpha: bool = False) -> Path:
    """A noisy picture of (width, height)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4 if alpha else 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def film(path: Path, *, frames: int = 12) -> Path:
    y, x = np.mgrid[:32, :48]
    images = [np.stack([4 * x + 3 * t, 6 * y, 0 * x], axis=-1) for t in range(frames)]
    write_video(path, np.asarray(images).clip(0, 255).astype(np.uint8))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A picture and a video of a dog and a cat, with words and pictures of the dog."""
    folder = tmp_path / "home"
    draw(folder / "a.png", seed=1)
    film(folder / "b.mp4")
    (folder / "a.txt").write_text("A dog and a cat on a sofa.\n")
    (folder / "b.txt").write_text("A cat jumps.")
    draw(folder / "dog" / "1.png", seed=2, size=(20, 30), alpha=True)
    draw(folder / "dog" / "2.png", seed=3, size=(10, 10))
    return folder


def samples(dataset: Path) -> list[Sample]:
    return [sample for shard in shard_paths(dataset, Sample) for sample in read_shard(shard, Sample)]


def first_video(store: SampleStore, bucket: Bucket) -> Video:
    sample = store.read(bucket, 0)
    assert sample.video is not None
    return decode_clip(store.content(sample.video), bucket)


def same(image: Payload, file: Path) -> bool:
    """Whether a picture of the dataset has the pixels of a file, and is as transparent."""
    found, expected = open_picture(image.bytes or b""), open_picture(file)
    return found.size == expected.size and found.tobytes() == expected.tobytes()


def test_a_picture_is_a_clip_of_one_frame_with_the_same_pixels(home: Path, tmp_path: Path) -> None:
    dataset = write_own_dataset(tmp_path / "dataset", [OwnClip(file=home / "a.png", caption="A dog.")], buckets=BUCKETS)

    store = SampleStore(dataset)
    assert store.clips_per_bucket() == {STILL: 1}
    assert np.array_equal(first_video(store, STILL)[0], np.asarray(Image.open(home / "a.png")))


def test_a_video_is_copied_and_its_facts_are_those_of_the_file(home: Path, tmp_path: Path) -> None:
    dataset = write_own_dataset(tmp_path / "dataset", [OwnClip(file=home / "b.mp4", caption="A cat.")], buckets=BUCKETS)

    (sample,) = samples(dataset)
    store = SampleStore(dataset, BUCKETS)
    assert sample.video.bytes == (home / "b.mp4").read_bytes()
    assert (sample.num_frames, sample.height, sample.width) == (12, 32, 48)
    assert sample.fps == pytest.approx(24)
    assert (sample.bucket, sample.media.codec, sample.media.damage) == (str(MOVING), "h264", None)
    assert store.clips_per_bucket() == {STILL: 1, MOVING: 1}
    assert np.array_equal(first_video(store, MOVING), decode_clip(home / "b.mp4", MOVING))


def test_words_are_bound_to_their_pictures_and_no_score_is_made_up(home: Path, tmp_path: Path) -> None:
    place = draw(tmp_path / "place.png", seed=4)
    clip = OwnClip(
        file=home / "a.png",
        caption="A dog, a cat and a dog on a sofa.",
        references={"dog#2": (home / "dog" / "1.png",), "Cat": (home / "dog" / "2.png", home / "dog" / "1.png")},
        background=place,
        background_word="sofa",
    )

    (sample,) = samples(write_own_dataset(tmp_path / "dataset", [clip], buckets=BUCKETS))

    assert [(each.word, each.kind, each.start, len(each.references)) for each in sample.entities] == [
        ("cat", EntityKind.SUBJECT, 9, 2),
        ("dog", EntityKind.SUBJECT, 19, 1),
        ("sofa", EntityKind.BACKGROUND, 28, 0),
    ]
    (picture,) = sample.entities[1].references
    assert same(picture.image, home / "dog" / "1.png")
    assert not sample.scores.known()
    unknown = {each.name for each in fields(ReferenceScores) if getattr(picture, each.name) is None}
    assert unknown >= {"frame_index", "time_s", "box", "detection_score", "mask_score", "sharpness", "overlap"}
    assert sample.background is not None
    assert (sample.background.leak, sample.background.time_s) == (None, None)
    assert same(sample.background.image, place)


def test_a_folder_gives_captions_and_the_pictures_of_a_word_to_every_caption_that_has_it(home: Path) -> None:
    dog = (home / "dog" / "1.png", home / "dog" / "2.png")

    assert own_clips(home) == [
        OwnClip(file=home / "a.png", caption="A dog and a cat on a sofa.", references={"dog": dog}),
        OwnClip(file=home / "b.mp4", caption="A cat jumps."),
    ]


def test_jsonl_says_the_same_with_paths_from_its_own_folder(home: Path) -> None:
    rows = [
        {"file": "a.png", "caption": "A dog and a cat on a sofa.", "references": {"dog": ["dog/1.png", "dog/2.png"]}},
        {"file": str(home / "b.mp4"), "caption": "A cat jumps."},
    ]
    path = home / "clips.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")

    of_lines = own_clips(path)

    path.unlink()
    assert of_lines == own_clips(home)


def test_training_reads_pictures_and_videos_each_in_its_bucket_with_their_references(
    home: Path, tmp_path: Path
) -> None:
    dataset = write_own_dataset(tmp_path / "dataset", own_clips(home), buckets=BUCKETS)
    config = DataConfig(
        batching=BatchingConfig(tokens_per_device=1, devices_per_group=1), text_dropout=0.0, image_dropout=0.0
    )

    loader = BatchLoader(SampleStore(dataset), config, seed=0, max_images=6, latents=LatentGeometry())
    batches = [loader.batch(step) for step in range(12)]

    assert {batch.bucket for batch in batches} == {STILL, MOVING}
    for batch in batches:
        (example,) = batch.examples
        assert batch.videos().shape == (1, batch.bucket.frames, 32, 48, 3)
        assert {example.caption[image.start : image.end] for image in example.images} == (
            {"dog"} if "dog" in example.caption else set()
        )


def test_latents_of_pictures_are_cached(home: Path, tmp_path: Path) -> None:
    store = SampleStore(write_own_dataset(tmp_path / "dataset", own_clips(home), buckets=BUCKETS), BUCKETS)

    report = write_cache(store, EmbeddedEncoders().build(), device=torch.device("cpu"))

    assert (report.clips, report.windows, report.encoded_windows, report.failures) == (2, 3, 3, ())


def test_the_manifest_says_that_no_annotator_ran(home: Path, tmp_path: Path) -> None:
    manifest = read_manifest(write_own_dataset(tmp_path / "dataset", own_clips(home), buckets=BUCKETS))

    assert (manifest.annotators, manifest.complete) == ((), True)
    assert [(row.entered, row.passed) for row in manifest.funnel] == [(2, 2)]


def test_what_is_wrong_is_named_and_nothing_is_left_behind(home: Path, tmp_path: Path) -> None:
    right = OwnClip(file=home / "a.png", caption="A dog.")
    (home / "notes.pdf").write_bytes(b"%PDF-1.7")
    wrong = {
        r"a\.png: reference word 'cat' is not in the caption 'A dog\.'": replace(
            right, references={"cat": (home / "dog" / "1.png",)}
        ),
        r"a\.png: reference word 'dog' has no picture": replace(right, references={"dog": ()}),
        r"nothing\.png": replace(right, file=home / "nothing.png"),
        r"notes\.pdf": replace(right, file=home / "notes.pdf"),
        r"small\.png: it has 1 frames in .* 8x8 \(height x width\), which fill none of the buckets 1x32x48": replace(
            right, file=draw(home / "small.png", seed=0, size=(8, 8))
        ),
    }

    for problem, clip in wrong.items():
        with pytest.raises(ValueError, match=problem):
            write_own_dataset(tmp_path / "dataset", [right, clip], buckets=BUCKETS)
    with pytest.raises(ValueError, match="there are no clips"):
        write_own_dataset(tmp_path / "dataset", [])
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_dataset_that_is_there_stays(home: Path, tmp_path: Path) -> None:
    dataset = write_own_dataset(tmp_path / "dataset", own_clips(home), buckets=BUCKETS)

    with pytest.raises(FileExistsError, match="is there already; choose another output"):
        write_own_dataset(dataset, own_clips(home), buckets=BUCKETS)
    assert len(samples(dataset)) == 2


def test_a_folder_or_a_file_that_cannot_be_meant_is_refused(home: Path, tmp_path: Path) -> None:
    (home / "cow").mkdir()
    with pytest.raises(ValueError, match="cow has pictures of 'cow', which is in no caption; rename the folder"):
        own_clips(home)
    (home / "b.txt").unlink()
    with pytest.raises(ValueError, match=r"b\.mp4 has no caption; write what happens in it into b\.txt"):
        own_clips(home)
    with pytest.raises(FileNotFoundError, match=r"expected a folder or a \.jsonl file"):
        own_clips(tmp_path / "nowhere")
    (tmp_path / "clips.jsonl").write_text('{"file": "a.png", "caption": "A dog.", "reference": {}}\n')
    with pytest.raises(ValueError, match=r"clips\.jsonl, line 1: reference is unknown, expected a field of OwnClip"):
        own_clips(tmp_path / "clips.jsonl")
