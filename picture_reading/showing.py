"""From what a file holds to what people see: depth, transparency, colors, orientation, size."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from picture_reading.color_profiles import in_srgb

WHITE: Final = (255, 255, 255)
_ORIENTATION: Final = 0x0112  # an EXIF tag
_BITS: Final = 258  # a TIFF tag
_PHOTOMETRIC: Final = 262  # another, 0 where white is zero

# What turns a picture with this EXIF orientation upright.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# A PNG's transparent color has the bits of the file, Pillow's pixels have 8: by how much the color is multiplied.
_KEY_SCALES: Final = {"L;2": 85.0, "L;4": 17.0, "RGB;16B": 1 / 256}

# Our choice: more than a frame of any video that references are cut from, and more than any encoder reads. A picture is
# put on a square of its longer side, so that one of 60000 x 10 pixels would take 14 GB.
_LONGEST_PX: Final = 8192


def as_seen(image: Image.Image, *, name: str, raw_mode: str) -> Image.Image:
    """A decoded picture, upright, as RGBA of 8 bits in sRGB.

    Args:
        image: of any mode.
        name: of the picture, for sentences about it.
        raw_mode: Pillow's name for how the file holds the pixels; empty where nobody knows.

    Raises:
        ValueError: it has no pixels, is transparent everywhere, or has numbers whose range nobody knows.
    """
    if 0 in image.size:
        raise ValueError(f"{name} has {image.width} x {image.height} pixels, expected at least one")
    orientation = _orientation(image)
    seen = in_srgb(_in_8_bits(image, name, raw_mode), name=name)
    if seen.getchannel("A").getbbox() is None:
        raise ValueError(f"{name} is transparent everywhere, expected a picture that shows something")
    longest = max(seen.size)
    if longest > _LONGEST_PX:
        seen = seen.reduce(math.ceil(longest / _LONGEST_PX))
    if orientation in _UPRIGHT:
        seen = seen.transpose(_UPRIGHT[orientation])
    seen.info = {}  # what was obeyed must not be obeyed again
    return seen


def on_white(image: Image.Image) -> Image.Image:
    """The picture in RGB, on white where it is transparent: how models see it."""
    picture = image.convert("RGBA")
    canvas = Image.new("RGB", picture.size, WHITE)
    canvas.paste(picture, mask=picture.getchannel("A"))
    return canvas


def _orientation(image: Image.Image) -> object:
    """By its EXIF data; None without any, and where they are damaged: viewers show those as they are stored."""
    try:
        return image.getexif().get(_ORIENTATION)
    except (SyntaxError, ValueError, KeyError, TypeError, OSError):
        return None


def _in_8_bits(image: Image.Image, name: str, raw_mode: str) -> Image.Image:
    """The picture in a mode of 8 bits, a transparent color as Pillow expects it."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        return _greys_in_8_bits(image, np.asarray(image).astype(np.uint16))
    if image.mode in ("I", "F"):
        raise ValueError(
            f"{name} has 32-bit numbers, and nobody knows which of them is white; save it with 8 or 16 bits a channel"
        )
    if image.mode == "La":
        return image.convert("LA")
    if raw_mode in _KEY_SCALES and "transparency" in image.info:
        key, scale = image.info["transparency"], _KEY_SCALES[raw_mode]
        image = image.copy()
        image.info["transparency"] = (
            tuple(int(scale * value) for value in key) if isinstance(key, tuple) else int(scale * key)
        )
    return image


def _greys_in_8_bits(image: Image.Image, values: npt.NDArray[np.uint16]) -> Image.Image:
    """Grey values of 16 bits, and of a TIFF also of 12: Pillow's own conversions cut them off at 255."""
    tags = getattr(image, "tag_v2", {})
    (bits,) = tags.get(_BITS, (16,))
    greys = np.round(values * (255.0 / (2**bits - 1))).astype(np.uint8)
    if tags.get(_PHOTOMETRIC) == 0:
        greys = 255 - greys
    seen = Image.fromarray(greys)
    seen.info["icc_profile"] = image.info.get("icc_profile")
    if "transparency" in image.info:
        seen.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return seen
