"""Where an object lies in a store: `s3://bucket/key`, with as much of a `Path` as files of datasets need.

A store has no folders, only keys: a folder is there while something lies below it, and need not be made.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, Literal, Self, TypeAlias
from urllib.parse import quote, unquote

from storage.bucket import Bucket, ObjectFacts
from storage.ranged_file import RangedFile

# Of these the last two are read, and never written.
SCHEMES: Final = ("s3", "gs", "az", "http", "https")
_WEB: Final = frozenset({"http", "https"})

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

# What S3 and Google's store allow, in UTF-8.
_LONGEST_KEY_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The address of an object, or of all objects below it.

    Attributes:
        url: as a person writes it, without a slash at its end. A key stands in it as it is, except in an address of
            the web, which encodes by percent signs what no URL can hold.

    Raises:
        ValueError: it holds credentials (which are not repeated), no bucket, or a key that could mean another object.
        ModuleNotFoundError: from whatever asks the store, where the library that does so is not installed.
        OSError: from whatever asks the store, as of a file: there is no such object, the key has no rights, the store
            cannot be reached; the sentence says what to do.
    """

    url: str

    def __post_init__(self) -> None:
        scheme, _, rest = self.url.partition("://")
        if scheme not in SCHEMES:
            raise ValueError(f"address of scheme {scheme!r}, expected one of {', '.join(SCHEMES)}")
        bucket, _, key = rest.partition("/")
        if not (_HOST if scheme in _WEB else _BUCKET).fullmatch(bucket):  # not repeated: it can hold a secret
            kind = "host" if scheme in _WEB else "bucket"
            raise ValueError(
                f"address of scheme {scheme} has no {kind} after its slashes, expected {scheme}://{kind}/...; "
                "credentials belong into the environment"
            )
        if scheme in _WEB and (cut := re.search(r"[?#]|%2[Ff]", key)):
            raise ValueError(
                f"address {scheme}://{bucket}/{key[: cut.start()]} goes on with {cut[0]!r}, expected the plain address "
                "of a file; copy what it leads to, and give that"
            )
        _check_key(unquote(key) if scheme in _WEB else key, where=f"address {self.url!r}")

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, below: str | PurePath) -> "Address":
        text = str(below)
        return Address(f"{self.url}/{quote(text) if self._is_web else text}")

    @property
    def scheme(self) -> str:
        """One of `SCHEMES`."""
        return self.url.partition("://")[0]

    @property
    def key(self) -> str:
        """The name of the object in its bucket; empty for the bucket itself."""
        key = self._path
        return unquote(key) if self._is_web else key

    @property
    def bucket(self) -> Bucket:
        """The bucket, or the web server."""
        return Bucket(self.url[: len(self.url) - len(self._path)].rstrip("/"))

    @property
    def name(self) -> str:
        """The last part of the key."""
        return PurePosixPath(self.key).name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return PurePosixPath(self.key).stem

    @property
    def suffix(self) -> str:
        """The end of the name, from its last dot."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> "Address":
        """What lies above; of a bucket, itself."""
        return Address(self.url.rpartition("/")[0]) if self._path else self

    @property
    def parents(self) -> "tuple[Address, ...]":
        """All above, the nearest first."""
        return (self.parent, *self.parent.parents) if self._path else ()

    def with_name(self, name: str) -> "Address":
        """Its neighbour of this name."""
        return self.parent / name

    def relative_to(self, above: "Address") -> PurePosixPath:
        """The way from `above` to here.

        Raises:
            ValueError: it does not lie above.
        """
        if self != above and not self.url.startswith(f"{above.url}/"):
            raise ValueError(f"{self} does not lie below {above}")
        return PurePosixPath(self.key).relative_to(above.key)

    def absolute(self) -> Self:
        """Itself: an address always is."""
        return self

    def exists(self) -> bool:
        """Whether there is an object, or one below."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is an object of this name."""
        return bool(self._path) and self.bucket.holds(self.key)

    def is_dir(self) -> bool:
        """Whether anything lies below. On the web, where nothing can be listed, nothing does."""
        return not self._is_web and self.bucket.holds_below(self.key)

    def iterdir(self) -> "Iterator[Address]":
        """What lies just below, sorted by name."""
        return (self / name for name in self.bucket.names_in(self.key))

    def rglob(self, pattern: str) -> "Iterator[Address]":
        """The objects below whose names match, such as `*.parquet`, sorted by key."""
        return (path for path, _ in self.sized_below(pattern))

    def sized_below(self, pattern: str) -> "Iterator[tuple[Address, int]]":
        """As `rglob`, each with how many bytes it has: the listing says it."""
        for key, size_bytes in self.bucket.sizes_below(self.key).items():
            path = PurePosixPath(key).relative_to(self.key)
            if path.match(pattern):
                yield self / path, size_bytes

    def stat(self) -> ObjectFacts:
        """What the store says of the object."""
        return self.bucket.facts(self.key)

    def read_bytes(self) -> bytes:
        """The whole object."""
        return self.bucket.read(self.key)

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole object as text."""
        return self.read_bytes().decode(encoding, errors)

    def open(self, mode: Literal["rb"] = "rb") -> BufferedIOBase:
        """A file that reads the parts it is asked for, as the object was when it was opened."""
        if mode != "rb":
            raise ValueError(f"{self} cannot be opened with mode {mode!r}, expected 'rb'; objects are put whole")
        return RangedFile(self.bucket, self.key, self.stat())

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Delete the object."""
        if not missing_ok:
            self.stat()
        self.bucket.delete(self.key)

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a store has no folders to make."""

    @property
    def _path(self) -> str:
        """The key as it stands in the address."""
        return self.url.partition("://")[2].partition("/")[2]

    @property
    def _is_web(self) -> bool:
        return self.url.startswith("http")


Place: TypeAlias = Path | Address


def path_below(place: Place, above: Place) -> PurePath:
    """The way from one place to another below it.

    Raises:
        ValueError: it does not lie there.
    """
    if isinstance(place, Address) and isinstance(above, Address):
        return place.relative_to(above)
    if isinstance(place, Path) and isinstance(above, Path):
        return place.relative_to(above)
    raise ValueError(f"{place} does not lie below {above}")


def place_beside(folder: Place, written: str) -> Place:
    """What a table in a folder calls so: an address, a path of this machine, or the way from that folder.

    Raises:
        ValueError: it is an address of no store, or a way that no key can go.
    """
    if "://" in written:
        return Address(written)
    return Path(written) if Path(written).is_absolute() else folder / written


def sized_files(folder: Place, pattern: str) -> Iterator[tuple[Place, int]]:
    """The files below a folder whose names match, and how many bytes each has. Of a store one listing says it all."""
    if isinstance(folder, Address):
        yield from folder.sized_below(pattern)
        return
    for path in folder.rglob(pattern):
        if path.is_file():
            yield path, path.stat().st_size


def to_read(place: Place) -> Path | BufferedIOBase:
    """What libraries read a file from: its path, or the opened object."""
    return place.open("rb") if isinstance(place, Address) else place


def _check_key(key: str, *, where: str) -> None:
    """Refuse keys that a store, or the library in between, would take for another one or not take at all."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{where} holds what is no UTF-8, which no key can; rename the object") from error
    if size > _LONGEST_KEY_BYTES:
        raise ValueError(f"{where} has a key of {size} bytes, expected at most {_LONGEST_KEY_BYTES}; shorten it")
    if _CONTROL.search(key):
        raise ValueError(f"{where} holds control characters, expected a key without any; rename the object")
    for part in key.split("/") if key else ():
        if part in {"", ".", ".."}:
            raise ValueError(f"{where} has the part {part!r} in its key, expected names between single slashes")
