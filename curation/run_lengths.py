"""Masks as COCO stores them: run lengths down the columns, as a text of six bits a character.

The rule of the text (COCO's API): five bits of a number a character, the lowest first, and a sixth that says that more
follow; characters begin at 48. From the fourth run on a number is the difference to the run two places before.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from curation.records import Mask

_FIRST: Final = 48
_MORE, _SIGN, _BITS = 0x20, 0x10, 0x1F


def mask_of(counts: str, *, height: int, width: int) -> Mask:
    """The mask of a text of run lengths.

    Raises:
        ValueError: the text is none, or is one of a mask of another size.
    """
    runs = _runs(counts)
    if runs.sum() != height * width or (runs < 0).any():
        raise ValueError(f"its run lengths are of {runs.sum()} pixels, expected {width}x{height}")
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def _runs(counts: str) -> npt.NDArray[np.int64]:
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - _FIRST
        if not 0 <= bits < 2 * _MORE:
            raise ValueError(f"its run lengths hold {character!r}, expected COCO's compressed text")
        value |= (bits & _BITS) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its run lengths break off within a number, expected COCO's compressed text")
    return np.array(runs, np.int64)
