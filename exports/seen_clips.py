"""Which clips were there before: 32 bytes for each at most, where a set of their ids takes a hundred."""

from array import array
from hashlib import blake2b
from typing import Final

_KEY_BYTES: Final = 8
_FIRST_SLOTS: Final = 1024


class SeenClips:
    """A table of hashes that is half empty, in which the next free slot is taken.

    Two ids of ten million have one hash with a chance of 3 in a million; the later clip would be taken for the earlier.
    """

    def __init__(self) -> None:
        self._slots, self._count = _empty(_FIRST_SLOTS), 0

    def add(self, clip_id: str) -> bool:
        """Note a clip; whether it was there before."""
        key = int.from_bytes(blake2b(clip_id.encode(), digest_size=_KEY_BYTES).digest()) or 1
        if not _put(self._slots, key):
            return True
        self._count += 1
        if 2 * self._count > len(self._slots):
            slots = _empty(2 * len(self._slots))
            for kept in self._slots:
                if kept:
                    _put(slots, kept)
            self._slots = slots
        return False


def _empty(slots: int) -> "array[int]":
    return array("Q", [0]) * slots


def _put(slots: "array[int]", key: int) -> bool:
    """Whether it was not there; 0 is an empty slot."""
    at = key % len(slots)
    while slots[at]:
        if slots[at] == key:
            return False
        at = (at + 1) % len(slots)
    slots[at] = key
    return True
