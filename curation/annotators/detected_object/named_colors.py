"""Which pixels have a color that captions name."""

from collections.abc import Collection
from typing import Final

import cv2
import numpy as np

from curation.records import Image, Mask

# Our choice: hue, saturation and value of OpenCV (hue of 180 steps, the others of 256), from the circle of hues in
# thirds of its sixths, wide enough to hold what cameras make of a shirt in the shade. Names that share a range are one
# color here, because nobody who writes captions keeps them apart.
_HUES: Final = {
    "red": ((0, 8), (170, 180)),
    "orange": ((6, 20),),
    "yellow": ((18, 34),),
    "green": ((34, 88),),
    "blue": ((88, 130),),
    "purple": ((120, 165),),
    "pink": ((145, 180), (0, 8)),
    "brown": ((4, 24),),
}
_SAME: Final = {
    "crimson": "red",
    "scarlet": "red",
    "maroon": "red",
    "burgundy": "red",
    "golden": "yellow",
    "gold": "yellow",
    "navy": "blue",
    "denim": "blue",
    "violet": "purple",
    "lilac": "purple",
    "lavender": "purple",
    "magenta": "pink",
    "beige": "brown",
    "tan": "brown",
    "khaki": "brown",
    "olive": "green",
    "gray": "grey",
    "silver": "grey",
    "dark": "black",
    "cream": "white",
    "ivory": "white",
}
_COLORFUL: Final = 60
_FAINT: Final = 50
_DARK: Final = 60
_BRIGHT: Final = 150


def known_colors(names: Collection[str]) -> frozenset[str]:
    """Those that pixels can be asked about, under one name for each."""
    same = {_SAME.get(name, name) for name in names}
    return frozenset(same & {*_HUES, "black", "white", "grey"})


def has_color(image: Image, name: str) -> Mask:
    """Where the picture has a color of `known_colors`."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), -1, 0)
    if name == "black":
        found = value < _DARK
    elif name == "white":
        found = (saturation < _FAINT) & (value > _BRIGHT)
    elif name == "grey":
        found = (saturation < _FAINT) & (value >= _DARK) & (value <= _BRIGHT + 40)
    else:
        found = np.zeros(hue.shape, np.bool_)
        for low, high in _HUES[name]:
            found |= (hue >= low) & (hue <= high)
        found &= (value >= _DARK) & (saturation >= (_FAINT if name == "pink" else _COLORFUL))
        if name == "brown":
            found &= value < _BRIGHT + 30
    shown: Mask = found
    return shown
