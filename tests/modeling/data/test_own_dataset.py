"""What one has at home becomes a dataset that training reads like a curated one, and in which nothing is made up."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dataset_schema import Bucket, EntityKind, Payload, ReferenceScores, Sample, read_manifest, read_shard, shard_paths
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.cache import write_cache
from modeling.data.own_clips import OwnClip, own_clips
from modeling.data.own_dataset import write_own_dataset
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.data.video import Video, decode_clip
from modeling.encoders import EmbeddedEncoders
from modeling.encoders.geometry import LatentGeometry
from picture_reading.opening import open_picture
from tests.modeling.data.own_files import draw, film, furnish

STILL, MOVING = Bucket(1, 32, 48), Bucket(9, 32, 48)
BUCKETS = (STILL, MOVING)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return furnish(tmp_path / "home")


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
        r"small\.png: it has 1 frames in .* 8x8 .*, which fill no bucket, the smallest being 1x32x48": replace(
            right, file=draw(home / "small.png", seed=0, size=(8, 8))
        ),
    }

    for problem, clip in wrong.items():
        with pytest.raises(ValueError, match=problem):
            write_own_dataset(tmp_path / "dataset", [right, clip], buckets=BUCKETS)
    with pytest.raises(ValueError, match="there are no clips"):
        write_own_dataset(tmp_path / "dataset", [])
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_every_broken_file_is_named_at_once_and_nothing_is_lost_in_silence(home: Path, tmp_path: Path) -> None:
    whole = film(home / "whole.mp4", frames=48).read_bytes()
    clips = [
        OwnClip(file=home / name, caption="A dog.", references={"dog": (home / reference,)})
        for name, reference in (
            ("a.png", "dog/1.png"),
            ("torn.png", "dog/1.png"),
            ("empty.jpg", "dog/1.png"),
            ("phone.heic", "dog/1.png"),
            ("torn.mp4", "dog/1.png"),
            ("b.mp4", "torn.png"),
            ("dog", "dog/1.png"),
            ("a.png", "dog/2.png"),
            ("film.mp4", "dog/1.png"),
        )
    ]
    (home / "torn.png").write_bytes((home / "a.png").read_bytes()[:2000])
    (home / "empty.jpg").write_bytes(b"")
    (home / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (home / "torn.mp4").write_bytes(torn(whole))
    with (home / "film.mp4").open("wb") as file:
        file.truncate(2**31)  # a hole on the disk

    with pytest.raises(ValueError, match="8 things are wrong") as error:
        write_own_dataset(tmp_path / "dataset", clips, buckets=BUCKETS)

    for problem in (
        "torn.png: the picture cannot be decoded",
        "empty.jpg: it is no picture that can be opened, and as a video it is empty (0 bytes)",
        "phone.heic: the picture is a HEIC picture, which cannot be opened here; save it as JPEG or PNG",
        "torn.mp4: it is damaged (",
        f"b.mp4: {home}/torn.png cannot be decoded",
        "dog: it cannot be read (Is a directory), expected a video or a picture",
        "a.png: the same file with the same caption is given twice",
        "film.mp4: it has 2.1 GB, and a row holds 2 at most; cut it into clips",
    ):
        assert f"\n- {home}/{problem}" in str(error.value)
    assert not (tmp_path / "dataset").exists()


def torn(video: bytes) -> bytes:
    """An MP4 whose last frames are noise: players show it to its end."""
    start = video.index(b"mdat") + 4
    end = start - 8 + int.from_bytes(video[start - 8 : start - 4], "big")
    noise = np.random.default_rng(0).integers(0, 256, (end - start) // 2, dtype=np.uint8).tobytes()
    return video[: end - len(noise)] + noise + video[end:]


def test_files_of_one_name_in_several_folders_are_several_sources(home: Path, tmp_path: Path) -> None:
    other = draw(tmp_path / "other" / "a.png", seed=9)
    clips = [OwnClip(file=file, caption="A dog.") for file in (home / "a.png", other)]

    found = samples(write_own_dataset(tmp_path / "dataset", clips, buckets=BUCKETS))

    assert len({sample.source.id for sample in found}) == len({sample.clip_id for sample in found}) == 2


def test_a_dataset_that_is_there_stays(home: Path, tmp_path: Path) -> None:
    dataset = write_own_dataset(tmp_path / "dataset", own_clips(home), buckets=BUCKETS)

    with pytest.raises(FileExistsError, match="is there already; choose another output"):
        write_own_dataset(dataset, own_clips(home), buckets=BUCKETS)
    assert len(samples(dataset)) == 2
