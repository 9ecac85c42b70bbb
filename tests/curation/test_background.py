"""The stage that paints entities out of the middle frame."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from curation.annotators.inpainting import ExemplarConfig, ExemplarInpainter
from curation.annotators.protocols import Hole
from curation.records import Clip, Image, LocatedEntity, Mask
from curation.stage import Resources
from curation.stages.background import BackgroundConfig, BackgroundPicture, grow_to_hole, leak_of
from dataset_schema import Annotator, EntityKind
from tests.curation.moving_scenes import Sprite, clip_of, reference_frames, scene

AT = scene([Sprite((50, 36), (190, 70, 60), lambda t: (120 + 60 * t, 120))])
FRAMES = reference_frames(AT)
TRUTH = AT(FRAMES[1].time_s)


class ScriptedInpainter:
    """Returns the picture as it is."""

    def describe(self) -> Annotator:
        return Annotator(job="inpaint", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        return [hole.image for hole in holes]


def located(frame: int, mask: Mask) -> LocatedEntity:
    return LocatedEntity(word_index=0, reference_index=frame, mask=mask, detection_score=0.9, mask_score=0.9)


def clip_with(*entities: LocatedEntity) -> Clip:
    return replace(clip_of(FRAMES, dog=EntityKind.SUBJECT), located=tuple(entities))


def exemplar_stage() -> BackgroundPicture:
    return BackgroundPicture(BackgroundConfig(), ExemplarInpainter(ExemplarConfig()))


def test_the_background_is_the_middle_frame_without_the_entity() -> None:
    mask = TRUTH[2][0]

    (scored,) = exemplar_stage().score([clip_with(located(1, mask))])

    assert scored.background is not None
    assert scored.background.image.bytes is not None
    image = np.asarray(Picture.open(io.BytesIO(scored.background.image.bytes)))
    hole = grow_to_hole(mask, BackgroundConfig().dilation)
    error = image[hole].astype(float) - TRUTH[1][hole]
    assert np.array_equal(image[~hole], FRAMES[1].image[~hole])
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 15
    assert scored.background.frame_index == FRAMES[1].index
    assert scored.background.leak == scored.scores.background_leak
    assert scored.background.leak < 0.05


def test_an_entity_that_was_left_in_leaks() -> None:
    mask = TRUTH[2][0]
    tested = BackgroundPicture(BackgroundConfig(), ScriptedInpainter())

    (scored,) = tested.score([clip_with(located(1, mask))])

    assert scored.background is None
    assert scored.scores.background_leak is not None
    assert scored.scores.background_leak > 0.4
    assert tested.decide(scored) == ()


def test_a_mask_of_half_the_entity_leaks_at_its_rim() -> None:
    mask = TRUTH[2][0]
    half = mask.copy()
    half[:, int(np.flatnonzero(mask.any(axis=0)).mean()) :] = False
    leaks = []
    for entities in (mask, half):
        hole = grow_to_hole(entities, 0.014)
        painted = np.where(hole[..., None], TRUTH[1], TRUTH[0])
        leaks.append(leak_of(painted, TRUTH[0], entities, hole, rim=0.15))

    assert leaks[0] < 0.02
    assert leaks[1] > leaks[0] + 0.08


@pytest.mark.parametrize(
    "entities",
    [(), (located(0, TRUTH[2][0]),), (located(1, np.ones_like(TRUTH[2][0])),)],
    ids=["nothing located", "not in the middle frame", "all of the frame"],
)
def test_without_a_known_region_there_is_no_background(entities: tuple[LocatedEntity, ...]) -> None:
    (scored,) = exemplar_stage().score([clip_with(*entities)])

    assert scored.background is None
    assert scored.scores.background_leak is None


def test_the_hole_grows_with_the_frame_and_has_no_islands() -> None:
    ring = np.zeros((300, 500), bool)
    rows, columns = np.mgrid[:300, :500]
    distance = np.hypot(rows - 150, columns - 250)
    ring[(distance > 60) & (distance < 80)] = True

    hole = grow_to_hole(ring, 0.014)

    # 1.4 % of 500 pixels.
    assert np.array_equal(hole, np.hypot(rows - 150, columns - 250) < 80 + 7) or abs(hole.sum() - np.pi * 86.5**2) < 600
    assert hole[150, 250]


def test_all_entities_are_painted_out_together() -> None:
    mask = TRUTH[2][0]
    left, right = mask.copy(), mask.copy()
    middle = int(np.flatnonzero(mask.any(axis=0)).mean())
    left[:, middle:], right[:, :middle] = False, False

    (together,) = exemplar_stage().score([clip_with(located(1, mask))])
    (apart,) = exemplar_stage().score([clip_with(located(1, left), located(1, right))])

    assert together.background is not None
    assert apart.background is not None
    assert together.background.image == apart.background.image
