"""A child process that misbehaves when it is asked to; it serves requests exactly as the real one does."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from curation.stage import ClipError
from curation.video.worker import serve
from dataset_schema import FailureKind


def answer(request: str) -> Any:
    actions: dict[str, Callable[[], Any]] = {
        "process id": os.getpid,
        "modules": lambda: sorted(sys.modules),
        "crash": lambda: ctypes.string_at(0),
        "abort": os.abort,
        "leave": lambda: os._exit(3),
        "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "hang": lambda: time.sleep(3600),
        "hang without letting Python run": lambda: ctypes.PyDLL(None).sleep(3600),
        "eat memory": lambda: len(bytearray(8 << 30)),
        "large answer": lambda: b"x" * (40 << 20),
        "print": lambda: os.write(1, b"printed by a library\n"),
        "foreseen": lambda: _raise(ClipError(FailureKind.CORRUPT, "is broken")),
        "defect": lambda: _raise(KeyError("a mistake of ours")),
    }
    return actions[request]()


def _raise(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    parent, memory_bytes, timeout_s = sys.argv[1:]
    serve(answer, parent=int(parent), memory_bytes=int(memory_bytes), timeout_s=float(timeout_s))
