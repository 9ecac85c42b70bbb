"""Where files lie that a person named: paths of this machine, and whether anything can be written there.

Commands ask before the work: what is computed for hours should not be lost to a name.
"""

import re
import tempfile
from pathlib import Path
from typing import Final

from storage.address import SCHEMES, Address, Place

# `s3://bucket`, and `s3:/bucket`, which a `Path` makes of it; `C:\videos`, too.
_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[/\\]")

# Pairs of quotes, straight and as text programs set them.
_QUOTES: Final = ('""', "''", "\u201c\u201d", "\u2018\u2019")

# Our choice: a disk with less room than this is full for every purpose here.
_PROBE_BYTES: Final = 1 << 20

# What the hidden names of unfinished files have at their end: a process id, at its longest.
_LONGEST_SUFFIX: Final = ".4194304.tmp"


def local_path(given: str | Path) -> Path:
    """The path that a person wrote, with `~` as the home folder.

    Raises:
        ValueError: it is empty, an address of another place, or ends in what no shell would have left there.
    """
    text = str(given)
    if not text.strip():
        raise ValueError(f"path {text!r} is empty, expected the name of a file or folder")
    if address := _ADDRESS.match(text):
        raise ValueError(_about_address(text, address[1].lower()))
    if "\0" in text or not _is_unicode(text):
        raise ValueError(f"path {text!r} holds what no table can, expected UTF-8 without NUL; rename it")
    path = Path(text)
    if (bare := _without_wrapping(text)) != text and not path.exists():
        raise ValueError(f"path {text!r} has quotes or white space around it; perhaps {bare!r} is meant")
    if text.startswith("~") and not path.exists():
        try:
            return path.expanduser()
        except RuntimeError as error:
            raise ValueError(f"path {text!r}: {error}; write the folder out") from error
    return path


def place_of(given: str | Place) -> Place:
    """The path or the address that a person wrote; an address may have a slash at its end.

    Raises:
        ValueError: it is neither, or an address without its two slashes, with credentials, or of an unknown scheme.
    """
    if isinstance(given, Address):
        return given
    text = str(given)
    if "://" in text and isinstance(given, str) and _ADDRESS.match(text) and not text.lower().startswith("file:"):
        return Address(text if text.endswith("://") else text.removesuffix("/"))
    scheme, _, rest = text.partition(":")
    if scheme in SCHEMES and rest.startswith("/"):
        raise ValueError(f"path of scheme {scheme} has one slash after {scheme}:, expected the address {scheme}://...")
    return local_path(text)


def expect_folder_to_write(folder: Place) -> None:
    """Refuse a folder in which nothing could be written; it need not exist, and is not made.

    Raises:
        OSError: it is a file or lies below one, belongs to somebody else, has too long a name, or its disk is full or
            read-only; or its store takes or gives nothing back.
        ValueError: it is no path of this machine, or an address of the web.
    """
    if isinstance(folder, Address):
        _expect_puts(folder)
        return
    _expect_writable(local_path(folder), folder)


def expect_file_to_write(file: Place) -> None:
    """Refuse a file that could not be written; it need not exist, and is not made.

    Raises:
        OSError: it is a folder, or `expect_folder_to_write` refuses the folder that it lies in.
        ValueError: it is no path of this machine.
    """
    if isinstance(file, Address):
        _expect_puts(file.parent)
        return
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder, expected the name of a file to write")
    _expect_writable(local_path(file).parent, file)


def _expect_puts(folder: Address) -> None:
    """Put a small object, and delete it: rights, bucket, clock and line are tried by that, and by nothing less."""
    if folder.url.startswith("http"):
        raise ValueError(f"{folder} cannot be written: nothing is, on the web; choose a folder, or a bucket")
    probe = folder / ".probe.tmp"  # always the same: who was killed before it was deleted leaves it to the next
    try:
        probe.bucket.put(probe.key, b"")
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise type(error)(f"{folder} cannot be written: {error.strerror}") from error


def _expect_writable(folder: Path, wanted: Path) -> None:
    whole = wanted.absolute()
    try:
        _is_there(whole.with_name(f".{whole.name}{_LONGEST_SUFFIX}"))  # raises where the name is too long
        existing = next(path for path in (folder, *folder.absolute().parents) if _is_there(path))
        if not existing.is_dir():
            what = "a link that leads nowhere" if existing.is_symlink() and not existing.exists() else "a file"
            raise NotADirectoryError(f"{wanted} cannot be written: {existing} is {what}")
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(f"{wanted} cannot be written: {error.strerror}") from error


def _is_there(path: Path) -> bool:
    """Also a link that leads nowhere, which `exists` takes for a free place."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _is_unicode(text: str) -> bool:
    """Not so are bytes of file names that are no UTF-8, and all beyond ASCII in a process told to know no more."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_wrapping(text: str) -> str:
    bare = text.strip()
    for first, last in _QUOTES:
        if len(bare) > 1 and bare.startswith(first) and bare.endswith(last):
            bare = bare[1:-1].strip()
    return bare


def _about_address(text: str, scheme: str) -> str:
    if scheme == "file":
        return f"path {text!r} is an address, expected a path; write it without file://"
    if len(scheme) == 1:
        return f"path {text!r} is one of Windows, expected one of this machine, such as /mnt/{scheme}/..."
    return (
        f"path {text!r} is an address ({scheme}), expected a path on this machine; "
        "mount the store, or copy the files, and give that path"
    )
