"""Neighbouring stages run one after the other on a handful of clips, each under its guard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Final, TypeVar

from curation.execution.crash_log import CrashLog
from curation.execution.guard import Guard, StageError, Verdict
from curation.execution.outcomes import Record, failed, opted_out, rejected, thumbnail
from curation.execution.withheld import Withheld
from curation.records import Clip
from curation.stage import SplittingStage, Stage
from dataset_schema import Reason

Item = TypeVar("Item")

# What stages leave for each other and no table holds. All else stays, for the rows of rejected clips.
WORKING_FIELDS: Final = frozenset({"given", "frames", "located", "background"})


_NOTHING: Final = Withheld()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStage:
    """A stage in its place.

    Attributes:
        drops: the fields of `Clip` that no later stage reads.
    """

    stage: Stage
    drops: frozenset[str]


class StageChain:
    """Sends clips through stages; rejected and failed ones pass by the rest.

    Args:
        score_all: later stages score rejected clips too, and add their reasons; the first reason decides. A stage whose
            inputs a rejected clip lacks passes it over, and an error on it is listed with its reasons, so that it stays
            a rejected clip.
        crash_log: where the guards note what they do; None where nobody watches this process.
        worker: which worker this is, for the crash log.
        withheld: what does not come into the dataset.
    """

    def __init__(
        self,
        stages: Sequence[PlannedStage],
        *,
        score_all: bool,
        crash_log: CrashLog | None = None,
        worker: str = "",
        withheld: Withheld = _NOTHING,
    ) -> None:
        self._links = [(Guard(planned.stage, crash_log=crash_log, worker=worker), planned.drops) for planned in stages]
        self._score_all = score_all
        self._withheld = withheld
        self._handful = max(planned.stage.resources.batch_size for planned in stages)

    def run(self, records: Sequence[Record]) -> list[Record]:
        """All that `stream` gives.

        Raises:
            StageSetupError: a stage cannot be made ready.
        """
        return [*chain.from_iterable(self.stream(records))]

    def stream(self, records: Sequence[Record]) -> Iterator[list[Record]]:
        """One record per record, or several where a stage splits a clip; in order, a handful at a time.

        What a clip is split into passes the later stages one handful after the other, so that their pictures need not
        be in memory all at once: it may be hundreds. Without such a stage there is one handful.

        Raises:
            StageSetupError: a stage cannot be made ready.
        """
        return self._from(0, records)

    def _from(self, place: int, records: Sequence[Record]) -> Iterator[list[Record]]:
        for later, (guard, drops) in enumerate(self._links[place:], start=place + 1):
            judged = self._through(guard, records)
            if isinstance(guard.stage, SplittingStage):
                parts = chain.from_iterable(_split(guard, record) for record in judged)
                while some := [_without(drops, part) for part in islice(parts, self._handful)]:
                    yield from self._from(later, some)
                return
            records = [_without(drops, record) for record in judged]
        yield [*records]

    def close(self) -> None:
        """Close every stage."""
        for guard, _ in self._links:
            guard.close()

    def _through(self, guard: Guard, records: Sequence[Record]) -> list[Record]:
        judged = list(records)
        places = [place for place, record in enumerate(records) if is_wanted(guard.stage, record)]
        for some in _batches(places, guard.stage.resources.batch_size):
            clips = [clip for place in some if isinstance(clip := records[place], Clip)]
            for place, clip, answer in zip(some, clips, guard.judge(clips), strict=True):
                judged[place] = self._settle(guard.stage, clip, answer)
        return judged

    def _settle(self, stage: Stage, clip: Clip, answer: Verdict | StageError) -> Record:
        if isinstance(answer, StageError):
            if not clip.reasons:
                return failed(clip, stage.name, answer)
            trouble = Reason(stage=stage.name, reason=f"{answer.kind}_error", detail=answer.message)
            return replace(clip, reasons=(*clip.reasons, trouble))
        if why := self._withheld.opt_outs.why(answer.clip.source):
            return opted_out(answer.clip, stage.name, why)
        scored = replace(answer.clip, reasons=(*answer.clip.reasons, *answer.reasons))
        if not scored.reasons:
            return scored
        if not self._withheld.thumbnails:
            scored = replace(scored, thumbnail=scored.thumbnail or thumbnail(scored))
        return scored if self._score_all else rejected(scored)


def is_wanted(stage: Stage, record: Record) -> bool:
    """In a run that scores every clip, a rejected one is scored where it has what a stage reads; published never."""
    if not isinstance(record, Clip):
        return False
    if not record.reasons:
        return True
    there = record.scores.known().keys()
    return "sample" not in stage.adds and all(
        name in there or getattr(record, name, None) is not None for name in stage.reads
    )


def _split(guard: Guard, record: Record) -> Sequence[Record]:
    """What a record goes on as. A rejected clip, in a run that scores every clip, stays one."""
    if not isinstance(record, Clip) or record.reasons:
        return [record]
    parts = guard.split(record)
    return [failed(record, guard.stage.name, parts)] if isinstance(parts, StageError) else parts


def _without(names: frozenset[str], record: Record) -> Record:
    if not isinstance(record, Clip):
        return record
    emptied: dict[str, Any] = dict.fromkeys(names)
    return replace(record, **emptied)


def _batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
