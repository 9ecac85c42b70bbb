"""Names that are searched for in texts, tables and other files, as many as there are."""

import re
from collections.abc import Collection
from typing import Final

# An id as datasets have it: a digest, and what tells the clips of a split source.
_ID: Final = re.compile(rb"[0-9a-f]{16,64}(?:-[0-9a-z]+)*")


class Needles:
    """Finds ids and addresses.

    Args:
        ids: of clips and sources.
        addresses: of sources. One within another's (a.mp4 in a.mp4.txt) does not count.
    """

    def __init__(self, ids: Collection[str], addresses: Collection[str]) -> None:
        encoded = {name.encode(errors="surrogateescape") for name in ids}
        self._ids = {name for name in encoded if _ID.fullmatch(name)}
        self._others = encoded - self._ids
        self._addresses = [
            (name, re.compile(rb"(?<![\w/.-])" + re.escape(name) + rb"(?![\w/-]|\.\w)"))
            for name in (address.encode(errors="surrogateescape") for address in addresses)
            if name
        ]

    def found_in(self, content: bytes) -> set[str]:
        """Those that stand in it."""
        runs = set(_ID.findall(content))
        found = self._ids & (runs | {run.partition(b"-")[0] for run in runs})
        found |= {name for name in self._others if name in content}
        found |= {name for name, pattern in self._addresses if name in content and pattern.search(content)}
        return {name.decode(errors="surrogateescape") for name in found}
