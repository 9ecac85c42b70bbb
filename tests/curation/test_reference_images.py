"""The stage that cuts reference images out."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from curation.annotators.cutout_histogram import HistogramEncoder
from curation.annotators.protocols import FaceBox
from curation.records import Clip, Image, LocatedEntity, Mask
from curation.stage import Resources
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from dataset_schema import Annotator, Box, EntityKind, Payload
from tests.curation.moving_scenes import clip_of, still_frames, texture
from tests.made_media import media_facts

HEIGHT, WIDTH = 200, 300
GRAIN = np.random.default_rng(0).integers(0, 30, (HEIGHT, WIDTH, 1), dtype=np.uint8)
RED = texture(HEIGHT, WIDTH, (160, 60, 50), seed=1) // 2 + 40 + GRAIN
BLUE = texture(HEIGHT, WIDTH, (50, 60, 160), seed=1) // 2 + 40 + GRAIN


class ScriptedFaces:
    """Finds the given face in every picture."""

    def __init__(self, *faces: FaceBox) -> None:
        self._faces = list(faces)
        self.calls = 0

    def describe(self) -> Annotator:
        return Annotator(job="faces", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def detect(self, image: Image) -> list[FaceBox]:
        self.calls += 1
        return self._faces


def box_mask(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def located(word: int, frame: int, mask: Mask) -> LocatedEntity:
    return LocatedEntity(word_index=word, reference_index=frame, mask=mask, detection_score=0.9, mask_score=0.8)


def clip_with(*entities: LocatedEntity, frames: tuple[Image, ...] = (RED, RED, RED), **words: EntityKind) -> Clip:
    return replace(
        clip_of(still_frames(*frames), **words), located=tuple(entities), media=media_facts(width=WIDTH, height=HEIGHT)
    )


def stage(*faces: FaceBox) -> ReferenceImages:
    return ReferenceImages(ReferenceImagesConfig(), ScriptedFaces(*faces), HistogramEncoder())


def pixels(payload: Payload) -> np.ndarray:
    assert payload.bytes is not None
    picture = Picture.open(io.BytesIO(payload.bytes))
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    return np.asarray(picture)


def test_a_reference_image_is_the_masks_box_with_the_mask_as_alpha() -> None:
    mask = box_mask(40, 30, 160, 150)
    mask[30:60, 40:80] = False
    clip = clip_with(located(0, 1, mask), dog=EntityKind.SUBJECT)

    (scored,) = stage().score([clip])

    assert scored.entities is not None
    (reference,) = scored.entities[0].references
    image = pixels(reference.image)
    assert image.shape == (120, 120, 4)
    assert np.array_equal(image[..., 3] == 255, mask[30:150, 40:160])
    assert np.array_equal(image[image[..., 3] == 255][:, :3], RED[mask])
    assert not image[image[..., 3] == 0].any()
    assert (reference.box.x0, reference.box.y0, reference.box.x1, reference.box.y1) == (40, 30, 160, 150)
    assert (reference.frame_index, reference.time_s) == (24, 1.0)
    assert reference.area == pytest.approx((120 * 120 - 30 * 40) / (HEIGHT * WIDTH))
    assert reference.agreement is None


def test_the_box_of_a_picture_cut_from_a_shrunken_frame_is_in_pixels_of_the_true_one() -> None:
    clip = clip_with(located(0, 1, box_mask(40, 30, 160, 150)), dog=EntityKind.SUBJECT)
    clip = replace(clip, media=media_facts(width=3 * WIDTH, height=2 * HEIGHT))

    (scored,) = stage().score([clip])

    assert scored.entities is not None
    assert scored.entities[0].references[0].box == Box(x0=120, y0=60, x1=480, y1=300)


def test_every_word_becomes_an_entity_with_references_or_without() -> None:
    clip = clip_with(
        located(0, 0, box_mask(40, 30, 160, 150)),
        dog=EntityKind.SUBJECT,
        ball=EntityKind.OBJECT,
        beach=EntityKind.BACKGROUND,
    )

    (scored,) = stage().score([clip])

    assert [(e.word, e.kind, len(e.references)) for e in scored.entities or ()] == [
        ("dog", EntityKind.SUBJECT, 1),
        ("ball", EntityKind.OBJECT, 0),
        ("beach", EntityKind.BACKGROUND, 0),
    ]
    assert stage().decide(scored) == ()


@pytest.mark.parametrize(
    ("mask", "flaw"),
    [
        (box_mask(40, 30, 60, 50), "area"),
        (box_mask(40, 30, 60, 150), "short side"),
        (box_mask(40, 30, 100, 90) | box_mask(150, 30, 200, 90), "largest fragment"),
        (box_mask(0, 0, 300, 40) | box_mask(0, 0, 60, 200), "border contact"),
        (box_mask(0, 0, 300, 200), "area"),
    ],
)
def test_a_flawed_picture_is_left_out_and_named(mask: Mask, flaw: str) -> None:
    clip = clip_with(located(0, 0, mask), dog=EntityKind.SUBJECT)

    (scored,) = stage().score([clip])
    (reason,) = stage().decide(scored)

    assert (scored.entities or ())[0].references == ()
    assert reason.reason == "no_usable_reference"
    assert "'dog' at 0.00 s" in reason.detail
    assert flaw in reason.detail


def test_a_flat_picture_is_not_sharp_enough() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    clip = clip_with(located(0, 0, box_mask(40, 30, 160, 150)), frames=(flat,), dog=EntityKind.SUBJECT)

    (reason,) = stage().decide(clip)

    assert "sharpness 0.0" in reason.detail


def test_two_words_on_one_mask_overlap() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = clip_with(located(0, 0, mask), located(1, 0, mask), dog=EntityKind.SUBJECT, ball=EntityKind.OBJECT)

    (reason,) = stage().decide(clip)

    assert "overlap 1.00" in reason.detail


def test_the_picture_that_disagrees_with_the_others_is_left_out() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = clip_with(*(located(0, frame, mask) for frame in range(3)), frames=(RED, BLUE, RED), dog=EntityKind.SUBJECT)

    (scored,) = stage().score([clip])

    references = (scored.entities or ())[0].references
    assert [reference.frame_index for reference in references] == [0, 48]


def test_a_persons_face_is_cut_from_the_same_mask_with_room_above_and_below() -> None:
    mask = box_mask(100, 40, 200, 190)
    # The search window is the mask's box and a quarter of its long side (37 pixels) around: it starts at (63, 3).
    face = FaceBox(x0=120 - 63, y0=60 - 3, x1=180 - 63, y1=160 - 3, score=0.8)
    clip = clip_with(located(0, 0, mask), woman=EntityKind.SUBJECT)

    (scored,) = stage(face).score([clip])

    whole, crop = (scored.entities or ())[0].references
    assert (whole.is_face, crop.is_face) == (False, True)
    # 17 % of 100 pixels up and 3 % down.
    assert (crop.box.x0, crop.box.y0, crop.box.x1, crop.box.y1) == (120, 43, 180, 163)
    assert crop.detection_score == 0.8
    assert np.array_equal(pixels(crop.image)[..., :3], RED[43:163, 120:180])


@pytest.mark.parametrize(
    ("word", "face"),
    [
        ("dog", FaceBox(57, 57, 117, 157, 0.8)),
        ("woman", FaceBox(0, 0, 60, 60, 0.8)),
        ("woman", FaceBox(57, 57, 117, 157, 0.3)),
        ("woman", FaceBox(57, 57, 77, 77, 0.8)),
    ],
    ids=["not a person", "outside the mask", "unsure", "tiny"],
)
def test_no_face_is_cut(word: str, face: FaceBox) -> None:
    words = {word: EntityKind.SUBJECT}
    clip = clip_with(located(0, 0, box_mask(100, 40, 200, 190)), frames=(RED,), **words)

    (scored,) = stage(face).score([clip])

    assert [reference.is_face for reference in (scored.entities or ())[0].references] == [False]
