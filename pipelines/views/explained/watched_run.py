"""A curation run that can be looked into: what every stage made of the clips of one video."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import ShotDetector
from curation.execution.chain import PlannedStage, StageChain, is_wanted
from curation.execution.executor import Job, OnProgress, SourceRecord
from curation.execution.outcomes import Outcome, Record, finished
from curation.execution.writer import open_writer
from curation.funnel import Counts
from curation.records import Clip, Video
from curation.rules import Policy
from curation.stage import Resources, Stage
from curation.stages.single_shot import SingleShotFilter
from curation.stages.split_shots import SplitShots
from dataset_schema import Annotator, FailedClip, Reason

Probabilities = npt.NDArray[np.float64]


class Standing(StrEnum):
    """How a clip left a stage."""

    PASSED = "passed"
    REJECTED = "rejected"  # here it was decided
    BROKEN = "also breaks"  # a rule of this stage too, after an earlier one had decided
    FAILED = "failed"
    NOT_RUN = "not run"  # the clip was lost before, or lacks what the stage reads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visit:
    """One stage and one clip.

    Attributes:
        reasons: the rules of this stage that the clip breaks.
        seconds: with loading the stage's weights, and over all clips of the video.
    """

    stage: Stage
    after: Record
    standing: Standing
    reasons: tuple[Reason, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Story:
    """One clip's way through all stages.

    Attributes:
        clip: with everything that was found out about it; None for a row that never became one.
    """

    visits: tuple[Visit, ...]
    clip: Clip | None
    outcome: Outcome

    @property
    def policy(self) -> Policy:
        """The rules that it was held against."""
        return {
            visit.stage.name: visit.stage.rules
            for visit in self.visits
            if visit.standing not in (Standing.NOT_RUN, Standing.FAILED)
        }

    @property
    def shot_threshold(self) -> float | None:
        """From which probability on a shot change counted; None where no stage looked."""
        stages = (visit.stage for visit in self.visits)
        return next((stage.threshold for stage in stages if isinstance(stage, SingleShotFilter | SplitShots)), None)


class WatchingExecutor:
    """Runs each stage on all clips before the next one, in this process, and drops nothing: for a few clips.

    Args:
        on_stage: told before each stage how many are done, and its name.
    """

    def __init__(self, on_stage: Callable[[int, str], None]) -> None:
        self._on_stage = on_stage
        self.stories: tuple[Story, ...] = ()

    is_one_group: bool = True

    def machines(self) -> None:
        """There are no workers to place."""
        return

    def run(self, job: Job, records: Iterator[SourceRecord], on_progress: OnProgress) -> Counts:
        """See `Executor`; the stories of all clips are in `stories` afterwards."""
        current: list[Record] = list(records)
        passes: list[_Pass] = []
        for group in job.plan.groups:
            for planned in group.stages:
                self._on_stage(len(passes), planned.stage.name)
                passes.append(_Pass.of(planned.stage, current, score_all=job.score_all))
                current = passes[-1].after
        self.stories = tuple(_story(passes, place, job.plan.last_stage) for place in range(len(current)))
        with open_writer(job.destination) as writer:
            for story in self.stories:
                writer.add(story.outcome)
            on_progress(writer.counts)
            return writer.counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pass:
    """All clips through one stage."""

    stage: Stage
    before: list[Record]
    after: list[Record]
    seconds: float

    @classmethod
    def of(cls, stage: Stage, before: list[Record], *, score_all: bool) -> "_Pass":
        chain = StageChain([PlannedStage(stage=stage, drops=frozenset())], score_all=score_all)
        start = time.monotonic()
        try:
            after = chain.run(before)
        finally:
            chain.close()
        return cls(stage=stage, before=before, after=after, seconds=time.monotonic() - start)

    def visit(self, place: int) -> Visit:
        """Of the clip that ends at a place. Before it was split, all clips of the video were the first one."""
        before, after = (records[min(place, len(records) - 1)] for records in (self.before, self.after))
        known = before.reasons if isinstance(before, Clip) else ()
        reasons = after.reasons[len(known) :] if isinstance(after, Clip) else ()
        return Visit(
            stage=self.stage,
            after=after,
            standing=_standing(self.stage, before, after, reasons),
            reasons=reasons,
            seconds=self.seconds,
        )


def _standing(stage: Stage, before: Record, after: Record, reasons: Sequence[Reason]) -> Standing:
    if not isinstance(before, Clip):
        return Standing.NOT_RUN
    if isinstance(after, FailedClip):
        return Standing.FAILED
    if reasons:
        return Standing.BROKEN if before.reasons else Standing.REJECTED
    return Standing.PASSED if is_wanted(stage, before) else Standing.NOT_RUN


def _story(passes: Sequence[_Pass], place: int, last_stage: str) -> Story:
    visits = tuple(some.visit(place) for some in passes)
    records = [passes[0].before[0], *(visit.after for visit in visits)]
    clips = [record for record in records if isinstance(record, Clip)]
    return Story(visits=visits, clip=clips[-1] if clips else None, outcome=finished(visits[-1].after, last_stage))


class RememberingDetector:
    """A shot detector that keeps its last answer: no record holds the probability of every frame."""

    def __init__(self, detector: ShotDetector) -> None:
        self._detector = detector
        self.probabilities: Probabilities | None = None

    def describe(self) -> Annotator:
        """The detector's own name."""
        return self._detector.describe()

    @property
    def resources(self) -> Resources:
        """The detector's own."""
        return self._detector.resources

    def load(self) -> None:
        """Load the detector."""
        self._detector.load()

    def cut_probabilities(self, thumbnails: Video) -> Probabilities:
        """The detector's answer."""
        self.probabilities = self._detector.cut_probabilities(thumbnails)
        return self.probabilities


def remember_shots(stages: Sequence[Stage]) -> RememberingDetector | None:
    """Put a detector that remembers into the stage that looks for shots, before it is run."""
    for stage in stages:
        if isinstance(stage, SingleShotFilter | SplitShots):
            stage.detector = remembering = RememberingDetector(stage.detector)
            return remembering
    return None
