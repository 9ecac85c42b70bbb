"""Faces of nobody that is named are made unknowable in all pictures that are stored; the faces are drawn."""

import io
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image as Picture

from curation.annotators.faces import BlazeFaceConfig, BlazeFaceDetector
from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig
from curation.annotators.protocols import Hole
from curation.execution.chain import PlannedStage, StageChain
from curation.execution.withheld import Withheld
from curation.profiles import CurationConfig, build_stages
from curation.records import Clip, Image, LocatedEntity, Mask
from curation.stage import Resources
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.blur_faces import BlurFaces, BlurFacesConfig
from curation.stages.publish import PayloadMode, PublishConfig
from dataset_schema import Annotator, EntityKind, RejectedClip
from tests.curation.moving_scenes import clip_of, draw_face, still_frames
from tests.curation.scripted_stages import JudgeStage, MeasureStage, make_clip

SIZE = (300, 480)
NAMED, OTHER = (120, 150), (360, 150)
SIDE = 120


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    loaded = BlazeFaceDetector(BlazeFaceConfig())
    loaded.load()
    return loaded


class GreyInpainter:
    """Paints holes grey."""

    resources = Resources()

    def describe(self) -> Annotator:
        return Annotator(job="inpaint", name="grey", revision="1")

    def load(self) -> None:
        pass

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        return [np.where(hole.mask[..., None], np.uint8(90), hole.image) for hole in holes]


def street() -> Image:
    noise = np.random.default_rng(1).integers(70, 110, (*SIZE, 3))
    plain = noise.astype(np.uint8)
    return draw_face(draw_face(plain, NAMED, SIDE), OTHER, SIDE)


def around(center: tuple[int, int]) -> Mask:
    mask = np.zeros(SIZE, np.bool_)
    mask[center[1] - SIDE // 2 : center[1] + SIDE // 2, center[0] - SIDE // 2 : center[0] + SIDE // 2] = True
    return mask


def clip_with(*masks: Mask) -> Clip:
    frames = still_frames(*[street()] * 3)
    located = tuple(
        LocatedEntity(word_index=0, reference_index=frame, mask=mask, detection_score=0.9, mask_score=0.9)
        for frame in range(3)
        for mask in masks
    )
    return replace(clip_of(frames, woman=EntityKind.SUBJECT), located=located)


def faces_in(detector: BlazeFaceDetector, image: Image) -> list[int]:
    """Where faces are found, from the left, by their middles to 10 pixels."""
    return sorted(10 * round((face.x0 + face.x1) / 20) for face in detector.detect(image))


def detail(image: Image) -> float:
    return float(cv2.Laplacian(image, cv2.CV_64F).var())


def frames_after(detector: BlazeFaceDetector, clip: Clip) -> list[Image]:
    (blurred,) = BlurFaces(BlurFacesConfig(), detector).score([clip])
    assert blurred.frames is not None
    return [frame.image for frame in blurred.frames.reference_frames]


def test_a_face_of_nobody_that_is_named_is_gone_and_the_others_pixels_stay(detector: BlazeFaceDetector) -> None:
    assert faces_in(detector, street()) == [120, 360]

    for image in frames_after(detector, clip_with(around(NAMED))):
        assert faces_in(detector, image) == [120]
        left = (slice(None), slice(0, 240))
        np.testing.assert_array_equal(image[left], street()[left])
        eyes = (slice(120, 150), slice(OTHER[0] - 45, OTHER[0] + 45))
        assert detail(street()[eyes]) > 100
        assert detail(image[eyes]) < 2  # rounding to whole levels alone leaves 20/12


def test_without_any_entity_all_faces_are_gone_and_with_both_none(detector: BlazeFaceDetector) -> None:
    assert all(faces_in(detector, image) == [] for image in frames_after(detector, clip_with()))
    both = clip_with(around(NAMED), around(OTHER))
    assert all((image == street()).all() for image in frames_after(detector, both))


def test_a_mask_that_covers_less_than_half_of_a_face_does_not_make_it_its_own(detector: BlazeFaceDetector) -> None:
    third = around(OTHER)
    third[:, OTHER[0] - SIDE // 6 :] = False

    assert faces_in(detector, frames_after(detector, clip_with(around(NAMED), third))[1]) == [120]


def test_the_stored_background_shows_no_face(detector: BlazeFaceDetector) -> None:
    background = BackgroundPicture(BackgroundConfig(), GreyInpainter(), ColorLeak(ColorLeakConfig()))

    def stored(clip: Clip) -> Image:
        (painted,) = background.score([clip])
        assert painted.background is not None
        assert painted.background.image.bytes is not None
        return np.asarray(Picture.open(io.BytesIO(painted.background.image.bytes)).convert("RGB"))

    clip = clip_with(around(NAMED))
    (blurred,) = BlurFaces(BlurFacesConfig(), detector).score([clip])

    assert faces_in(detector, stored(clip)) == [360]
    assert faces_in(detector, stored(blurred)) == []


def test_videos_are_not_blurred_and_so_must_not_be_stored() -> None:
    for mode in (PayloadMode.COPY, PayloadMode.EXACT):
        with pytest.raises(ValueError, match=f"other_faces is blur and publish.mode {mode}, expected span"):
            CurationConfig(other_faces="blur", publish=PublishConfig(mode=mode))

    span = CurationConfig(other_faces="blur", publish=PublishConfig(mode=PayloadMode.SPAN))
    names = [stage.name for stage in build_stages(span)]
    assert names[names.index("entity_masks") : names.index("background")] == [
        *("entity_masks", "blur_faces", "reference_images")
    ]
    assert "blur_faces" not in [stage.name for stage in build_stages(CurationConfig())]


@pytest.mark.parametrize("are_withheld", [False, True])
def test_rejected_clips_have_no_thumbnail_where_those_are_withheld(are_withheld: bool) -> None:
    stages = [PlannedStage(stage=stage, drops=frozenset()) for stage in (MeasureStage(), JudgeStage())]
    chain = StageChain(stages, score_all=False, withheld=Withheld(thumbnails=are_withheld))
    clip = replace(make_clip(1, judge="reject"), frames=clip_with().frames)

    (rejected,) = chain.run([clip])

    assert isinstance(rejected, RejectedClip)
    assert (rejected.thumbnail is None) == are_withheld
