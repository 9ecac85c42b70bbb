"""Errors that a person can act on: one sentence and an exit status each. Any other keeps its traceback: it is a defect.

What makes an error known is who speaks. A `raise` in one of this project's packages wrote its message for the person
who reads it; so did the system, where it names a file or a limit. A ValueError out of numpy, or out of `int()` in a
line of ours, is no sentence of ours although it is of the same type, and without its traceback nobody could mend it.
"""

import dis
import errno
import os
import traceback
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from storage.busy import BusyError

BROKE: Final = 1
WRONG_INPUT: Final = 2
ANSWERED_NO: Final = 3  # the command did its work, and the answer is no
BUSY: Final = os.EX_TEMPFAIL  # 75, the system's own for "try again later"
INTERRUPTED: Final = 130
TERMINATED: Final = 143

_OUR_PACKAGES: Final = frozenset(
    {
        *("curation", "dataset_schema", "exports", "modeling", "pipelines", "picture_reading", "storage"),
        *("video_reading", "worlds"),
    }
)

# What the machine lacks, and not the command: the same command can go on later.
_LIMITS: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EMFILE: "allow more open files (ulimit -n 65536)",
    errno.ENFILE: "close other programs",
    errno.ENOMEM: "close other programs, or use a machine with more memory",
    errno.EIO: "look at the disk",
}
_AGAIN: Final = "then run the same command again"


@dataclass(frozen=True, slots=True)
class KnownError:
    """What to tell, and what to end with."""

    sentence: str
    status: int


def known(error: BaseException) -> KnownError | None:
    """What to say instead of a traceback; None for a defect."""
    if isinstance(error, BusyError):
        return KnownError(str(error), BUSY)
    if is_out_of_memory(error):
        return KnownError(str(error) or "out of memory; use a machine with more, or ask for less at once", BROKE)
    if isinstance(error, OSError) and (sentence := _of_the_system(error)):
        return sentence
    if type(error).__module__.partition(".")[0] in _OUR_PACKAGES:
        return KnownError(str(error), WRONG_INPUT if isinstance(error, ValueError | OSError) else BROKE)
    if isinstance(error, ValueError | OSError | ImportError) and _is_raised_by_us(error.__traceback__):
        return KnownError(str(error), WRONG_INPUT)
    return None


def defect(error: BaseException) -> str:
    """The traceback, and what to do with it."""
    return (
        f"{''.join(traceback.format_exception(error))}\n"
        "this is a defect of the program, not of what it was given: report it to its maintainers, with this traceback "
        "and the command"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error is that of Python, of a GPU, or of torch on a CPU; torch need not be loaded to know."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))
    )


def _of_the_system(error: OSError) -> KnownError | None:
    """What the system says of a file, or of what it has no more of; None for what a library calls an OSError."""
    where = ": ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    said = f"{error.strerror} ({where})" if where else error.strerror
    if error.errno in _LIMITS:
        return KnownError(f"{said}; {_LIMITS[error.errno]}, {_AGAIN}", BROKE)
    return KnownError(str(said), WRONG_INPUT) if error.errno is not None and where else None


def _is_raised_by_us(trace: TracebackType | None) -> bool:
    """Whether a `raise` statement in one of our packages is where it began."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in _OUR_PACKAGES and code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
