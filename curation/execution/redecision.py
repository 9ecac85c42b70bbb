"""What other thresholds make of a stored row, without looking at its clip again. Pure.

The answer is the row that a run with these thresholds would have written. Only stages whose rules changed decide again:
what the others found stays word for word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from curation.decisions import Decision, decide
from curation.execution.affected import Affected
from curation.execution.outcomes import passed_over, without_images
from curation.execution.plan import READ_STAGE
from curation.opt_outs import OPTED_OUT
from curation.rules import About, Policy, Rule
from curation.stage import Stage
from curation.stages.background import BackgroundPicture
from dataset_schema import (
    CORE_SCORES,
    Entity,
    FailedClip,
    FailureKind,
    Reason,
    RejectedClip,
    Sample,
    Scores,
)

Row: TypeAlias = Sample | RejectedClip | FailedClip

# What a run that scores every clip lists beside the reasons, where a stage could not score a rejected one.
_ERRORS: Final = frozenset(f"{kind}_error" for kind in FailureKind)


@dataclass(frozen=True, slots=True)
class LookAgain:
    """That only `curate` can tell what becomes of a clip, and why."""

    why: str


class Redecision:
    """Decides rows again, with the rules of stages that differ in nothing but their limits.

    Args:
        former: the stages that wrote the rows, in order.
        present: the same, with other limits.
        score_all: whether every stage scored every clip, also those that an earlier one rejected.
    """

    def __init__(self, former: Sequence[Stage], present: Sequence[Stage], *, score_all: bool) -> None:
        pairs = zip(former, present, strict=True)
        changed = [(old, new) for old, new in pairs if _said(old.rules) != _said(new.rules)]
        self._places = {READ_STAGE: -1} | {stage.name: place for place, stage in enumerate(present)}
        self._former: Policy = {old.name: old.rules for old, _ in changed}
        self._policy: Policy = {new.name: new.rules for _, new in changed}
        self._score_all = score_all
        self._only_behind = _only_behind(present)

    @property
    def judges_pictures(self) -> bool:
        """Whether scores of pictures are asked for: most of a dataset's numbers are theirs."""
        return any(rule.about in (About.REFERENCE_IMAGE, About.FACE) for r in self._policy.values() for rule in r)

    @property
    def affected(self) -> Affected:
        """Tells which rows need this at all."""
        behind = [stage for stage in self._places if self._is_behind_change(stage)]
        return Affected(self._former, self._policy, behind=behind)

    def __call__(self, row: Row) -> Row | LookAgain:
        """The row as it is now; the very same where nothing about it changes."""
        if not self._policy:
            return row
        match row:
            case Sample():
                return self._of_sample(row)
            case RejectedClip():
                return self._of_rejected(row)
            case FailedClip():
                return self._of_failed(row)

    def _of_sample(self, sample: Sample) -> Row | LookAgain:
        decision = decide(sample, self._policy)
        decided = replace(sample, entities=decision.entities or (), background=decision.background)
        if reasons := self._counting(decision.reasons):
            return self._as_far_as(reasons[0].stage, passed_over(decided, *reasons))
        if _lacks_pixels(decision):
            return LookAgain("a reference image passes now, and its pixels were not stored")
        if sample.background is None and self._background_passes(sample.scores.background_leak):
            return LookAgain("the background passes now, and its pixels were not stored")
        return sample if decided == sample else decided

    def _background_passes(self, leak: float | None) -> bool:
        rules = self._policy.get(BackgroundPicture.name, ())
        return bool(rules) and leak is not None and all(rule.holds({"background_leak": leak}) for rule in rules)

    def _of_rejected(self, row: RejectedClip) -> Row | LookAgain:
        first = row.reasons[0]
        if first.reason == OPTED_OUT:
            return row
        reached = {name for name, place in self._places.items() if place <= self._places[first.stage]}
        policy = {name: rules for name, rules in self._policy.items() if self._score_all or name in reached}
        if not policy:
            return row
        decision = decide(row, policy)
        reasons = self._counting(self._merged(row.reasons, decision.reasons, policy))
        if not reasons:
            return LookAgain(f"{first.stage}: {first.reason} is no reason now")
        if reasons[0].reason in _ERRORS:
            return LookAgain(f"{reasons[0].stage}: an error is what decides now")
        judged = decision.flaws and decision.entities is not None
        entities = without_images(decision.entities or ()) if judged else row.entities
        decided = replace(row, reasons=reasons, entities=entities)
        if reasons[0].stage != first.stage:
            decided = self._as_far_as(reasons[0].stage, decided)
        return row if decided == row else decided

    def _of_failed(self, row: FailedClip) -> Row | LookAgain:
        """A clip that was lost behind a rule that changed might not come so far now."""
        if self._is_behind_change(row.stage):
            return LookAgain(f"{row.stage}: lost behind a rule that changed")
        return row

    def _is_behind_change(self, stage: str) -> bool:
        return any(self._places[name] < self._places[stage] for name in self._policy)

    def _merged(self, old: Sequence[Reason], new: Sequence[Reason], policy: Policy) -> list[Reason]:
        staying = [reason for reason in old if reason.stage not in policy or reason.reason in _ERRORS]
        return sorted((*new, *staying), key=lambda reason: self._places[reason.stage])

    def _counting(self, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
        """Those that a run lists: of every stage, or of the first one that rejects."""
        return tuple(reason for reason in reasons if self._score_all or reason.stage == reasons[0].stage)

    def _as_far_as(self, stage: str, row: RejectedClip) -> RejectedClip:
        """Without what only later stages measure: a run that stops at the first broken rule never came to them."""
        if self._score_all:
            return row
        absent = self._only_behind[stage]
        return replace(
            row,
            scores=_without(absent, row.scores),
            entities=_words(row.entities) if "entities" in absent else row.entities,
        )


def _said(rules: Sequence[Rule]) -> list[tuple[object, ...]]:
    """All of the rules that a limit can change."""
    return [(rule.about, rule.code, rule.reads, rule.bound, rule.limit, rule.sentence) for rule in rules]


def _lacks_pixels(decision: Decision) -> bool:
    """Whether a picture is good of which only the scores are left."""
    return any(
        not picture.is_for_comparison and picture.place not in decision.flaws[number]
        for number, entity in enumerate(decision.entities or ())
        if number in decision.flaws
        for picture in entity.rejected_references
    )


def _only_behind(stages: Sequence[Stage]) -> dict[str, frozenset[str]]:
    """Of the reading and every stage, what only the stages behind it fill in."""
    filled = [_filled(stage) for stage in stages]
    names = [READ_STAGE, *(stage.name for stage in stages)]
    none: frozenset[str] = frozenset()
    return {name: none.union(*filled[place:]).difference(*filled[:place]) for place, name in enumerate(names)}


def _filled(stage: Stage) -> frozenset[str]:
    """What a stage fills in, or holds against its rules."""
    return stage.adds | {rule.reads for rule in stage.rules}


def _without(names: frozenset[str], scores: Scores) -> Scores:
    own = {name: getattr(scores, name) for name in CORE_SCORES - names}
    return Scores(**own, more={name: value for name, value in scores.more.items() if name not in names})


def _words(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    return tuple(Entity(word=each.word, kind=each.kind, start=each.start, end=each.end) for each in entities)
