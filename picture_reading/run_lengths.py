"""Masks as COCO's tools store them: lengths of runs down the columns, the first of zeros; as numbers or as a text.

The text (cocodataset/cocoapi, common/maskApi.c, `rleToString` @8c9bcc3): a number is in groups of five bits, the lowest
first, each a character from 48 on, whose sixth bit says that more follow; the last group's highest bit is its sign.
From the fourth run on a number is the difference to the run two places before.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

_Mask: TypeAlias = npt.NDArray[np.bool_]

_BITS: Final = 5
_SIGN: Final = 0x10
_MORE: Final = 0x20
_FIRST: Final = 48


def run_lengths(mask: _Mask) -> list[int]:
    """The runs of a mask (height, width): of false and true in turns, from the top down, from left to right."""
    flat = mask.ravel(order="F")
    turns = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff([0, *turns, len(flat)]).tolist()
    return [0, *lengths] if flat[0] else lengths


def as_letters(lengths: Sequence[int]) -> str:
    """The same as a text."""
    letters = []
    for place, length in enumerate(lengths):
        rest = length - lengths[place - 2] if place > 2 else length
        while True:
            bits = rest & (_MORE - 1)
            rest >>= _BITS
            is_last = rest == (-1 if bits & _SIGN else 0)
            letters.append(chr(_FIRST + (bits if is_last else bits | _MORE)))
            if is_last:
                break
    return "".join(letters)


def mask_of(counts: str, *, height: int, width: int) -> _Mask:
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
        value |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its run lengths break off within a number, expected COCO's compressed text")
    return np.array(runs, np.int64)
