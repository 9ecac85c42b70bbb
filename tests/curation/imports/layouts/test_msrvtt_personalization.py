"""MSRVTT-Personalization through the importer and the stages: folders as the benchmark's own script writes them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from curation.execution.chain import StageChain
from curation.imports import LAYOUTS, ForeignDataset, ImportConfig, Unmapped, open_foreign
from dataset_schema import EntityKind, FailureKind
from tests.curation.imports.curated import (
    Mask,
    Pixels,
    assert_shows,
    dog_at,
    ellipse,
    failure,
    moving_frames,
    outcomes,
    rgba,
    samples,
    write_lossless,
)
from tests.curation.imports.foreign_datasets import write_msrvtt_clip
from tests.curation.made_videos import decoded_images

REAL = Path(__file__).parents[5] / "shared" / "media" / "msrvttp"

FRAMES = moving_frames(20)
SHOWN = (1, 10, 19)  # at 5, 50 and 95 %
CAPTION = "A brown dog with a red/white ball walks on a meadow."
TAGS = {"subject": ["brown dog"], "object": ["red/white ball"], "background": ["meadow"]}
BALL = ellipse(200, 110, 50, 50)
HEAD = ellipse(72, 55, 40, 40)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lossless(tmp_path_factory.mktemp("video") / "video.mov", FRAMES)


def clip_of(folder: Path, video: Path, **changes: object) -> Path:
    masks = {
        "brown dog": [(number, dog_at(index)) for number, index in enumerate(SHOWN, start=1)],
        "red/white ball": [(2, BALL)],
    }
    usual = {"caption": CAPTION, "tags": TAGS, "masks": masks, "frames": [FRAMES[index] for index in SHOWN]}
    return write_msrvtt_clip(folder, video=video, **{**usual, **changes})  # type: ignore[arg-type]


def opened(folder: Path) -> ForeignDataset:
    return open_foreign(LAYOUTS["msrvtt-personalization"], folder, None, ImportConfig())


def as_saved(folder: Path, number: int) -> Pixels:
    return np.asarray(PillowImage.open(folder / f"frame{number}.jpg").convert("RGB"))


def test_cutouts_come_out_as_they_went_in(tmp_path: Path, video: Path, chain: StageChain) -> None:
    folder = clip_of(tmp_path / "video7001", video)

    (sample,) = samples(outcomes(chain, opened(tmp_path)))

    dog, ball, meadow = sample.entities
    assert (ball.word, CAPTION[ball.start : ball.end]) == ("red/white ball", "red/white ball")
    assert (meadow.kind, meadow.references) == (EntityKind.BACKGROUND, ())
    assert [picture.frame_index for picture in dog.references] == list(SHOWN)
    for number, (index, picture) in enumerate(zip(SHOWN, dog.references, strict=True), start=1):
        assert_shows(picture, as_saved(folder, number), dog_at(index))
        cutout = np.asarray(PillowImage.open(folder / f"brown_dog.frame{number}.png"))
        inside = cutout[..., 3] > 0
        assert np.array_equal(rgba(picture.image)[inside], cutout[inside])
    assert_shows(ball.references[0], as_saved(folder, 2), BALL)
    assert sample.source.licence == "Snap Inc. non-commercial research licence"


def test_faces_and_the_background_are_those_that_came(tmp_path: Path, video: Path, chain: StageChain) -> None:
    meadow = np.full_like(FRAMES[0], (120, 115, 110))
    tags = {**TAGS, "subject": ["brown dog"]}
    folder = clip_of(tmp_path / "c", video, tags=tags, faces={"brown dog": [(1, HEAD)]}, background=meadow)

    (sample,) = samples(outcomes(chain, opened(tmp_path)))

    pictures = sample.entities[0].references
    assert [picture.frame_index for picture in pictures] == [1, 10, 19, 1]
    assert [picture.is_face for picture in pictures] == [False, False, False, True]
    assert_shows(pictures[-1], as_saved(folder, 1), HEAD)
    assert sample.background is not None
    assert sample.background.frame_index == 10
    assert sample.background.leak is not None
    saved = np.asarray(PillowImage.open(folder / "background.jpg").convert("RGB"))
    assert np.array_equal(rgba(sample.background.image)[..., :3], saved)


def test_what_cannot_be_told_apart_is_counted(tmp_path: Path, video: Path) -> None:
    tags = {"subject": ["brown dog"], "object": ["red ball", "red_ball"], "background": []}
    caption = "A brown dog with a red ball and a red_ball."
    clip_of(tmp_path / "c", video, tags=tags, caption=caption, masks={}, faces={"brown dog": [(3, HEAD)]})
    dataset = opened(tmp_path)

    list(dataset)

    assert dataset.unmapped.counts == {Unmapped.SAME_FILE_NAME: 2, Unmapped.FACE_WITHOUT_PICTURE: 1}


def test_folders_that_cannot_be_read_say_why(tmp_path: Path, video: Path, chain: StageChain) -> None:
    clip_of(tmp_path / "a_other_pictures", video)
    clip_of(tmp_path / "b_other_picture", video)
    for number in (1, 2, 3):
        path = tmp_path / "a_other_pictures" / f"frame{number}.jpg"
        PillowImage.open(path).resize((128, 72)).save(path)
    PillowImage.fromarray(FRAMES[15][:80, :90]).save(tmp_path / "b_other_picture" / "brown_dog.frame1.png")
    (clip_of(tmp_path / "c_no_video", video) / "video.mp4").unlink()
    (clip_of(tmp_path / "d_no_words", video) / "word_tags.json").unlink()
    (clip_of(tmp_path / "e_broken", video) / "word_tags.json").write_text('{"subject": ["dog"')

    size, other, no_video, no_words, broken = [failure(found) for found in outcomes(chain, opened(tmp_path))]

    assert "frame1.jpg has 128x72 pixels, expected 256x144 as its video" in size.message
    assert "brown_dog.frame1.png is no part of its frame" in other.message
    assert "video.mp4 is not there; prepare the clip again" in no_video.message
    assert "folder d_no_words: has no word_tags.json; this is another layout" in no_words.message
    assert "word_tags.json is no JSON" in broken.message
    assert {each.kind for each in (size, other, no_video, no_words, broken)} == {FailureKind.INPUT}


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()

    with pytest.raises(ValueError, match=r"has no folder with video.mp4 and word_tags.json"):
        list(opened(tmp_path))


@pytest.mark.skipif(not REAL.is_dir(), reason="the benchmark's samples are not here; the drawn clips above are")
def test_a_real_sample_comes_out_as_it_went_in(tmp_path: Path, chain: StageChain) -> None:
    (sample,) = [each for each in json.loads((REAL / "samples.json").read_text()) if each["id"] == "msrvtt_dog"]
    frames = decoded_images(REAL / sample["video"])
    shown = [frames[int(len(frames) * share)] for share in (0.05, 0.5, 0.95)]
    rows, columns = np.mgrid[: shown[0].shape[0], : shown[0].shape[1]]
    puppy: Mask = ((rows - 110) / 80) ** 2 + ((columns - 180) / 90) ** 2 < 1
    folder = write_msrvtt_clip(
        tmp_path / "msrvtt_dog",
        video=REAL / sample["video"],
        caption=sample["caption"],
        tags=sample["all_entity_words_annotated"],
        frames=shown,
        masks={"brown and white puppy": [(number, puppy) for number in (1, 2, 3)]},
    )

    (found,) = samples(outcomes(chain, opened(tmp_path)))

    assert [entity.word for entity in found.entities if entity.kind is EntityKind.SUBJECT] == ["brown and white puppy"]
    for number, picture in enumerate(found.entities[0].references, start=1):
        assert_shows(picture, as_saved(folder, number), puppy)
