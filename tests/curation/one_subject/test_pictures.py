"""What the subject looks like: files as people have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.annotators.protocols import EntityLocator, FaceBox, Scene
from curation.one_subject.pictures import read_pictures, usable
from curation.records import Cutout, EntityWord, Image, LocatedEntity
from curation.references.crops import ReferenceCrop
from curation.stage import Resources
from dataset_schema import Annotator
from tests.curation.one_subject.made_samples import cutout

RED = (200, 30, 30)


@dataclass
class RedThings:
    """Finds every word where a picture is red; nothing for a unicorn, and does not look for a kettle."""

    reads_words = True
    several: bool = False

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="red", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def cannot_find(self, word: EntityWord) -> str | None:
        return "no detector class" if word.word == "kettle" else None

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [
            [
                LocatedEntity(
                    word_index=0,
                    reference_index=0,
                    mask=scene.frames[0].image[..., 0] > scene.frames[0].image[..., 1] + 90,
                    detection_score=0.8,
                    mask_score=0.8,
                    is_ambiguous=self.several,
                )
            ]
            if scene.words[0].word != "unicorn"
            else []
            for scene in scenes
        ]


class OneFace:
    """Sees a face at the top of every picture."""

    def describe(self) -> Annotator:
        return Annotator(job="faces", name="one", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def detect(self, image: Image) -> list[FaceBox]:
        width = image.shape[1]
        return [FaceBox(width / 2 - 10, 20.0, width / 2 + 10, 50.0, 0.9)]


def photograph(path: Path, *, size: tuple[int, int] = (240, 320)) -> Path:
    """A red box of 100 x 140 on gray, at (60, 40)."""
    picture = np.full((*size, 3), 128, np.uint8)
    picture[40:140, 60:200] = RED
    Picture.fromarray(picture).save(path)
    return path


def read(source: Path, word: str = "dog", locator: EntityLocator | None = None) -> list[ReferenceCrop]:
    """The subject in every file that can be used."""
    return list(usable(read_pictures(source, word, locator or RedThings())))


def test_a_picture_that_is_cut_out_is_taken_as_it_is(tmp_path: Path) -> None:
    made = cutout(RED)
    made[:10, :, 3] = 0
    Picture.fromarray(made).save(tmp_path / "dog.png")

    (found,) = read(tmp_path, word="")

    assert found.box == (0, 10, 140, 100)
    assert np.array_equal(found.cutout, made[10:])
    assert found.short_side == 90


def test_in_a_photograph_the_subject_is_found_by_its_word(tmp_path: Path) -> None:
    photograph(tmp_path / "dog.png")

    (found,) = read(tmp_path)

    assert found.box == (60, 40, 200, 140)


def test_a_large_photograph_is_looked_at_in_the_size_that_locators_know(tmp_path: Path) -> None:
    photograph(tmp_path / "dog.png", size=(2400, 3200))

    (found,) = read(tmp_path)

    assert found.frame.image.shape[:2] == (960, 1280)


@pytest.mark.parametrize(
    ("word", "locator", "said"),
    [
        ("", RedThings(), r"is not cut out; say by --word what it shows, such as dog, or cut it out"),
        ("unicorn", RedThings(), r"no 'unicorn' was found in it"),
        ("kettle", RedThings(), r"'kettle' cannot be looked for in it \(no detector class\)"),
        ("dog", RedThings(several=True), r"'dog' fits several things in it; crop it"),
        ("dog", MovingObjectConfig().build(), r"MovingObjectLocator finds what moves alone; cut it out"),
    ],
)
def test_a_photograph_in_which_the_subject_is_not_found_is_told(
    tmp_path: Path, word: str, locator: EntityLocator, said: str
) -> None:
    photograph(tmp_path / "dog.png")

    with pytest.raises(ValueError, match=said) as told:
        read(tmp_path, word, locator)
    assert "none of the 1 pictures" in str(told.value)
    assert "dog.png" in str(told.value)


def test_what_is_no_picture_is_told_beside_those_that_are(tmp_path: Path) -> None:
    photograph(tmp_path / "dog.png")
    (tmp_path / "notes.txt").write_text("my dog")
    (tmp_path / ".hidden").write_text("nothing")

    dog, notes = read_pictures(tmp_path, "dog", RedThings())

    assert dog.crop is not None
    assert notes.crop is None
    assert "notes.txt is no picture that can be opened" in notes.problem


def test_a_folder_without_files_and_one_that_is_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no files, expected pictures of the subject"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist, expected a folder with pictures"):
        read(tmp_path / "nowhere")


def test_one_file_is_a_picture_too_and_its_face_is_cut_as_curation_cuts_faces(tmp_path: Path) -> None:
    Picture.fromarray(_with_border(cutout(RED, height=200, width=140))).save(tmp_path / "me.png")

    (found,) = read_pictures(tmp_path / "me.png", "", RedThings(), OneFace())

    # The box of 20 x 30 pixels at y 20, and 17 % of its height above and 3 % below.
    assert found.face is not None
    assert found.face.box == (60, 15, 80, 51)


def _with_border(picture: Cutout) -> Cutout:
    picture[-1:, :, 3] = 0
    return picture
