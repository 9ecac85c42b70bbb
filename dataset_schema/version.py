"""Which versions of the schema there are, and which of them this package reads.

A new minor version only adds what may be missing, or lets a value be missing: every reader of its major version reads
the rows that use nothing new, and it reads every older one. A new major version is one that older readers cannot read.
"""

from typing import NamedTuple, Self


class SchemaVersion(NamedTuple):
    """The version of a dataset, written `3.1`."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3.1`, or `2`, as versions were written before they had a minor number.

        Raises:
            ValueError: it is neither.
        """
        major, _, minor = text.partition(".")
        if not (major.isdecimal() and (minor or "0").isdecimal()):
            raise ValueError(f"schema version is {text!r}, expected one such as {SCHEMA_VERSION}")
        return cls(int(major), int(minor or "0"))


SCHEMA_VERSION = SchemaVersion(3, 5)

# Version 3 only added columns to version 2. Version 3.2 divides rows otherwise and says where media stand; no column is
# new. Version 3.3 lets a given picture have no scores; a reader of before refuses such a row, and reads all others.
# Version 3.4 adds two scores, of the sound. Version 3.5 adds to a source its terms and the hashes of its content.
_READABLE = (2, 3)


def check_version(text: str, *, where: str) -> None:
    """Refuse what was written by another major version.

    Raises:
        ValueError: it was; the message says what to do.
    """
    try:
        found = SchemaVersion.parse(text)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if found.major in _READABLE:
        return
    remedy = "curate it again" if found < SCHEMA_VERSION else "update openalchemist, which wrote it in a newer version"
    raise ValueError(f"{where} has schema version {found}, expected {' or '.join(map(str, _READABLE))}; {remedy}")
