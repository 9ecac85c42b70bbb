"""What is asked of a bucket, each with patience: a request that was refused or cut is made again, whole.

`obstore` asks; it comes with an extra, and is imported when the first bucket is asked. Credentials come from the
environment alone, by the names that every tool for the store knows (AWS_ACCESS_KEY_ID, ...).
"""

import errno
import os
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from math import ceil, log2
from mmap import mmap
from typing import IO, Any, Final, TypeVar

from storage.libraries import library
from storage.store_errors import is_worth_another_try, no_fork, no_such_settings, told

Answer = TypeVar("Answer")

# Our choice: the library tries again, and after it we do, where an answer was cut in its middle; no try begins after
# these, so that a dead store is told within 20 s, and one that is busy for some seconds is waited for.
_LIBRARY_PATIENCE_S: Final = 8.0
_PATIENCE_S: Final = 9.0
_MAX_RETRIES: Final = 20
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0
_CONNECT_S: Final = 5.0

# Our choice: how long one request may take, from its size: no line that curation works over is slower.
_ANSWER_S: Final = 16
_SLOWEST_BYTES_PER_S: Final = 1 << 20

# What S3 takes in one put; a put in several parts would leave its parts behind if the process is killed.
_LARGEST_PUT_BYTES: Final = 5 << 30

# What is held of an object while it is written to a file.
_PIECE_BYTES: Final = 1 << 20

# What an answer without a body, as all to HEAD are, does not say the reason of; that to GET does.
_UNEXPLAINED: Final = frozenset({errno.EACCES, errno.EPROTO})

# Without a user before an `@`, which no store looks at.
_ENDPOINT: Final = re.compile(r"https?://[^@\s/]+(/[^@\s]*)?")
_SETTINGS: Final = ("AWS_", "GOOGLE_", "AZURE_")


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What a store says of an object.

    Attributes:
        e_tag: changes with every put; None where the server has none.
    """

    st_size: int
    last_modified: datetime
    e_tag: str | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket of a store, or one web server: `s3://bucket`.

    Raises:
        OSError: from every request, with a sentence.
        ModuleNotFoundError: from every request, where the library is not installed.
    """

    root: str

    def facts(self, key: str) -> ObjectFacts:
        """What the store says of an object, which is there."""
        try:
            return _facts(self._ask(key, lambda obstore, store: obstore.head(store, key)))
        except OSError as error:
            if error.errno in _UNEXPLAINED:
                self._ask(key, lambda obstore, store: obstore.get(store, key, options={"range": (0, 1)}))
            raise

    def holds(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.facts(key)
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str) -> bytes:
        """A whole object."""
        return self._ask(key, lambda obstore, store: bytes(obstore.get(store, key).bytes()), size=_LARGEST_PUT_BYTES)

    def read_part(self, key: str, start: int, end: int, *, e_tag: str | None) -> bytes:
        """The bytes from `start` to before `end`, of the object as it was when it had this tag.

        Raises:
            OSError: also where it has another now.
        """
        options = {"range": (start, end), **({"if_match": e_tag} if e_tag else {})}
        return self._ask(
            key, lambda obstore, store: bytes(obstore.get(store, key, options=options).bytes()), size=end - start
        )

    def read_start(self, key: str, size: int) -> tuple[bytes, ObjectFacts]:
        """The first `size` bytes of an object, or all that it has, and what the store says of it: one request.

        Raises:
            OSError: also (ENOTSUP) where a server of the web gives no parts.
        """

        def ask(obstore: Any, store: Any) -> tuple[bytes, ObjectFacts]:
            found = obstore.get(store, key, options={"range": (0, size)})
            return bytes(found.bytes()), _facts(found.meta)

        try:
            return self._ask(key, ask, size=size)
        except OSError as error:
            facts = self.facts(key) if error.errno == errno.EPROTO else None
            if facts is None or facts.st_size:
                raise
            return b"", facts  # no store gives a part of an empty object

    def read_into(self, file: IO[bytes], key: str, *, size: int) -> None:
        """Write a whole object of about this size to a file, without holding it in memory."""

        def ask(obstore: Any, store: Any) -> None:
            file.seek(0)
            file.truncate()
            for piece in obstore.get(store, key).stream(min_chunk_size=_PIECE_BYTES):
                file.write(piece)

        self._ask(key, ask, size=size)

    def put(
        self, key: str, content: bytes | mmap, *, only_new: bool = False, only_over: str | None = None
    ) -> str | None:
        """Put a whole object in one request, which is there from its end on, or not at all; gives its tag.

        Args:
            key: of the object.
            content: all of it.
            only_new: refuse to replace another.
            only_over: the tag of the object to replace, and of no other.

        Raises:
            FileExistsError: with `only_new`: there is one.
            OSError: also with `only_over`: there is another, or none.
        """
        size = len(content)
        if size > _LARGEST_PUT_BYTES:
            raise ValueError(f"{self.root}/{key} would have {size} bytes, expected at most 5 GiB; write smaller shards")
        mode: Any = "create" if only_new else {"e_tag": only_over} if only_over else "overwrite"
        done = self._ask(
            key,
            lambda obstore, store: obstore.put(store, key, content, mode=mode, use_multipart=False),
            size=size,
        )
        tag: str | None = done["e_tag"]
        return tag

    def delete(self, key: str) -> None:
        """Delete an object, which need not be there."""
        try:
            self._ask(key, lambda obstore, store: obstore.delete(store, key))
        except FileNotFoundError:
            return

    def holds_below(self, folder: str) -> bool:
        """Whether any object lies below; below a bucket itself, whether there is the bucket."""
        first: Any = self._ask(folder, lambda obstore, store: next(iter(obstore.list(store, folder or None)), []))
        return not folder or any(found["path"] != folder for found in first)

    def sizes_below(self, folder: str) -> dict[str, int]:
        """The keys of all objects below, sorted, and how many bytes each has."""
        found = self._ask(folder, lambda obstore, store: [*chain.from_iterable(obstore.list(store, folder or None))])
        return dict(sorted((each["path"], each["size"]) for each in found if each["path"] != folder))

    def names_in(self, folder: str) -> list[str]:
        """The names of the objects and of the folders that lie just below, sorted."""
        found = self._ask(folder, lambda obstore, store: obstore.list_with_delimiter(store, folder or None))
        keys = {*found["common_prefixes"], *(each["path"] for each in found["objects"])} - {folder}
        return sorted(key.rpartition("/")[2] for key in keys)

    def _ask(self, key: str, request: Callable[[Any, Any], Answer], *, size: int = 0) -> Answer:
        obstore = library("obstore", extra="object-storage")
        where = f"{self.root}/{key}" if key else self.root
        store = self._store(where, size)
        started = time.monotonic()
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return request(obstore, store)
            except (obstore.exceptions.BaseError, OSError) as error:
                waited_s = time.monotonic() - started
                if not is_worth_another_try(error) or waited_s > _PATIENCE_S:
                    raise told(error, where=where, waited_s=waited_s) from None  # what it says can hold a token
            time.sleep(random.uniform(_FIRST_PAUSE_S, pause_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _store(self, where: str, size: int) -> Any:
        if os.getpid() != _first_pid():
            raise no_fork(where)
        seconds = 2 ** ceil(log2(_ANSWER_S + size / _SLOWEST_BYTES_PER_S))
        settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith(_SETTINGS)))
        try:
            return _open(self.root, seconds, settings)
        except (library("obstore.exceptions", extra="object-storage").BaseError, ValueError):
            raise no_such_settings(where) from None


def _facts(found: Any) -> ObjectFacts:
    return ObjectFacts(st_size=found["size"], last_modified=found["last_modified"], e_tag=found["e_tag"])


@lru_cache(maxsize=64)
def _open(root: str, seconds: int, settings: tuple[tuple[str, str], ...]) -> Any:
    """The library's store; the settings are in the environment, where the library finds them itself."""
    stores = library("obstore.store", extra="object-storage")
    endpoints = [value for name, value in settings if "ENDPOINT" in name]
    if not all(_ENDPOINT.fullmatch(value) for value in endpoints):
        raise ValueError("an endpoint that the library would break on")
    from_url = stores.HTTPStore.from_url if root.startswith("http") else stores.from_url
    return from_url(
        root,
        client_options={
            "allow_http": any(url.startswith("http://") for url in (root, *endpoints)),
            "connect_timeout": timedelta(seconds=_CONNECT_S),
            "timeout": timedelta(seconds=seconds),
        },
        retry_config={
            "max_retries": _MAX_RETRIES,
            "retry_timeout": timedelta(seconds=_LIBRARY_PATIENCE_S),
            "backoff": {
                "init_backoff": timedelta(seconds=_FIRST_PAUSE_S),
                "max_backoff": timedelta(seconds=_LONGEST_PAUSE_S),
                "base": 2,
            },
        },
    )


@lru_cache(maxsize=1)
def _first_pid() -> int:
    """The process that asked first: the library's threads live in it, and a forked one would wait for them for ever."""
    return os.getpid()
