"""How a supervised child and its parent talk: pickles behind their length, over a pipe.

Pickles are fine here, because both ends are this program and the pipe has no other end.
"""

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Any, Final

from dataset_schema import FailureKind

LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Ready:
    """The child is up and waits for its first request."""


@dataclass(frozen=True, slots=True)
class Done:
    """The request was answered."""

    value: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """The request ran into trouble that the child foresaw."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class Defect:
    """The request ran into trouble that nobody foresaw: a defect of this program."""

    traceback: str


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message.

    Raises:
        EOFError: the other end is closed.
    """
    return pickle.loads(_read(pipe, LENGTH.unpack(_read(pipe, LENGTH.size))[0]))


def _read(pipe: IO[bytes], size: int) -> bytes:
    body = pipe.read(size)
    if len(body) < size:
        raise EOFError
    return body
