"""What a command costs over all of its processes: CPU-seconds, seconds by the clock, and memory at its peak."""

import compileall
import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

_ADOPT_ORPHANS: Final = 36  # PR_SET_CHILD_SUBREAPER
_LOOK_EVERY_S: Final = 0.2
# The kernel adds up a process's pages, some milliseconds each time: at most a twentieth of a core goes into asking.
_REST_AFTER_SUM: Final = 20
_SILENCE_S: Final = 600.0
_PATIENCE_S: Final = 20.0
_MIB: Final = 1024**2
_ROOT: Final = Path(__file__).parents[2]
# Whoever switched compiled modules off would pay for compiling ours in every process, and for none of the peers'.
_ENVIRONMENT: Final = {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}


class CommandError(RuntimeError):
    """A command did not end well; the message is its last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one run of a command.

    Attributes:
        peak_mib: the highest sum over all processes, each page shared among those that hold it.
        made: what came out, in the command's own words.
        by_command: CPU-seconds of each of its processes, as they were last seen, by their command lines.
    """

    cpu_s: float
    wall_s: float
    peak_mib: float
    made: str = ""
    by_command: tuple[tuple[str, float], ...] = ()


def adopt_orphans() -> None:
    """Processes whose parents end before them become this one's children, so that their time is told here."""
    ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


def compile_modules() -> None:
    """Compile this project's own, once, as an installer does those of the peers."""
    for package in (_ROOT / "benchmarks", *(module.parent for module in _ROOT.glob("*/__init__.py"))):
        compileall.compile_dir(package, quiet=1)


def cost_of(
    command: Sequence[str], environment: Mapping[str, str], *, is_whole: bool, patience_s: float = _SILENCE_S
) -> Cost:
    """Run a command once.

    Args:
        command: where its last line is JSON as `timed.py` prints it, that says what came out.
        environment: beside this process's own.
        is_whole: the whole command counts, with its start; else what it says that its work took.
        patience_s: how long it may take.

    Raises:
        CommandError: it failed, or took too long.
    """
    known = {child.pid for child in psutil.Process().children()}
    before_s, start_s = _waited_for_s(), time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, **_ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with _watched(known) as watch:
        try:
            printed, words = process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise CommandError(f"took longer than {patience_s:.0f} s") from error
        finally:
            wall_s = time.monotonic() - start_s
            _wait_for_orphans(known)
    if process.returncode:
        raise CommandError(_last_word(words) or f"ended with status {process.returncode}")
    told = _told(printed)
    # The kernel tells nobody of the children of a process that ignores their end, as Ray's does: those were only seen.
    cpu_s = max(_waited_for_s() - before_s, sum(spent_s for _, spent_s in watch.seen.values()))
    made, by_command = told.get("made", ""), tuple(watch.seen.values())
    whole = Cost(cpu_s=cpu_s, wall_s=wall_s, peak_mib=watch.peak_mib, made=made, by_command=by_command)
    return whole if is_whole else Cost(**{"peak_mib": watch.peak_mib, **told})


class _Watch:
    """Looks at all processes below this one that were not there before, several times a second, on a thread.

    At their memory about as often, and more seldom where they are many or large.

    Attributes:
        seen: of each process its command line and its CPU-seconds, as they were last seen, by its id.
    """

    def __init__(self, known: Set[int]) -> None:
        self._known = known
        self.peak_mib = 0.0
        self.seen: dict[int, tuple[str, float]] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        sum_again_s = 0.0
        while not self._is_over.wait(_LOOK_EVERY_S):
            below = [each for each in psutil.Process().children(recursive=True) if each.pid not in self._known]
            for process in below:
                self._note_time(process)
            if time.monotonic() >= sum_again_s:
                before_s = time.thread_time()
                self.peak_mib = max(self.peak_mib, sum(map(_share_mib, below)))
                sum_again_s = time.monotonic() + _REST_AFTER_SUM * (time.thread_time() - before_s)

    def _note_time(self, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            spent = process.cpu_times()
            # One that has ended, and was not waited for yet, has no command line any more.
            command = " ".join(process.cmdline()) or self.seen.get(process.pid, ("",))[0]
            self.seen[process.pid] = command, float(spent.user + spent.system)


def _share_mib(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / _MIB
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0.0


@contextlib.contextmanager
def _watched(known: Set[int]) -> Iterator[_Watch]:
    watch = _Watch(known)
    try:
        yield watch
    finally:
        watch.stop()


def _waited_for_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _wait_for_orphans(known: Set[int]) -> None:
    """They end with their parent; what has not within a while is ended here."""
    deadline_s = time.monotonic() + _PATIENCE_S
    while left := [child.pid for child in psutil.Process().children() if child.pid not in known]:
        for pid in left:
            with contextlib.suppress(ChildProcessError, ProcessLookupError):
                if time.monotonic() > deadline_s:
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)


def _told(printed: str) -> dict[str, Any]:
    lines = printed.strip().splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines and lines[-1].startswith('{"cpu_s"') else {}
    return found


def _last_word(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1] if lines else ""
