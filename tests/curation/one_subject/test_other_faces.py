"""Faces that are not the subject's: what is left of them, and that nothing else is touched."""

from dataclasses import replace

import numpy as np
import pytest

from curation.annotators.protocols import FaceBox
from curation.one_subject.cutouts import cutout_of
from curation.one_subject.other_faces import blurred_faces, people_in, without_faces
from dataset_schema import Entity, EntityKind
from tests.curation.one_subject.made_samples import Made, cutout, reference
from tests.curation.scripted_faces import ScriptedFaces

FACE = FaceBox(20.0, 10.0, 60.0, 50.0, 0.9)
PERSON = cutout((160, 120, 100), height=200, width=100)


def entity(word: str) -> Entity:
    """With a whole picture and one of a face."""
    return Entity(
        word=word,
        kind=EntityKind.SUBJECT,
        start=0,
        end=len(word),
        references=(reference(PERSON), reference(PERSON[:50], place=1, is_face=True)),
    )


def test_of_another_person_the_face_is_blurred_and_nothing_else_changes() -> None:
    changed = without_faces(entity("man"), ScriptedFaces(FACE), "blur")

    (kept,) = changed.references
    picture = cutout_of(kept)
    inside = np.zeros(PERSON.shape[:2], bool)
    inside[0:60, 10:70] = True  # the box of 40 pixels, and a quarter more on every side
    assert np.array_equal(picture[~inside], PERSON[~inside])
    assert np.array_equal(picture[..., 3], PERSON[..., 3])
    detail = [np.abs(np.diff(shown[10:50, 20:60, 0].astype(int), axis=1)).mean() for shown in (picture, PERSON)]
    assert detail[0] < detail[1] / 5


def test_a_picture_of_a_face_alone_leaves_its_scores() -> None:
    changed = without_faces(entity("man"), ScriptedFaces(FACE), "blur")

    (left_out,) = changed.rejected_references
    assert left_out.is_face
    assert not hasattr(left_out, "image")


def test_pictures_with_another_face_can_be_left_out() -> None:
    assert without_faces(entity("man"), ScriptedFaces(FACE), "leave_out").references == ()
    assert len(without_faces(entity("man"), ScriptedFaces(), "leave_out").references) == 1


def test_the_head_of_an_animal_is_left_as_it_is() -> None:
    changed = without_faces(entity("dog"), ScriptedFaces(FACE), "blur")

    assert changed.references == entity("dog").references[:1]


@pytest.mark.parametrize(("left", "blurs"), [(0.0, True), (70.0, False)])
def test_in_a_picture_of_a_dog_faces_are_blurred_where_people_are_located(left: float, blurs: bool) -> None:
    dog, man = reference(PERSON), reference(PERSON[:, :30])
    assert man.box is not None
    man = replace(man, box=replace(man.box, x0=left, x1=left + 60))
    sample = Made(number=1, words={"dog": [dog], "man": [man]}).sample

    people = people_in(sample, sample.entities[0], dog)

    assert people == [(left, 0.0, left + 60, 200.0)]
    assert (blurred_faces(PERSON, ScriptedFaces(FACE), people) is not None) is blurs


def test_in_another_frame_nobody_is_located() -> None:
    sample = Made(number=1, words={"dog": [reference(PERSON)], "man": [reference(PERSON, frame=12)]}).sample

    assert people_in(sample, sample.entities[0], sample.entities[0].references[0]) == []
