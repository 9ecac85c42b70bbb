"""The guard around one stage: the only place that knows about failure. An error costs the clip it belongs to."""

import copy
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from curation.decisions import decide_stage
from curation.execution.crash_log import DEATHS_TO_GIVE_UP, CrashLog, NoCrashLog
from curation.execution.worker_thread import STAGE_THREAD, WorkerThread
from curation.records import Clip
from curation.stage import ClipError, SplittingStage, Stage
from dataset_schema import FailureKind, Reason

logger = logging.getLogger(__name__)

# Our choice: longer than a child process needs to end, shorter than the patience of someone who stops a run.
_CLOSE_TIMEOUT_S: Final = 30.0

_MESSAGE_CHARACTERS: Final = 2000

# What files, servers and libraries give rise to; anything else is a defect, and its traceback is logged.
_EXPECTED_IN_SETUP: Final = (ClipError, MemoryError, OSError, ValueError, ImportError)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A scored clip, and the rules it breaks."""

    clip: Clip
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class StageError:
    """Why a stage could not score a clip."""

    kind: FailureKind
    error_type: str
    message: str


class StageSetupError(RuntimeError):
    """A stage cannot be made ready. Every clip would fail the same way, so the run ends."""


class StageContractError(RuntimeError):
    """A stage did not return the clips it was given: a defect of the stage."""


class Guard:
    """Scores clips with one stage and turns whatever goes wrong into one `StageError` for the clip that caused it.

    A batch that fails is halved until the clip is found; a batch that hangs is taken apart clip by clip, and the stage
    is set up anew, because the abandoned thread may still be using the old one.

    Args:
        stage: not yet set up; that happens before the first clip.
        crash_log: where to note the clips in work, for a worker process that others watch.
        worker: which worker this is; the same after the process was started again.
    """

    def __init__(self, stage: Stage, *, crash_log: CrashLog | None = None, worker: str = "") -> None:
        self._stage = stage
        self._spare = copy.deepcopy(stage)
        self._crash_log = crash_log or NoCrashLog()
        self._worker = worker
        self._thread: WorkerThread | None = None

    @property
    def stage(self) -> Stage:
        """The stage it guards."""
        return self._stage

    def judge(self, clips: Sequence[Clip]) -> list[Verdict | StageError]:
        """One answer per clip, in order.

        Raises:
            StageSetupError: the stage cannot be made ready.
        """
        result = self._attempt(clips)
        if isinstance(result, list):
            return [*result]
        if len(clips) == 1:
            return [result]
        if result.kind in (FailureKind.TIMEOUT, FailureKind.CRASH):
            parts: list[Sequence[Clip]] = [[clip] for clip in clips]
        else:
            parts = [clips[: len(clips) // 2], clips[len(clips) // 2 :]]
        return [answer for part in parts for answer in self.judge(part)]

    def split(self, clip: Clip) -> Sequence[Clip] | StageError:
        """The clips that a splitting stage makes of one that passed; of every other stage, the clip itself."""
        stage = self._stage
        if not isinstance(stage, SplittingStage):
            return [clip]
        try:
            parts = stage.split(clip)
            _check_parts(stage, clip, parts)
        except Exception as error:
            logger.exception("stage %s failed to split clip %s", stage.name, clip.clip_id)
            return _as_stage_error(error)
        return parts

    def close(self) -> None:
        """Let the stage put away what its setup took. Errors are logged: the clips are safe by now."""
        if self._thread is None:
            return
        closing = self._thread.submit(self._stage.close)
        self._thread.stop()
        self._thread = None
        try:
            error = closing.exception(timeout=_CLOSE_TIMEOUT_S)
        except TimeoutError:
            logger.warning("stage %s did not close within %.0f s", self._stage.name, _CLOSE_TIMEOUT_S)
            return
        if error is not None:
            logger.warning("stage %s failed to close: %r", self._stage.name, error)

    def _attempt(self, clips: Sequence[Clip]) -> list[Verdict] | StageError:
        thread = self._ready_thread()
        clip_ids = [clip.clip_id for clip in clips]
        deaths = max(self._crash_log.begin(self._stage.name, clip_ids))
        if deaths >= (DEATHS_TO_GIVE_UP if len(clips) == 1 else 1):
            return StageError(
                FailureKind.CRASH,
                "WorkerDied",
                f"{deaths} worker processes died while stage {self._stage.name} worked on this clip",
            )
        answer = thread.submit(partial(_judge, self._stage, clips))
        limit_s = self._stage.resources.timeout_s * len(clips)
        try:
            error = answer.exception(timeout=limit_s)
        except TimeoutError:
            self._abandon()
            message = f"stage {self._stage.name} took longer than {limit_s:g} s for {len(clips)} clips"
            return StageError(FailureKind.TIMEOUT, "TimeoutError", message)
        finally:
            self._crash_log.end(self._stage.name, clip_ids)
        if error is None:
            return answer.result()
        if len(clips) == 1 and _is_defect(error):
            logger.error("stage %s failed on clip %s", self._stage.name, clip_ids[0], exc_info=error)
        return _as_stage_error(error)

    def _ready_thread(self) -> WorkerThread:
        if self._thread is not None:
            return self._thread
        task = f"setup of {self._stage.name}"
        if max(self._crash_log.begin(task, [self._worker])) >= DEATHS_TO_GIVE_UP:
            raise StageSetupError(
                f"stage {self._stage.name} killed its worker process {DEATHS_TO_GIVE_UP} times in setup"
            )
        thread = WorkerThread(f"{STAGE_THREAD}{self._stage.name}")
        error = thread.submit(self._stage.setup).exception()
        self._crash_log.end(task, [self._worker])
        if error is not None:
            thread.stop()
            if not isinstance(error, _EXPECTED_IN_SETUP):
                logger.error("stage %s failed in setup", self._stage.name, exc_info=error)
            raise StageSetupError(f"stage {self._stage.name} cannot be set up: {_describe(error)}") from error
        self._thread = thread
        return thread

    def _abandon(self) -> None:
        """Leave the hanging thread and its stage behind; the next batch gets a new one of both."""
        if self._thread is not None:
            self._thread.stop()
        threading.Thread(target=_close_abandoned, args=(self._stage,), daemon=True).start()
        self._thread = None
        self._stage = copy.deepcopy(self._spare)


def _judge(stage: Stage, clips: Sequence[Clip]) -> list[Verdict]:
    scored = stage.score(clips)
    found = [(clip.clip_id, clip.reasons) for clip in scored]
    expected = [(clip.clip_id, clip.reasons) for clip in clips]
    if found != expected:
        raise StageContractError(
            f"stage {stage.name} returned {_list(scored)} for {_list(clips)}; expected the same clips in the same "
            "order, with their reasons untouched"
        )
    _check_scores(stage, scored)
    return [Verdict(*decide_stage(stage, clip)) for clip in scored]


def _check_scores(stage: Stage, scored: Sequence[Clip]) -> None:
    promised = stage.adds - frozenset(Clip.__dataclass_fields__)
    for clip in scored:
        if missing := promised - clip.scores.known().keys():
            raise StageContractError(
                f"stage {stage.name} left clip {clip.clip_id} without {', '.join(sorted(missing))}, expected every "
                "score that it adds; set it with clip.with_scores"
            )


def _check_parts(stage: Stage, clip: Clip, parts: Sequence[Clip]) -> None:
    sources = {(part.source.id, part.source.num_clips) for part in parts}
    if sources != {(clip.source.id, len(parts))} or len({part.clip_id for part in parts}) < len(parts):
        raise StageContractError(
            f"stage {stage.name} split clip {clip.clip_id} into {_list(parts)} with the sources and numbers of clips "
            f"{sorted(sources)}; expected different clips, {len(parts)} of source {clip.source.id}"
        )


def _list(clips: Sequence[Clip]) -> str:
    return f"{len(clips)} clips [{', '.join(clip.clip_id for clip in clips)}]"


def _is_defect(error: BaseException) -> bool:
    return not isinstance(error, ClipError | MemoryError)


def _as_stage_error(error: BaseException) -> StageError:
    if isinstance(error, ClipError):
        kind = error.kind
    # CUDA's error is a RuntimeError of this name; importing torch to know it would put torch into the executors.
    elif isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        kind = FailureKind.MEMORY
    else:
        kind = FailureKind.INTERNAL
    return StageError(kind, type(error).__name__, str(error)[:_MESSAGE_CHARACTERS])


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _close_abandoned(stage: Stage) -> None:
    """Closing may end the child process that the stage hangs on, and the thread with it."""
    try:
        stage.close()
    except Exception:
        logger.exception("abandoned stage %s failed to close", stage.name)
