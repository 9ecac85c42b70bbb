"""The stage that cuts reference images out."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Picture

from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import FaceBox
from curation.records import Clip, Cutout, Image, LocatedEntity, Mask
from curation.stage import Resources
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from dataset_schema import Annotator, Box, EntityKind, Payload
from tests.curation.deciding import reasons_of, through
from tests.curation.moving_scenes import clip_of, still_frames, texture
from tests.curation.scripted_faces import ScriptedFaces
from tests.made_media import media_facts

HEIGHT, WIDTH = 200, 300
GRAIN = np.random.default_rng(0).integers(0, 30, (HEIGHT, WIDTH, 1), dtype=np.uint8)
# A band of 31 columns, aslant.
DIAGONAL = np.abs(np.mgrid[:HEIGHT, :WIDTH][0] - np.mgrid[:HEIGHT, :WIDTH][1] + 10) <= 15
RED = texture(HEIGHT, WIDTH, (160, 60, 50), seed=1) // 2 + 40 + GRAIN
BLUE = texture(HEIGHT, WIDTH, (50, 60, 160), seed=1) // 2 + 40 + GRAIN


class ScriptedEncoder:
    """Points where the cut-out's height says, in radians; notes how many cut-outs each call has."""

    def __init__(self, angles: Mapping[int, float] | None = None) -> None:
        self._angles = angles or {}
        self.calls: list[int] = []

    def describe(self) -> Annotator:
        return Annotator(job="likeness", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        self.calls.append(len(cutouts))
        angles = np.array([self._angles.get(len(cutout), 0.0) for cutout in cutouts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def box_mask(x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def located(word: int, frame: int, mask: Mask) -> LocatedEntity:
    return LocatedEntity(word_index=word, reference_index=frame, mask=mask, detection_score=0.9, mask_score=0.8)


def clip_with(*entities: LocatedEntity, frames: tuple[Image, ...] = (RED, RED, RED), **words: EntityKind) -> Clip:
    clip = clip_of(still_frames(*frames), **words).with_scores(reference_frames=len(frames), comparison_frames=0)
    return replace(clip, located=tuple(entities), media=media_facts(width=WIDTH, height=HEIGHT))


def outside_clip(
    inside: tuple[Image, ...], outside: tuple[Image, ...], *entities: LocatedEntity, word: str = "dog"
) -> Clip:
    words = {word: EntityKind.SUBJECT}
    clip = clip_with(*entities, frames=inside + outside, **words)
    assert clip.frames is not None
    inner = clip.frames
    frames = inner.reference_frames
    marked = tuple(replace(frame, is_outside=index >= len(inside)) for index, frame in enumerate(frames))
    clip = clip.with_scores(reference_frames=len(outside), comparison_frames=len(inside))
    return replace(clip, frames=replace(inner, reference_frames=marked))


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

    (scored,) = through(stage(), [clip])

    assert scored.entities is not None
    (reference,) = scored.entities[0].references
    image = pixels(reference.image)
    assert image.shape == (120, 120, 4)
    assert np.array_equal(image[..., 3] == 255, mask[30:150, 40:160])
    assert np.array_equal(image[image[..., 3] == 255][:, :3], RED[mask])
    assert np.array_equal(np.unique(image[image[..., 3] == 0], axis=0), [[255, 255, 255, 0]])  # no reader shows black
    assert reference.box == Box(x0=40, y0=30, x1=160, y1=150)
    assert (reference.frame_index, reference.time_s) == (24, 1.0)
    assert reference.area == pytest.approx((120 * 120 - 30 * 40) / (HEIGHT * WIDTH))
    assert reference.agreement is None


def test_the_box_of_a_picture_cut_from_a_shrunken_frame_is_in_pixels_of_the_true_one() -> None:
    clip = clip_with(located(0, 1, box_mask(40, 30, 160, 150)), dog=EntityKind.SUBJECT)
    clip = replace(clip, media=media_facts(width=3 * WIDTH, height=2 * HEIGHT))

    (scored,) = through(stage(), [clip])

    assert scored.entities is not None
    assert scored.entities[0].references[0].box == Box(x0=120, y0=60, x1=480, y1=300)


def test_every_word_becomes_an_entity_with_references_or_without() -> None:
    clip = clip_with(
        located(0, 0, box_mask(40, 30, 160, 150)),
        dog=EntityKind.SUBJECT,
        ball=EntityKind.OBJECT,
        beach=EntityKind.BACKGROUND,
    )

    (scored,) = through(stage(), [clip])

    assert [(e.word, e.kind, len(e.references)) for e in scored.entities or ()] == [
        ("dog", EntityKind.SUBJECT, 1),
        ("ball", EntityKind.OBJECT, 0),
        ("beach", EntityKind.BACKGROUND, 0),
    ]
    assert reasons_of(stage(), scored) == ()


@pytest.mark.parametrize(
    ("mask", "flaw"),
    [
        (box_mask(40, 30, 60, 50), "area"),
        (box_mask(40, 30, 60, 150), "short side"),
        (box_mask(40, 30, 100, 90) | box_mask(150, 30, 200, 90), "largest fragment"),
        (box_mask(40, 30, 170, 160) & DIAGONAL, "fill 0.2"),
        (box_mask(0, 0, 300, 40) | box_mask(0, 0, 60, 200), "border contact"),
        (box_mask(0, 0, 300, 200), "area"),
    ],
)
def test_a_flawed_picture_is_left_out_and_named(mask: Mask, flaw: str) -> None:
    clip = clip_with(located(0, 0, mask), dog=EntityKind.SUBJECT)

    (scored,) = through(stage(), [clip])
    (reason,) = reasons_of(stage(), scored)

    assert (scored.entities or ())[0].references == ()
    assert reason.reason == "no_usable_reference"
    assert "'dog' at 0.00 s" in reason.detail
    assert flaw in reason.detail


def test_a_flat_picture_is_not_sharp_enough() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    clip = clip_with(located(0, 0, box_mask(40, 30, 160, 150)), frames=(flat,), dog=EntityKind.SUBJECT)

    (scored,) = through(stage(), [clip])
    (reason,) = reasons_of(stage(), scored)

    assert "blurred (sharpness 0.0 < 5)" in reason.detail


def test_a_subject_that_another_subject_mostly_covers_is_left_out() -> None:
    clip = clip_with(
        located(0, 0, box_mask(40, 30, 160, 150)),
        located(1, 0, box_mask(40, 30, 120, 150)),
        woman=EntityKind.SUBJECT,
        child=EntityKind.SUBJECT,
    )

    (scored,) = through(stage(), [clip])

    assert [len(entity.references) for entity in scored.entities or ()] == [0, 0]
    (reason,) = reasons_of(stage(), scored)
    assert "'woman' at 0.00 s: another subject covers it (overlap 0.67 > 0.5)" in reason.detail
    assert "'child' at 0.00 s: another subject covers it (overlap 1.00 > 0.5)" in reason.detail


def test_what_a_subject_wears_covers_nothing_and_is_not_covered() -> None:
    clip = clip_with(
        located(0, 0, box_mask(40, 30, 160, 150)),
        located(1, 0, box_mask(40, 60, 160, 150)),
        woman=EntityKind.SUBJECT,
        dress=EntityKind.OBJECT,
    )

    (scored,) = through(stage(), [clip])

    assert [[r.overlap for r in entity.references] for entity in scored.entities or ()] == [[0], [0]]


def test_an_object_inside_another_is_kept_with_its_overlap() -> None:
    clip = clip_with(
        located(0, 0, box_mask(40, 30, 160, 150)),
        located(1, 0, box_mask(60, 60, 120, 120)),
        cup=EntityKind.OBJECT,
        coffee=EntityKind.OBJECT,
    )

    (scored,) = through(stage(), [clip])

    overlaps = [[r.overlap for r in entity.references] for entity in scored.entities or ()]
    assert overlaps == [[pytest.approx(0.25)], [1]]


def test_a_second_name_of_a_subject_gets_no_pictures_and_covers_nothing() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = clip_with(
        *(located(word, frame, mask) for word in range(2) for frame in range(3)),
        man=EntityKind.SUBJECT,
        dancer=EntityKind.SUBJECT,
    )

    (scored,) = through(stage(), [clip])

    man, dancer = scored.entities or ()
    assert (man.same_as, man.references) == ("dancer", ())
    assert dancer.same_as is None
    assert [reference.overlap for reference in dancer.references] == [0, 0, 0]


def test_the_solidity_and_the_fill_of_the_mask_are_stored() -> None:
    corner = box_mask(40, 30, 160, 150) & ~box_mask(80, 30, 160, 110)
    clip = clip_with(located(0, 0, corner), dog=EntityKind.SUBJECT)

    (scored,) = through(stage(), [clip])

    (reference,) = (scored.entities or ())[0].references
    area = 120 * 120 - 80 * 80
    assert reference.fill == pytest.approx(area / 120**2)
    assert reference.solidity == pytest.approx(area / (area + 80 * 80 / 2), abs=0.01)


def test_a_word_found_in_too_few_frames_gets_no_pictures() -> None:
    strict = ReferenceImages(ReferenceImagesConfig(min_frames=2), ScriptedFaces(), HistogramEncoder())
    mask = box_mask(40, 30, 160, 150)
    once = clip_with(located(0, 1, mask), located(0, 2, np.zeros_like(mask)), dog=EntityKind.SUBJECT)
    short = clip_with(located(0, 0, mask), frames=(RED,), dog=EntityKind.SUBJECT)

    one_of_three, one_of_one = through(strict, [once, short])

    assert (one_of_three.entities or ())[0].references == ()
    assert "found in too few frames (found frames 1 < 2)" in reasons_of(strict, one_of_three)[0].detail
    assert len((one_of_one.entities or ())[0].references) == 1


def test_the_picture_that_disagrees_with_the_others_is_left_out() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = clip_with(*(located(0, frame, mask) for frame in range(3)), frames=(RED, BLUE, RED), dog=EntityKind.SUBJECT)

    (scored,) = through(stage(), [clip])

    references = (scored.entities or ())[0].references
    assert [reference.frame_index for reference in references] == [0, 48]


def test_one_wrong_picture_does_not_take_the_right_ones_with_it() -> None:
    angles = {0: 0.0, 1: np.deg2rad(45), 2: np.deg2rad(115)}
    clip = clip_with(*(located(0, n, box_mask(40, 30, 160, 150 + n)) for n in range(3)), dog=EntityKind.SUBJECT)
    encoder = ScriptedEncoder({120 + n: angle for n, angle in angles.items()})

    (scored,) = through(ReferenceImages(ReferenceImagesConfig(), ScriptedFaces(), encoder), [clip])

    # Cosines .71, .34 and -.42: the mean of the first is .14, of the second .52, of the third 0.
    references = (scored.entities or ())[0].references
    assert [reference.time_s for reference in references] == [0, 1]
    assert [reference.agreement for reference in references] == pytest.approx([np.sqrt(0.5)] * 2)


def test_of_two_pictures_that_disagree_the_surer_one_stays() -> None:
    mask = box_mask(40, 30, 160, 150)
    unsure, sure = located(0, 0, mask), replace(located(0, 1, mask), detection_score=0.85, mask_score=0.9)
    clip = clip_with(unsure, sure, frames=(RED, BLUE), dog=EntityKind.SUBJECT)

    (scored,) = through(stage(), [clip])

    (reference,) = (scored.entities or ())[0].references
    assert reference.time_s == 1
    assert reference.agreement is not None
    assert reference.agreement < 0.5


def test_a_flawed_picture_has_no_say_in_which_ones_agree() -> None:
    mask, tiny = box_mask(40, 30, 160, 150), box_mask(0, 0, 20, 20)
    clip = clip_with(
        located(0, 0, mask), located(0, 1, tiny), located(0, 2, tiny), frames=(RED, BLUE, BLUE), dog=EntityKind.SUBJECT
    )

    (scored,) = through(stage(), [clip])

    (reference,) = (scored.entities or ())[0].references
    assert (reference.time_s, reference.agreement) == (0, None)


def test_the_pictures_of_all_clips_are_encoded_at_once_and_stay_with_their_clip() -> None:
    encoder = ScriptedEncoder()
    mask = box_mask(40, 30, 160, 150)
    clips = [
        clip_with(located(0, 0, mask), located(0, 1, mask), dog=EntityKind.SUBJECT),
        clip_with(dog=EntityKind.SUBJECT),
        clip_with(located(0, 2, mask), frames=(RED, RED, BLUE), dog=EntityKind.SUBJECT),
    ]
    tested = ReferenceImages(ReferenceImagesConfig(), ScriptedFaces(), encoder)

    scored = through(tested, clips)

    assert encoder.calls == [3]
    assert [[r.time_s for e in clip.entities or () for r in e.references] for clip in scored] == [[0, 1], [], [2]]
    for clip in scored:
        reasons_of(tested, clip)
    assert encoder.calls == [3]


def test_pictures_are_cut_outside_the_clip_and_compared_with_those_inside() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = outside_clip((RED, RED), (RED, BLUE), *(located(0, frame, mask) for frame in range(4)))

    (scored,) = through(stage(), [clip])

    # The blue one is another subject.
    (reference,) = (scored.entities or ())[0].references
    assert reference.time_s == 2
    assert reference.agreement is None
    assert reference.likeness_to_clip == pytest.approx(1)


def test_a_copy_of_the_clip_is_left_out_where_a_bound_is_set() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = outside_clip((RED,), (RED, BLUE), *(located(0, frame, mask) for frame in range(3)))
    config = ReferenceImagesConfig(min_likeness=0.1, max_likeness=0.9)

    (scored,) = through(ReferenceImages(config, ScriptedFaces(), HistogramEncoder()), [clip])

    (reference,) = (scored.entities or ())[0].references
    assert reference.time_s == 2
    assert reference.likeness_to_clip is not None
    assert 0.1 < reference.likeness_to_clip < 0.5


def test_another_subject_outside_the_clip_rejects_it_with_the_band() -> None:
    mask = box_mask(40, 30, 160, 150)
    clip = outside_clip((RED,), (BLUE,), located(0, 0, mask), located(0, 1, mask))

    (scored,) = through(stage(), [clip])
    (reason,) = reasons_of(stage(), scored)

    likeness = scored.entities[0].rejected_references[1].likeness_to_clip if scored.entities else None
    assert reason.detail == f"'dog' at 1.00 s: unlike the clip (likeness to clip {likeness:.2f} < 0.6)"


@pytest.mark.parametrize("inside", [(), (located(0, 0, box_mask(40, 30, 60, 50)),)], ids=["not found", "tiny"])
def test_what_is_not_well_visible_inside_the_clip_gets_no_pictures(inside: tuple[LocatedEntity, ...]) -> None:
    clip = outside_clip((RED,), (RED,), *inside, located(0, 1, box_mask(40, 30, 160, 150)))

    (scored,) = through(stage(), [clip])
    (reason,) = reasons_of(stage(), scored)

    assert (scored.entities or ())[0].references == ()
    assert reason.detail == "'dog' at 1.00 s: not well visible inside the clip (seen in clip 0 < 1)"


def test_without_frames_outside_there_is_no_likeness_to_the_clip() -> None:
    mask = box_mask(40, 30, 160, 150)

    (scored,) = through(stage(), [clip_with(*(located(0, frame, mask) for frame in range(3)), dog=EntityKind.SUBJECT)])

    assert [r.likeness_to_clip for r in (scored.entities or ())[0].references] == [None] * 3


def test_a_face_is_left_out_with_the_picture_it_is_in() -> None:
    faces = ScriptedFaces(FaceBox(57, 57, 117, 157, 0.8))
    encoder = ScriptedEncoder({151: 2.0})  # the second picture differs, the faces do not
    clip = clip_with(
        *(located(0, frame, box_mask(100, 40, 200, bottom)) for frame, bottom in enumerate((190, 191, 190))),
        woman=EntityKind.SUBJECT,
    )

    (scored,) = through(ReferenceImages(ReferenceImagesConfig(), faces, encoder), [clip])

    references = (scored.entities or ())[0].references
    assert [(r.time_s, r.is_face) for r in references] == [(0, False), (2, False), (0, True), (2, True)]


def test_faces_outside_the_clip_are_compared_with_those_inside() -> None:
    mask = box_mask(100, 40, 200, 190)
    clip = outside_clip((RED, RED), (RED,), *(located(0, frame, mask) for frame in range(3)), word="woman")

    (scored,) = through(stage(FaceBox(57, 57, 117, 157, 0.8)), [clip])

    references = (scored.entities or ())[0].references
    assert [(r.time_s, r.is_face, r.agreement) for r in references] == [(2, False, None), (2, True, None)]
    assert [r.likeness_to_clip for r in references] == pytest.approx([1, 1])


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_smallest_frames_are_a_reason_and_no_crash(size: tuple[int, int]) -> None:
    everything, nothing = np.ones(size, bool), np.zeros(size, bool)
    image = np.full((*size, 3), 50, np.uint8)
    clip = clip_with(
        located(0, 0, everything),
        located(1, 0, nothing),
        frames=(image,),
        dog=EntityKind.SUBJECT,
        cat=EntityKind.SUBJECT,
    )
    lenient = ReferenceImagesConfig(
        min_area=0, max_area=1, min_short_side=0, max_border_contact=1, min_sharpness=0, min_face_side=0
    )

    (strict_clip,) = through(stage(), [clip])
    (lenient_clip,) = through(ReferenceImages(lenient, ScriptedFaces(), HistogramEncoder()), [clip])

    assert "short side 1 px" in reasons_of(stage(), strict_clip)[0].detail
    assert [len(entity.references) for entity in lenient_clip.entities or ()] == [1, 0]


def test_a_band_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(ValueError, match=r"min_likeness is 0.9 and max_likeness 0.8"):
        ReferenceImagesConfig(min_likeness=0.9, max_likeness=0.8)


def test_a_persons_face_is_cut_from_the_same_mask_with_room_above_and_below() -> None:
    mask = box_mask(100, 40, 200, 190)
    # The search window is the mask's box and a quarter of its long side (37 pixels) around: it starts at (63, 3).
    face = FaceBox(x0=120 - 63, y0=60 - 3, x1=180 - 63, y1=160 - 3, score=0.8)
    clip = clip_with(located(0, 0, mask), woman=EntityKind.SUBJECT)

    (scored,) = through(stage(face), [clip])

    whole, crop = (scored.entities or ())[0].references
    assert (whole.is_face, crop.is_face) == (False, True)
    # 17 % of 100 pixels up and 3 % down.
    assert crop.box == Box(x0=120, y0=43, x1=180, y1=163)
    assert crop.detection_score == 0.8
    assert np.array_equal(pixels(crop.image)[..., :3], RED[43:163, 120:180])


def test_a_face_is_covered_as_much_as_its_person() -> None:
    woman, child = box_mask(100, 40, 200, 190), box_mask(100, 40, 130, 190)
    clip = clip_with(located(0, 0, woman), located(1, 0, child), woman=EntityKind.SUBJECT, dog=EntityKind.SUBJECT)

    (scored,) = through(stage(FaceBox(57, 57, 117, 157, 0.8)), [clip])

    whole, face = (scored.entities or ())[0].references
    assert (whole.is_face, face.is_face) == (False, True)
    assert whole.overlap == face.overlap == pytest.approx(0.3)


def test_a_picture_of_several_people_is_no_reference_of_one() -> None:
    mask = box_mask(60, 40, 260, 190)
    two = (FaceBox(70, 60, 120, 120, 0.8), FaceBox(170, 60, 220, 120, 0.7))
    clip = clip_with(located(0, 0, mask), woman=EntityKind.SUBJECT)

    (scored,) = through(stage(*two), [clip])
    (reason,) = reasons_of(stage(*two), scored)

    assert (scored.entities or ())[0].references == ()
    assert reason.reason == "no_usable_reference"
    assert "several faces" in reason.detail


def test_a_second_face_outside_the_mask_does_not_matter() -> None:
    clip = clip_with(located(0, 0, box_mask(100, 40, 200, 190)), woman=EntityKind.SUBJECT)

    (scored,) = through(stage(FaceBox(57, 57, 117, 157, 0.8), FaceBox(150, 3, 175, 40, 0.9)), [clip])

    assert [reference.is_face for reference in (scored.entities or ())[0].references] == [False, True]


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

    (scored,) = through(stage(face), [clip])

    assert [reference.is_face for reference in (scored.entities or ())[0].references] == [False]
