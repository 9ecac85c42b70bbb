"""In which frames of a written clip its entities were segmented, and where: what references say beside their pictures.

The picture of a reference is its mask in the box; of three frames there is one each. Nothing is known of other frames.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset_schema import Box, Entity, ReferenceImage, Sample
from exports.binding import is_outside
from exports.clip import ExportedClip
from exports.cutting import is_cut
from exports.refusal import Reason, Refused
from picture_reading.opening import open_picture

_OPAQUE_FROM = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPicture:
    """A segmented picture in a frame of the written clip.

    Attributes:
        frame: its number.
        box: x0, y0, x1, y1 in the frame's pixels, half-open; a part of it may lie outside.
    """

    entity: Entity
    reference: ReferenceImage
    frame: int
    box: tuple[int, int, int, int]


def placed_pictures(clip: ExportedClip, sample: Sample) -> list[PlacedPicture]:
    """Every picture that was cut out of a frame that the written clip shows, in the order of the caption.

    Left out are faces, which are parts of other pictures, given pictures, of which nothing is known, those from another
    time of the shot, and those from a part of the frame that was cropped away.
    """
    size = clip.video.height, clip.video.width
    found = []
    for entity in sorted(sample.entities, key=lambda each: each.start):
        for reference in entity.references:
            frame = _frame(reference, clip, sample)
            if reference.is_face or reference.box is None or frame is None:
                continue
            top, left, bottom, right = covered(reference.box, sample, size)
            if min(bottom, size[0]) > max(top, 0) and min(right, size[1]) > max(left, 0):
                box = (left, top, right, bottom)
                found.append(PlacedPicture(entity=entity, reference=reference, frame=frame, box=box))
    return found


def mask_of(placed: PlacedPicture, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The mask in its frame of a size (height, width).

    Raises:
        Refused: the picture cannot be opened.
    """
    try:
        picture = open_picture(placed.reference.image.bytes or b"")
    except ValueError as error:
        raise Refused(Reason.UNREADABLE_PICTURE, f"{error}") from error
    left, top, right, bottom = placed.box
    alpha = picture.getchannel("A").resize((right - left, bottom - top), Image.Resampling.NEAREST)
    frame = np.zeros(size, bool)
    inside = np.asarray(alpha)[max(0, -top) : size[0] - top, max(0, -left) : size[1] - left] >= _OPAQUE_FROM
    frame[max(0, top) : bottom, max(0, left) : right] = inside
    return frame


def covered(box: Box, sample: Sample, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of a box in a picture of the frame, which covers its size and is cropped to it."""
    media = sample.media
    scale = max(size[0] / media.height, size[1] / media.width)
    above, before = (media.height * scale - size[0]) / 2, (media.width * scale - size[1]) / 2
    top, left = round(box.y0 * scale - above), round(box.x0 * scale - before)
    bottom, right = round(box.y1 * scale - above), round(box.x1 * scale - before)
    return top, left, max(bottom, top + 1), max(right, left + 1)


def _frame(reference: ReferenceImage, clip: ExportedClip, sample: Sample) -> int | None:
    """The number of the frame that a reference was cut from in the written clip; None where it has none."""
    if reference.time_s is None or is_outside(reference, sample):
        return None
    number = reference.frame_index
    if not clip.video.is_copy or is_cut(sample):  # its frames are others than those of the source
        number = round((reference.time_s - (sample.source.start_s or 0.0)) * clip.video.fps)
    return number if number is not None and 0 <= number < clip.video.num_frames else None
