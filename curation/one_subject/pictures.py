"""What the subject looks like: pictures of it, cut out already, or photographs in which it is found by its word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from curation.annotators.protocols import EntityLocator, FaceDetector, KnowsItsLimits, Scene
from curation.masks import mask_box
from curation.one_subject.views import inside_faces
from curation.records import Cutout, EntityWord, Image, LocatedEntity, Mask, ReferenceFrame
from curation.references.crops import ReferenceCrop, cut_face
from curation.references.quality import measure
from dataset_schema import EntityKind
from picture_reading.opening import open_picture

# A photograph of a phone has ten times what the locators look at; its outline is as good in this size.
_LONG_SIDE: Final = 1280
_NEIGHBOUR_SIDE: Final = 320
_OPAQUE: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPicture:
    """A file that was given, and what came of it.

    Attributes:
        crop: of the subject; None where `problem` says why there is none.
        face: of the subject, where exactly one is in it.
    """

    file: Path
    crop: ReferenceCrop | None = None
    face: ReferenceCrop | None = None
    problem: str = ""


def read_pictures(
    source: Path, word: str, locator: EntityLocator, faces: FaceDetector | None = None
) -> list[GivenPicture]:
    """Every file of a folder, or one file, with the subject cut out; the locator is loaded where it is needed.

    Args:
        source: a folder of pictures, or one.
        word: what the pictures show, for those that are not cut out.
        locator: finds it there.
        faces: loaded; None looks for none.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: no picture can be used; the message says why of each.
    """
    files = _files(source)
    if not files:
        raise ValueError(f"{source} has no files, expected pictures of the subject such as PNG or JPEG files")
    given = [_read(file, word, locator, faces) for file in files]
    if not any(each.crop for each in given):
        problems = "\n- ".join(each.problem for each in given)
        raise ValueError(f"none of the {len(given)} pictures of {source} can be used:\n- {problems}")
    return given


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise FileNotFoundError(f"pictures {source} does not exist, expected a folder with pictures of the subject")
    if source.is_file():
        return [source]
    return sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))


def _read(file: Path, word: str, locator: EntityLocator, faces: FaceDetector | None) -> GivenPicture:
    try:
        picture = np.asarray(open_picture(file))
        frame, mask = _frame(picture), _alpha(picture)
        entity = _located(file, frame, word, locator) if mask is None else _entity(mask)
    except ValueError as error:
        return GivenPicture(file=file, problem=str(error))
    crop = _crop(frame, entity)
    return GivenPicture(file=file, crop=crop, face=_face(crop, faces))


def _frame(picture: Cutout) -> ReferenceFrame:
    """The picture as a frame of its own, beside which nothing moves."""
    image = _at_most(np.ascontiguousarray(picture[..., :3]), _LONG_SIDE)
    return ReferenceFrame(
        index=0,
        time_s=0.0,
        image=image,
        neighbours=_at_most(image, _NEIGHBOUR_SIDE)[None],
        neighbour_times_s=(0.0,),
        centre=0,
    )


def _at_most(image: Image, long_side: int) -> Image:
    scale = long_side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _alpha(picture: Cutout) -> Mask | None:
    """What of the picture is opaque; None for a photograph, all of which is."""
    opaque = _at_most(np.ascontiguousarray(picture[..., 3]), _LONG_SIDE) >= _OPAQUE
    return None if opaque.all() or not opaque.any() else opaque


def _entity(mask: Mask) -> LocatedEntity:
    return LocatedEntity(word_index=0, reference_index=0, mask=mask, detection_score=1.0, mask_score=1.0)


def _located(file: Path, frame: ReferenceFrame, word: str, locator: EntityLocator) -> LocatedEntity:
    """The one thing in the photograph that the word means.

    Raises:
        ValueError: there is none, there are several, or the locator cannot look for it.
    """
    cut_out = "cut it out (a PNG with a transparent background)"
    if not locator.reads_words:
        raise ValueError(f"{file} is not cut out, and {type(locator).__name__} finds what moves alone; {cut_out}")
    if not word:
        raise ValueError(f"{file} is not cut out; say by --word what it shows, such as dog, or {cut_out}")
    asked = EntityWord(word=word, kind=EntityKind.SUBJECT, start=0, end=len(word))
    why = locator.cannot_find(asked) if isinstance(locator, KnowsItsLimits) else None
    if why:
        raise ValueError(f"{file} is not cut out, and {word!r} cannot be looked for in it ({why}); {cut_out}")
    locator.load()
    (found,) = locator.locate([Scene((frame,), (asked,), word)])
    if not found:
        raise ValueError(f"{file}: no {word!r} was found in it; say by --word what it shows, or {cut_out}")
    if found[0].is_ambiguous:
        raise ValueError(f"{file}: {word!r} fits several things in it; crop it to the one that is meant, or {cut_out}")
    return found[0]


def _crop(frame: ReferenceFrame, entity: LocatedEntity) -> ReferenceCrop:
    x0, y0, x1, y1 = mask_box(entity.mask)
    return ReferenceCrop(
        word_index=0,
        frame=frame,
        mask=entity.mask,
        detection_score=entity.detection_score,
        mask_score=entity.mask_score,
        quality=measure(frame.image, entity.mask, []),
        is_face=False,
        is_for_comparison=False,
        short_side=min(x1 - x0, y1 - y0),
    )


def _face(crop: ReferenceCrop, faces: FaceDetector | None) -> ReferenceCrop | None:
    """The one face in the subject's mask; None without one, or where nobody knows which it is."""
    if faces is None:
        return None
    found = inside_faces(faces.detect(crop.frame.image), crop.mask)
    return cut_face(crop, found[0]) if len(found) == 1 else None


def usable(given: Sequence[GivenPicture]) -> Iterator[ReferenceCrop]:
    """The subject in each picture that can be used."""
    return (each.crop for each in given if each.crop is not None)
