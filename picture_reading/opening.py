"""The one door for pictures: a picture as people see it, or a sentence about why not."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from picture_reading.showing import as_seen

# A file's path or its content, or a picture that is decoded already: an array is (height, width, 3 or 4), RGB or RGBA.
PictureSource = str | os.PathLike[str] | bytes | Image.Image | npt.NDArray[np.uint8]

_UNNAMED: Final = "the picture"
_EXPECTED: Final = "expected a picture such as a PNG, JPEG or WebP file"
_SAVED_AGAIN: Final = "which cannot be opened here; save it as JPEG or PNG"
_A_FRAME: Final = "a video; expected a picture, such as one of its frames"
_EXPORTED: Final = "expected pixels; export it as PNG"

# What people take for pictures: by what stands in the file after so many bytes.
_OTHER_FILES: Final = (
    (4, b"ftyphei", f"a HEIC picture, {_SAVED_AGAIN}"),
    (4, b"ftypavif", f"a damaged AVIF picture, {_SAVED_AGAIN}"),
    (4, b"ftypmif1", f"a HEIF picture, {_SAVED_AGAIN}"),
    (4, b"JXL ", f"a JPEG XL picture, {_SAVED_AGAIN}"),
    (0, b"\xff\x0a", f"a JPEG XL picture, {_SAVED_AGAIN}"),
    (4, b"ftyp", _A_FRAME),
    (0, b"\x1a\x45\xdf\xa3", _A_FRAME),
    (0, b"<svg", f"a drawing in SVG, {_EXPORTED}"),
    (0, b"<?xml", f"XML such as a drawing in SVG, {_EXPORTED}"),
    (0, b"%PDF", f"a PDF document, {_EXPORTED}"),
)


def is_picture(content: bytes) -> bool:
    """Whether a file is a picture, be it one that cannot be opened here; an animated GIF is a video."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return not (image.format == "GIF" and getattr(image, "is_animated", False))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True
    except UnidentifiedImageError:
        return _kind(content[:16]).endswith(_SAVED_AGAIN)


def open_picture(source: PictureSource) -> Image.Image:
    """The picture as people see it: upright, RGBA of 8 bits in sRGB; opened again it stays the same.

    Of an animated picture it is the first frame. What tells how to show it (EXIF orientation, color profile) is obeyed
    also where it comes with a PIL image.

    Raises:
        ValueError: there is no such file; it is no picture, or damaged, or too large to be that of a subject; or the
            picture has no pixels, is transparent everywhere, or has numbers whose range nobody knows; or the source is
            something else.
    """
    match source:
        case str() | os.PathLike():
            return _open_file(source)
        case bytes():
            return _decoded(io.BytesIO(source), _UNNAMED)
        case Image.Image():
            return _shown(lambda: source, _UNNAMED)
        case np.ndarray():
            array = _of_array(source)
            return _shown(lambda: array, _UNNAMED)
        case _:
            raise ValueError(
                f"{_UNNAMED} is a {type(source).__name__}, expected the path of a file, a PIL image or a numpy array"
            )


def _open_file(path: str | os.PathLike[str]) -> Image.Image:
    try:
        with Path(path).open("rb") as file:
            return _decoded(file, str(path))
    except FileNotFoundError:
        remedy = "; download it first" if "://" in str(path) else ""
        raise ValueError(f"{path} does not exist, {_EXPECTED}{remedy}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder, {_EXPECTED}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}), {_EXPECTED}") from error


def _decoded(file: BinaryIO, name: str) -> Image.Image:
    try:
        return _shown(lambda: Image.open(file), name)
    except UnidentifiedImageError as error:
        file.seek(0)
        raise ValueError(f"{name} is {_kind(file.read(16))}") from error


def _kind(head: bytes) -> str:
    """What a file is that is no picture, by its first bytes."""
    if not head:
        return f"empty, {_EXPECTED}"
    kinds = (kind for place, mark, kind in _OTHER_FILES if head[place:].startswith(mark))
    return next(kinds, f"no picture that can be opened, {_EXPECTED}")


def _shown(opened: Callable[[], Image.Image], name: str) -> Image.Image:
    try:
        image = opened()
        raw_mode = _raw_mode(image)
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{name} is too large ({str(error).rstrip('.')}); make it smaller") from error
    except (UnidentifiedImageError, MemoryError):
        raise
    except Exception as error:  # of a damaged file a decoder may say anything
        found = str(error) or type(error).__name__
        raise ValueError(f"{name} cannot be decoded ({found}); copy or save it again") from error
    return as_seen(image, name=name, raw_mode=raw_mode)


def _raw_mode(image: Image.Image) -> str:
    """How the file holds its pixels, which decoding forgets; empty where they are decoded already."""
    if not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return ""
    arguments = image.tile[0].args
    return str(arguments if isinstance(arguments, str) or not arguments else arguments[0])


def _of_array(array: npt.NDArray[np.uint8]) -> Image.Image:
    shape = array.shape
    if array.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))) or 0 in shape:
        raise ValueError(
            f"{_UNNAMED} is an array of {array.dtype} with the shape {shape}, expected uint8 from 0 to 255 and "
            "(height, width, 3 or 4)"
        )
    return Image.fromarray(array)
