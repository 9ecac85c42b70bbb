"""How a supervised child and its parent talk over a pipe: pickles and the arrays in them, each behind its length.

Pickles are fine here, because both ends are this program and the pipe has no other end.
"""

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

from dataset_schema import FailureKind

_LENGTH: Final = struct.Struct("<Q")


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
    """Write one message. Arrays go straight from where they are: they may be half of what the process may have."""
    arrays: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    pieces = [memoryview(body), *(array.raw() for array in arrays)]
    pipe.write(_LENGTH.pack(len(pieces)))
    for piece in pieces:
        pipe.write(_LENGTH.pack(piece.nbytes))
        pipe.write(piece)
    pipe.flush()


def receive(read: Callable[[int], Any]) -> Any:
    """One message; `read` gives exactly as many bytes as it is asked for."""
    (count,) = _LENGTH.unpack(read(_LENGTH.size))
    body, *arrays = (read(*_LENGTH.unpack(read(_LENGTH.size))) for _ in range(count))
    return pickle.loads(body, buffers=arrays)


def read_from(pipe: IO[bytes], size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other end is closed.
    """
    body = pipe.read(size)
    if len(body) < size:
        raise EOFError
    return body
