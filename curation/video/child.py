"""A supervised child process for work that may crash, hang or eat the memory: opening other people's videos.

One request at a time. Whatever goes wrong costs that request and becomes a `ClipError` that says where, what and what
next; the following request gets a fresh process.
"""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from curation.stage import ClipError
from curation.video.child_messages import Defect, Done, Lost, Ready, receive, send
from dataset_schema import FailureKind
from storage.configs import UNDECISIVE, strict

VIDEO_WORKER: Final = (sys.executable, "-m", "curation.video.worker")

_START_TIMEOUT_S: Final = 60.0
_EXIT_TIMEOUT_S: Final = 2.0
_STDERR_TAIL_BYTES: Final = 2000
_ENVIRONMENT: Final = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # glibc would put frames on the heap, between small pieces that stay: its holes grew by 12 MB a second of video.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ChildConfig:
    """Limits of one child process.

    Attributes:
        timeout_s: for one request. Our choice: five minutes; ten minutes of 1080p take two on one free core.
        memory_bytes: heap of the process. Our choice: 2 GiB holds the reference frames of an 8K H.264 decoder.
        max_fetched_bytes: of one video in an object store; more is refused. Until it is decoded, what came lies on
            this machine's disk. Our choice: 4 GiB, ten minutes at 57 Mbit/s.
        requests_per_process: a fresh process after so many. Our choice: 500, so that leaks of a decoder never add up.
    """

    timeout_s: float = field(default=300.0, metadata=UNDECISIVE)
    memory_bytes: int = field(default=2 << 30, metadata=UNDECISIVE)
    max_fetched_bytes: int = field(default=4 << 30, metadata=UNDECISIVE)
    requests_per_process: int = 500

    def __post_init__(self) -> None:
        if self.timeout_s <= 0:
            raise ValueError(f"child process has timeout_s {self.timeout_s}, expected a positive number of seconds")
        if self.memory_bytes < 256 << 20:
            raise ValueError(f"child process has memory_bytes {self.memory_bytes}, expected at least {256 << 20}")
        if self.max_fetched_bytes < 1:
            raise ValueError(f"child process has max_fetched_bytes {self.max_fetched_bytes}, expected 1 or more")
        if self.requests_per_process < 1:
            raise ValueError(f"child process has requests_per_process {self.requests_per_process}, expected 1 or more")


class Child:
    """Answers requests in a process of its own, which is started at the first one and reused.

    Args:
        command: what to start; it gets our process id, `memory_bytes` and `timeout_s` as arguments and calls
            `curation.video.worker.serve`.
    """

    def __init__(self, config: ChildConfig, command: Sequence[str] = VIDEO_WORKER) -> None:
        self._config = config
        self._command = tuple(command)
        self._process: _Process | None = None

    def ask(self, request: Any, *, where: str) -> Any:
        """The answer to one request; `where` says what it is about, for the error message.

        Raises:
            ClipError: the child could not do it, crashed, took too long or needed too much memory.
            RuntimeError: a defect of this program.
        """
        process = self._running()
        try:
            answer = process.ask(request, self._config.timeout_s)
        except TimeoutError:
            self.close()
            raise ClipError(
                FailureKind.TIMEOUT,
                f"{where}: no answer within {self._config.timeout_s:g} s, so its decoding process was ended; "
                "give it more time, or leave the file out",
            ) from None
        except EOFError:
            raise ClipError(FailureKind.CRASH, f"{where}: {self._last_words(process)}") from None
        except BaseException:
            self.close()
            raise
        return self._value(answer, where)

    def close(self) -> None:
        """End the process and everything it started. The next request starts another."""
        if self._process is not None:
            self._process.end()
            self._process = None

    @property
    def pid(self) -> int | None:
        """Process id, None while no process is running."""
        return None if self._process is None else self._process.pid

    def _running(self) -> "_Process":
        process = self._process
        if process is not None and (process.requests >= self._config.requests_per_process or not process.is_alive):
            self.close()
        if self._process is None:
            limits = (os.getpid(), self._config.memory_bytes, self._config.timeout_s)
            self._process = _Process((*self._command, *map(str, limits)))
        return self._process

    def _value(self, answer: Done | Lost | Defect, where: str) -> Any:
        if isinstance(answer, Done):
            return answer.value
        if isinstance(answer, Lost):
            message = f"{where}: {answer.message}"
            if answer.kind is FailureKind.MEMORY:
                self.close()
                message += f"; the limit is {self._config.memory_bytes >> 20} MiB: raise it, or leave the file out"
            raise ClipError(answer.kind, message)
        self.close()
        raise RuntimeError(f"{where}: defect in the decoding process, please report it:\n{answer.traceback}")

    def _last_words(self, process: "_Process") -> str:
        status = process.exit_status()
        words = process.stderr_tail()
        self.close()
        if status is None:
            cause = "closed its pipe without an answer"
        elif status == -signal.SIGKILL:
            cause = "was killed from outside, most often by the system for want of memory"
        elif status < 0:
            cause = f"crashed with {signal.Signals(-status).name}"
        else:
            cause = f"ended with exit status {status}"
        return f"its decoding process {cause}; try again, or leave the file out; last words: {words or 'none'}"


class _Process:
    """One running child: its pipes, its process group, its standard error."""

    def __init__(self, command: Sequence[str]) -> None:
        self.requests = 0
        self._stderr = tempfile.TemporaryFile(mode="a+b")  # noqa: SIM115  open as long as the process runs
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        self.end = weakref.finalize(self, _end, self._popen, self._stderr)
        try:
            ready = self._receive(_START_TIMEOUT_S)
        except (EOFError, TimeoutError) as error:
            words = self.stderr_tail()
            self.end()
            raise RuntimeError(f"{' '.join(command)} did not start: {words}") from error
        if not isinstance(ready, Ready):
            self.end()
            raise TypeError(f"{' '.join(command)} began with {ready!r}, expected Ready; start `serve` in it")

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def exit_status(self) -> int | None:
        """Wait a moment for a process that closed its pipe to end."""
        try:
            return self._popen.wait(timeout=_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None

    def ask(self, request: Any, timeout_s: float) -> Any:
        """Raises TimeoutError, or EOFError when the process ended without an answer."""
        self.requests += 1
        self._stderr.truncate(0)
        try:
            send(_open(self._popen.stdin), request)
        except BrokenPipeError:
            raise EOFError from None
        return self._receive(timeout_s)

    def stderr_tail(self) -> str:
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _STDERR_TAIL_BYTES))
        return self._stderr.read().decode(errors="replace").strip()

    def _receive(self, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        return receive(lambda size: self._read(size, deadline))

    def _read(self, size: int, deadline: float) -> bytearray:
        descriptor = _open(self._popen.stdout).fileno()
        body = bytearray(size)
        view = memoryview(body)
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while view:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                count = os.readv(descriptor, [view])
                if not count:
                    raise EOFError
                view = view[count:]
        return body


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("child process was started without pipes")
    return pipe


def _end(process: "subprocess.Popen[bytes]", stderr: IO[bytes]) -> None:
    """Kill the process group. While the child is not waited for, nobody else can have its process id."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for file in (_open(process.stdin), _open(process.stdout), stderr):
        file.close()
