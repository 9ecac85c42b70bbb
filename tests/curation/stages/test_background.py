"""The stage that paints entities out of the middle frame."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from curation.annotators.inpainting.exemplar import ExemplarConfig, ExemplarInpainter
from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig, DetectorLeak
from curation.annotators.protocols import Hole, Painted, Scene
from curation.records import Clip, Image, LocatedEntity, Mask
from curation.stage import Resources
from curation.stages.background import BackgroundConfig, BackgroundPicture, grow_to_hole
from dataset_schema import Annotator, EntityKind
from tests.curation.deciding import reasons_of, through
from tests.curation.moving_scenes import Sprite, clip_of, reference_frames, scene

AT = scene([Sprite((50, 36), (190, 70, 60), lambda t: (120 + 60 * t, 120))])
FRAMES = reference_frames(AT)
TRUTH = AT(FRAMES[1].time_s)
COLORS = ColorLeak(ColorLeakConfig())


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
    return BackgroundPicture(BackgroundConfig(), ExemplarInpainter(ExemplarConfig()), ColorLeak(ColorLeakConfig()))


def test_the_background_is_the_middle_frame_without_the_entity() -> None:
    mask = TRUTH[2][0]

    (scored,) = through(exemplar_stage(), [clip_with(located(1, mask))])

    assert scored.background is not None
    assert scored.background.image.bytes is not None
    image = np.asarray(Picture.open(io.BytesIO(scored.background.image.bytes)))
    hole = grow_to_hole(mask, BackgroundConfig().dilation)
    error = image[hole].astype(float) - TRUTH[1][hole]
    assert np.array_equal(image[~hole], FRAMES[1].image[~hole])
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 15
    assert scored.background.frame_index == FRAMES[1].index
    assert scored.background.leak == scored.scores.background_leak
    assert scored.background.leak is not None
    assert scored.background.leak < 0.05


def test_an_entity_that_was_left_in_leaks() -> None:
    mask = TRUTH[2][0]
    tested = BackgroundPicture(BackgroundConfig(), ScriptedInpainter(), ColorLeak(ColorLeakConfig()))

    (scored,) = through(tested, [clip_with(located(1, mask))])

    assert scored.background is None
    assert scored.scores.background_leak is not None
    assert scored.scores.background_leak > 0.4
    assert reasons_of(tested, scored) == ()


def test_a_mask_of_half_the_entity_leaks_at_its_rim() -> None:
    mask = TRUTH[2][0]
    half = mask.copy()
    half[:, int(np.flatnonzero(mask.any(axis=0)).mean()) :] = False
    shown = replace(FRAMES[1], image=TRUTH[0])
    leaks: list[float] = []
    for entities in (mask, half):
        hole = grow_to_hole(entities, 0.014)
        painted = np.where(hole[..., None], TRUTH[1], TRUTH[0])
        leaks += COLORS.leaks([Painted(shown, painted, entities, hole, ())])

    assert leaks[0] < 0.02
    assert leaks[1] > leaks[0] + 0.08


@pytest.mark.parametrize(
    "entities",
    [(), (located(0, TRUTH[2][0]),), (located(1, np.ones_like(TRUTH[2][0])),)],
    ids=["nothing located", "not in the middle frame", "all of the frame"],
)
def test_without_a_known_region_there_is_no_background(entities: tuple[LocatedEntity, ...]) -> None:
    (scored,) = through(exemplar_stage(), [clip_with(*entities)])

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

    (together,) = through(exemplar_stage(), [clip_with(located(1, mask))])
    (apart,) = through(exemplar_stage(), [clip_with(located(1, left), located(1, right))])

    assert together.background is not None
    assert apart.background is not None
    assert together.background.image == apart.background.image


class ScriptedDetector:
    """Finds a word where the picture is as red as the sprite, by how much of it is."""

    reads_words = True

    def __init__(self) -> None:
        self.asked: list[Scene] = []

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="red", revision="7", weights_sha256="0" * 64)

    @property
    def resources(self) -> Resources:
        return Resources(gpus=0.25, gpu_memory_bytes=5)

    def load(self) -> None:
        pass

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        self.asked += scenes
        return [self._find(scene) for scene in scenes]

    def _find(self, scene: Scene) -> list[LocatedEntity]:
        (frame,) = scene.frames
        red = frame.image[..., 0].astype(int) > frame.image[..., 1].astype(int) + 100
        return _found(red, min(1.0, float(red.sum() / TRUTH[2][0].sum())))


def _found(mask: Mask, score: float) -> list[LocatedEntity]:
    if score < 0.1:
        return []
    weak, strong = (
        LocatedEntity(word_index=0, reference_index=0, mask=mask, detection_score=s, mask_score=0.9)
        for s in (score / 2, score)
    )
    return [weak, strong]


def test_a_detector_looks_for_the_subjects_words_in_the_painted_pictures() -> None:
    detector = ScriptedDetector()
    clip = replace(
        clip_of(FRAMES, dog=EntityKind.SUBJECT, ball=EntityKind.OBJECT, beach=EntityKind.BACKGROUND),
        located=(located(1, TRUTH[2][0]),),
    )
    tested = BackgroundPicture(BackgroundConfig(), ExemplarInpainter(ExemplarConfig()), DetectorLeak(detector))

    nothing, clean = through(tested, [clip_with(), clip])

    assert nothing.scores.background_leak is None
    assert clean.background is not None
    assert clean.scores.background_leak == clean.background.leak == 0
    (asked,) = detector.asked
    assert [word.word for word in asked.words] == ["dog"]
    assert not np.array_equal(asked.frames[0].image, FRAMES[1].image)
    assert np.array_equal(asked.frames[0].neighbours, asked.frames[0].image[None])


def test_a_background_in_which_the_detector_finds_the_subject_is_left_out() -> None:
    clip = clip_with(located(1, TRUTH[2][0]))
    tested = BackgroundPicture(BackgroundConfig(), ScriptedInpainter(), DetectorLeak(ScriptedDetector()))

    (scored,) = through(tested, [clip])

    assert scored.background is None
    assert scored.scores.background_leak is not None
    assert scored.scores.background_leak > 0.4


def test_the_stage_names_and_needs_inpainter_and_leak_check() -> None:
    tested = BackgroundPicture(BackgroundConfig(), ScriptedInpainter(), DetectorLeak(ScriptedDetector()))

    assert [(a.job, a.name, a.weights_sha256) for a in tested.annotators()] == [
        ("inpaint", "scripted", None),
        ("leak", "red", "0" * 64),
    ]
    assert (tested.resources.gpus, tested.resources.gpu_memory_bytes) == (0.25, 5)


def test_the_background_comes_from_the_middle_of_the_frames_outside_the_clip() -> None:
    frames = (*FRAMES, *(replace(frame, index=900 + frame.index, is_outside=True) for frame in FRAMES))
    clip = replace(clip_of(frames, dog=EntityKind.SUBJECT), located=(located(1, TRUTH[2][0]), located(4, TRUTH[2][0])))

    (scored,) = through(exemplar_stage(), [clip])

    assert scored.background is not None
    assert scored.background.frame_index == 900 + FRAMES[1].index


def test_each_clip_of_a_batch_gets_its_own_background() -> None:
    mask = TRUTH[2][0]
    clips = [clip_with(located(1, mask)), clip_with(), clip_with(located(1, np.roll(mask, 60, axis=1)))]

    together = through(exemplar_stage(), clips)

    alone = [through(exemplar_stage(), [clip])[0] for clip in clips]
    assert [clip.background for clip in together] == [clip.background for clip in alone]
    assert together[0].background != together[2].background


def test_a_leak_is_a_number_for_the_smallest_pictures_and_masks() -> None:
    speck = np.zeros((2000, 1500), bool)
    speck[1001, 3] = True
    for mask in (np.ones((1, 1), bool), speck):
        image = np.full((*mask.shape, 3), 50, np.uint8)
        painted = Painted(replace(FRAMES[1], image=image), image, mask, mask, ())

        assert 0 <= COLORS.leaks([painted])[0] <= 1


@pytest.mark.parametrize("lost", [0.0, 0.3, 0.5])
def test_a_mask_that_leaves_out_a_part_makes_a_background_that_leaks(lost: float) -> None:
    mask = TRUTH[2][0]
    entities = mask.copy()
    columns = np.flatnonzero(mask.any(axis=0))
    entities[:, columns[round((1 - lost) * (len(columns) - 1))] + 1 :] = False
    hole = grow_to_hole(entities, 0.014)
    painted = Painted(
        replace(FRAMES[1], image=TRUTH[0]), np.where(hole[..., None], TRUTH[1], TRUTH[0]), entities, hole, ()
    )

    (leak,) = COLORS.leaks([painted])

    assert (leak > BackgroundConfig().max_leak) == (lost > 0)


def test_what_another_frame_shows_is_painted_and_not_invented() -> None:
    masks = [AT(frame.time_s)[2][0] for frame in FRAMES]
    clip = clip_with(*(located(index, mask) for index, mask in enumerate(masks)))
    tested = BackgroundPicture(BackgroundConfig(), ScriptedInpainter(), ColorLeak(ColorLeakConfig()))

    (scored,) = through(tested, [clip])

    assert scored.background is not None
    assert scored.background.image.bytes is not None
    image = np.asarray(Picture.open(io.BytesIO(scored.background.image.bytes)))
    hole = grow_to_hole(masks[1], BackgroundConfig().dilation)
    unseen = hole & grow_to_hole(masks[0], BackgroundConfig().dilation) & grow_to_hole(masks[2], 0.014)
    assert np.abs(image[hole & ~unseen].astype(int) - TRUTH[1][hole & ~unseen]).mean() < 5


@pytest.mark.parametrize(
    ("max_view_difference", "word_of_others"),
    [(0, 0), (20, 1), (20, None)],
    ids=["switched off", "another word is located there", "nothing is located there"],
)
def test_frames_that_may_show_the_entity_anywhere_are_not_used(
    max_view_difference: float, word_of_others: int | None
) -> None:
    others = [
        replace(located(index, AT(FRAMES[index].time_s)[2][0]), word_index=word_of_others)
        for index in (0, 2)
        if word_of_others is not None
    ]
    clip = clip_with(located(1, TRUTH[2][0]), *others)
    config = BackgroundConfig(max_view_difference=max_view_difference)

    (scored,) = through(BackgroundPicture(config, ScriptedInpainter(), ColorLeak(ColorLeakConfig())), [clip])

    assert scored.background is None
    assert scored.scores.background_leak is not None
    assert scored.scores.background_leak > 0.4
