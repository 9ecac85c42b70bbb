"""What every cut-out encoder, inpainter and leak check must do, with the paper's networks or without any."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curation.annotators.device import Device
from curation.annotators.inpainting.exemplar import ExemplarConfig, ExemplarInpainter
from curation.annotators.inpainting.stable_diffusion import StableDiffusionConfig, StableDiffusionInpainter
from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig, DetectorLeak, DetectorLeakConfig
from curation.annotators.likeness.dinov2 import Dinov2Config, Dinov2Encoder
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.annotators.protocols import (
    AnnotatorLike,
    CutoutEncoder,
    Hole,
    Inpainter,
    LeakCheck,
    Painted,
    Scene,
)
from curation.masks import cut_out
from curation.records import EntityWord, LocatedEntity
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_dinov2, save_tiny_inpainting
from tests.curation.moving_scenes import still_frames, texture

CPU = Device(name="cpu", precision="float32")
GREEN, RED = texture(90, 160, (60, 120, 60), seed=1), texture(90, 160, (200, 60, 50), seed=2)
INSIDE = ((np.mgrid[:90, :160][0] - 45) / 25) ** 2 + ((np.mgrid[:90, :160][1] - 80) / 30) ** 2 <= 1
WITH_ENTITY = np.where(INSIDE[..., None], RED, GREEN)
DOG = EntityWord(word="dog", kind=EntityKind.SUBJECT, start=0, end=3)


class RedDetector:
    """Finds every word where the picture is red, by the share of the entity's pixels."""

    reads_words = True

    def describe(self) -> Annotator:
        return Annotator(job="locate", name="red", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        masks = [(scene.frames[0].image[..., 0] > 150) & INSIDE for scene in scenes]
        return [
            [
                LocatedEntity(
                    word_index=0, reference_index=0, mask=mask, detection_score=mask.sum() / INSIDE.sum(), mask_score=1
                )
            ]
            if mask.any()
            else []
            for mask in masks
        ]


@pytest.fixture(params=["histogram", "dinov2"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> CutoutEncoder:
    if request.param == "histogram":
        return HistogramEncoder()
    return Dinov2Encoder(Dinov2Config(checkpoint=str(save_tiny_dinov2(tmp_path / "dinov2")), device=CPU))


@pytest.fixture(params=["exemplar", "stable_diffusion"])
def inpainter(request: pytest.FixtureRequest, tmp_path: Path) -> Inpainter:
    if request.param == "exemplar":
        return ExemplarInpainter(ExemplarConfig())
    folder = save_tiny_inpainting(tmp_path / "inpainting")
    return StableDiffusionInpainter(StableDiffusionConfig(checkpoint=str(folder), side=64, steps=2, device=CPU))


@pytest.fixture(params=["color", "detector"])
def leak_check(request: pytest.FixtureRequest) -> LeakCheck:
    return ColorLeak(ColorLeakConfig()) if request.param == "color" else DetectorLeak(RedDetector())


def check_annotator(annotator: AnnotatorLike, job: str) -> None:
    assert annotator.describe().job == job
    assert annotator.describe() == annotator.describe()
    assert annotator.resources.timeout_s > 0
    annotator.load()
    annotator.load()


def test_an_encoder_gives_one_unit_vector_per_cutout(encoder: CutoutEncoder) -> None:
    check_annotator(encoder, "likeness")
    red, green = (cut_out(image, INSIDE, (50, 20, 111, 71)) for image in (RED, GREEN))

    vectors = encoder.encode([red, green, red, green[25:26, 30:31], green[:, 30:31]])

    assert vectors.dtype == np.float64
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[2] == pytest.approx(1)
    assert vectors[0] @ vectors[1] < 0.9999


def test_an_inpainter_changes_the_hole_alone(inpainter: Inpainter) -> None:
    check_annotator(inpainter, "inpaint")
    given = WITH_ENTITY.copy()

    one, untouched, two = inpainter.inpaint(
        [Hole(given, INSIDE, "beach"), Hole(given, np.zeros_like(INSIDE)), Hole(GREEN, INSIDE)]
    )

    assert np.array_equal(given, WITH_ENTITY)
    assert np.array_equal(one[~INSIDE], given[~INSIDE])
    assert (one[INSIDE] != given[INSIDE]).any(axis=-1).mean() > 0.9
    assert np.array_equal(untouched, given)
    assert np.array_equal(two[~INSIDE], GREEN[~INSIDE])
    with pytest.raises(ValueError, match="expected the same height and width"):
        inpainter.inpaint([Hole(given, INSIDE[:50])])


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (2, 2), (5, 9)])
def test_an_inpainter_paints_the_smallest_pictures(inpainter: Inpainter, shape: tuple[int, int]) -> None:
    image = texture(40, 310, (90, 90, 90), seed=3)[: shape[0], : shape[1]]
    image = np.resize(image, (*shape, 3))
    mask = np.zeros(shape, bool)
    mask.flat[0] = True

    (painted,) = inpainter.inpaint([Hole(image, mask)])

    assert np.array_equal(painted[~mask], image[~mask])


def test_a_leak_check_tells_an_entity_that_was_left_from_one_that_was_painted_out(leak_check: LeakCheck) -> None:
    check_annotator(leak_check, "leak")
    frame = replace(still_frames(WITH_ENTITY)[0], index=7)

    left, gone = leak_check.leaks([Painted(frame, image, INSIDE, INSIDE, (DOG,)) for image in (WITH_ENTITY, GREEN)])

    assert 0.5 < left <= 1
    assert 0 <= gone < 0.05


def test_a_detector_that_looks_for_leaks_sees_the_entity_in_no_frame_around_the_background() -> None:
    class Neighbourly(RedDetector):
        """Looks at the frames around as well, as one that follows motion does."""

        def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
            around = [image for scene in scenes for frame in scene.frames for image in frame.neighbours]
            return super().locate([Scene(still_frames(image), (DOG,)) for image in around])

    frame = still_frames(WITH_ENTITY)[0]

    leaks = DetectorLeak(Neighbourly()).leaks([Painted(frame, GREEN, INSIDE, INSIDE, (DOG,))])

    assert leaks == [0]


def test_a_locator_that_reads_no_words_cannot_look_for_leaks() -> None:
    with pytest.raises(ValueError, match="MovingObjectLocator, expected a detector that reads words"):
        DetectorLeakConfig().build(MovingObjectConfig().build())
