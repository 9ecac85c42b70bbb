"""Masks as COCO's tools read them: lengths of runs, column by column, the first of zeros.

Source: cocodataset/cocoapi, common/maskApi.c (`rleEncode`, `rleToString`) @8c9bcc3.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

_BITS: Final = 5
_SIGN: Final = 0x10
_MORE: Final = 0x20
_FIRST_LETTER: Final = 48


def run_lengths(mask: npt.NDArray[np.bool_]) -> list[int]:
    """The runs of a mask (height, width): of false and true in turns, from the top down, from left to right."""
    flat = mask.ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff([0, *turns, len(flat)]).tolist()
    return [0, *lengths] if flat[0] else lengths


def as_letters(lengths: Sequence[int]) -> str:
    """The same as a text: from the fourth on only by how much a run is longer than the second before it.

    A number is in groups of five bits, the lowest first, each a letter; the last one's highest bit is its sign.
    """
    letters = []
    for place, length in enumerate(lengths):
        rest = length - lengths[place - 2] if place > 2 else length
        while True:
            bits = rest & (_MORE - 1)
            rest >>= _BITS
            is_last = rest == (-1 if bits & _SIGN else 0)
            letters.append(chr(_FIRST_LETTER + (bits if is_last else bits | _MORE)))
            if is_last:
                break
    return "".join(letters)
