"""One picture of a sampled video: its prompt, the reference pictures it was given, and its frames."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipelines.views.sheet_pictures import fit, on_checkerboard

_WIDTH: Final = 1200
_MARGIN: Final = 16
_TEXT_HEIGHT: Final = 24
_ROW_HEIGHT: Final = 120
_FRAMES: Final = 5


def sampled_sheet(
    prompt: str,
    references: Mapping[str, Sequence[Image.Image]],
    background: Image.Image | None,
    video: npt.NDArray[np.uint8],
) -> Image.Image:
    """The sheet as a picture 1200 pixels wide; frames evenly spaced over the video, first and last among them."""
    pictures = [(word, on_checkerboard(image)) for word, images in references.items() for image in images]
    if background is not None:
        pictures.append(("background", background.convert("RGB")))
    tile_width = (_WIDTH - _MARGIN * (_FRAMES + 1)) // _FRAMES
    tile_height = round(tile_width * video.shape[1] / video.shape[2])
    height = 4 * _MARGIN + 3 * _TEXT_HEIGHT + _ROW_HEIGHT + tile_height
    sheet = Image.new("RGB", (_WIDTH, height), "white")
    draw = ImageDraw.Draw(sheet)
    _write(draw, _MARGIN, _MARGIN, prompt)
    top = _MARGIN + 2 * _TEXT_HEIGHT
    _write(draw, _MARGIN, top - _TEXT_HEIGHT, "given:" if pictures else "given: the prompt alone")
    left = _MARGIN
    for word, picture in pictures:
        tile = fit(picture, 2 * _ROW_HEIGHT, _ROW_HEIGHT - _TEXT_HEIGHT)
        sheet.paste(tile, (left, top))
        _write(draw, left, top + _ROW_HEIGHT - _TEXT_HEIGHT + 4, word)
        left += max(tile.width, int(draw.textlength(word, _font()))) + 2 * _MARGIN
    top += _ROW_HEIGHT + _TEXT_HEIGHT
    _write(draw, _MARGIN, top - _TEXT_HEIGHT + 4, "sampled:")
    top += _MARGIN // 2
    for place, index in enumerate(np.linspace(0, len(video) - 1, _FRAMES).round().astype(int)):
        tile = Image.fromarray(video[index]).resize((tile_width, tile_height), Image.Resampling.LANCZOS)
        sheet.paste(tile, (_MARGIN + place * (tile_width + _MARGIN), top))
    return sheet


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, text: str) -> None:
    draw.text((left, top), text, fill="black", font=_font())


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(16)
