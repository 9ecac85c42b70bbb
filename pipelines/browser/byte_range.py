"""One range of a payload, as a browser asks for it: what it may have, or that it may not (RFC 9110, section 14)."""

import re
from typing import Final

# Our choice: one range of bytes, which is all that players ask for. Any number of ranges would let one request read the
# same bytes again and again.
_ONE_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class UnsatisfiableRangeError(ValueError):
    """The range is none, several, or lies behind the end."""


def wanted_bytes(header: str | None, size: int) -> range:
    """The bytes of a payload that a `Range` header asks for; all of them without one.

    Raises:
        UnsatisfiableRangeError: it asks for none that there are.
    """
    if header is None:
        return range(size)
    found = _ONE_RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        raise UnsatisfiableRangeError(f"the range is {header[:80]!r}, expected one such as bytes=0-1023")
    if not found[1]:
        wanted = range(max(size - int(found[2]), 0), size)
    else:
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        wanted = range(int(found[1]), last + 1)
    if not wanted:
        raise UnsatisfiableRangeError(f"the range is {header[:80]!r}, and there are {size} bytes")
    return wanted
