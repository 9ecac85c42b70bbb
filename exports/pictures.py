"""Reference pictures as trainers can read them: no transparency that turns black, no shape that explodes or is cropped.

Sizes are found without decoding, so that they are known before anything is written: `placed` says where a picture of a
size comes to lie on which canvas, and `render_picture` paints it so.
"""

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from exports.png_start import first_row, size_at_start
from exports.refusal import Reason, Refused
from exports.target import Cutouts, PictureNeeds
from picture_reading.opening import open_picture
from picture_reading.showing import WHITE, on_white
from storage.configs import strict
from storage.numbers import expect_at_least

# Our choice: more would be invented.
_MOST_ENLARGEMENT: Final = 2.0
# Our choice: fast; a third more bytes than the best take four times as long.
_COMPRESSION: Final = 3


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class PicturesConfig:
    """How reference pictures are written.

    Attributes:
        cutouts: what stands around an entity; None takes what is usual for the format. Our choice: white, as this
            library and the paper's evaluation show it, because most trainers turn transparency black.
        longest_px: larger pictures are scaled down.
    """

    cutouts: Cutouts | None = None
    longest_px: int = 1024

    def __post_init__(self) -> None:
        expect_at_least(16, "pictures", self, "longest_px")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A picture on a canvas, its middle on the canvas's; all (height, width).

    Attributes:
        scaled: the picture's size there.
        canvas: what is written.
    """

    scaled: tuple[int, int]
    canvas: tuple[int, int]


def size_of(content: bytes) -> tuple[int, int]:
    """Height and width of a picture, as its head says; of a PNG its first `START_BYTES` are enough.

    Raises:
        Refused: it is none.
    """
    if (size := size_at_start(content)) is not None:
        return size
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.height, image.width
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise Refused(
            Reason.UNREADABLE_PICTURE, f"a picture of it cannot be opened ({error}); curate it again"
        ) from error


def placed(
    size: tuple[int, int], needs: PictureNeeds, *, longest_px: int, clip_size: tuple[int, int] | None
) -> Placement:
    """Where a picture of a size comes to lie.

    Args:
        size: of the picture (height, width).
        needs: of the reader.
        longest_px: of the written picture.
        clip_size: of the clip (height, width), for readers that crop to its aspect.
    """
    aspect = _canvas_aspect(needs, clip_size)
    least = min(needs.least_side, longest_px)
    scale = min(longest_px / max(_canvas(size, aspect)), max(1.0, min(_MOST_ENLARGEMENT, least / min(size))))
    scaled = _scaled(size, scale)
    height, width = _canvas(scaled, aspect)
    grow = max(1.0, least / min(height, width))
    canvas = min(longest_px, math.ceil(height * grow)), min(longest_px, math.ceil(width * grow))
    return Placement(scaled=_within(scaled, canvas), canvas=canvas)


def render_picture(content: bytes, placement: Placement, *, is_transparent: bool, is_cutout: bool) -> bytes:
    """The picture as PNG: RGB on white, or RGBA with white below what is transparent.

    Args:
        content: of the picture.
        placement: on its canvas.
        is_transparent: whether it stays transparent.
        is_cutout: curation cut it, and so painted one color below all that is transparent.

    Raises:
        Refused: it cannot be decoded.
    """
    if is_transparent and is_cutout and _is_finished(content, placement):
        return content
    try:
        picture = open_picture(content)
    except ValueError as error:
        raise Refused(Reason.UNREADABLE_PICTURE, f"{error}") from error
    as_is = (picture.height, picture.width) == placement.canvas
    if as_is and is_transparent and _is_white_below(picture):
        return content
    scaled = picture.resize(placement.scaled[::-1], Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", placement.canvas[::-1], (*WHITE, 0))
    corner = (canvas.width - scaled.width) // 2, (canvas.height - scaled.height) // 2
    canvas.paste(_white_below(scaled), corner)
    return _png(canvas if is_transparent else on_white(canvas))


def _canvas_aspect(needs: PictureNeeds, clip_size: tuple[int, int] | None) -> tuple[float, float]:
    """The least and the most width for a height of one."""
    if needs.has_aspect_of_clip and clip_size is not None:
        aspect = clip_size[1] / clip_size[0]
        return aspect, aspect
    return 1.0 / needs.most_aspect, needs.most_aspect


def _canvas(size: tuple[int, int], aspect: tuple[float, float]) -> tuple[int, int]:
    """The smallest canvas of an allowed aspect that holds a picture."""
    height, width = size
    return max(height, math.ceil(width / aspect[1])), max(width, math.ceil(height * aspect[0]))


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _within(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    return min(size[0], canvas[0]), min(size[1], canvas[1])


def _is_finished(content: bytes, placement: Placement) -> bool:
    """Whether a cut-out is white below already, as its first row shows, and has its size."""
    row = first_row(content)
    if row is None or (row.height, len(row.pixels)) != placement.canvas:
        return False
    below = row.pixels[row.pixels[:, 3] == 0]
    return len(below) > 0 and bool((below[:, :3] == WHITE).all())


def _is_white_below(picture: Image.Image) -> bool:
    pixels = np.asarray(picture)
    return bool((pixels[pixels[..., 3] == 0] >= [255, 255, 255, 0]).all())


def _white_below(picture: Image.Image) -> Image.Image:
    """The picture with white where nothing is seen: readers that drop alpha show what is there."""
    pixels = np.asarray(picture.convert("RGBA"))
    return Image.fromarray(np.where(pixels[..., 3:] > 0, pixels, np.array([*WHITE, 0], np.uint8)))


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=_COMPRESSION)
    return file.getvalue()
