"""The one place that decides: from what was measured to kept or rejected, with reasons. Pure.

The same decision is made on a clip behind each stage, with the rules of that stage, and on a row of a finished dataset
with the rules of all of them, perhaps with other limits than those of the run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from curation.facts import Row, facts_of
from curation.records import Clip
from curation.references.judging import JudgedEntity, judge_pictures
from curation.rules import About, Facts, Flaw, Policy, Rule, broken
from curation.stage import Stage
from dataset_schema import Background, Entity, EntityKind, Reason, RejectedClip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a row.

    Attributes:
        reasons: why the clip is rejected, the first one decides; without any it is kept.
        entities: with those of their pictures that pass; the others left their scores.
        background: None where there is none, or where it is left out.
        flaws: entity -> place of a picture -> the rules it breaks; for each entity that was judged.
        usable_references: of subjects; None where pictures were not judged. It may be more than `entities` has: the row
            of a picture that passes now, and did not when the row was written, has only its scores.
    """

    reasons: tuple[Reason, ...]
    entities: tuple[Entity, ...] | None
    background: Background | None
    flaws: Mapping[int, Mapping[int, Sequence[Flaw]]]
    usable_references: int | None


def decide(row: Row, policy: Policy) -> Decision:
    """Hold everything that is known of a row against the rules."""
    facts = facts_of(row)
    judged = _judge_entities(row, _about(policy, About.REFERENCE_IMAGE, About.FACE), facts)
    entities = row.entities if judged is None else tuple(each.entity for each in judged)
    background = None if isinstance(row, RejectedClip) else row.background
    if broken(_about(policy, About.BACKGROUND), facts):
        background = None
    usable = None if judged is None else sum(len(each.good) for each in judged if each.is_subject)
    if judged is not None and usable is not None:
        facts |= {"usable_references": usable, "flaws_of_subjects": _flaws_of_subjects(judged)}
    return Decision(
        reasons=tuple(
            Reason(stage=stage, reason=flaw.rule.code, detail=flaw.detail)
            for stage, rules in policy.items()
            for flaw in broken([rule for rule in rules if rule.about is About.CLIP], facts)
        ),
        entities=entities,
        background=background,
        flaws={} if judged is None else {index: each.flaws for index, each in enumerate(judged)},
        usable_references=usable,
    )


def decide_stage(stage: Stage, clip: Clip) -> tuple[Clip, tuple[Reason, ...]]:
    """A scored clip with what a stage's rules leave of its pictures, and why the clip is rejected, if it is."""
    decision = decide(clip, {stage.name: stage.rules})
    return replace(clip, entities=decision.entities, background=decision.background), decision.reasons


def _about(policy: Policy, *things: About) -> list[Rule]:
    return [rule for rules in policy.values() for rule in rules if rule.about in things]


def _judge_entities(row: Row, rules: Sequence[Rule], facts: Facts) -> list[JudgedEntity] | None:
    """Every entity's pictures; None where nobody has cut any yet, or nothing was located to cut from."""
    if not rules or not row.entities or facts.get("subject_confidence") == 0:
        return None
    if "pictures" not in facts and not any(each.references for each in row.entities):
        return None
    return [judge_pictures(entity, rules, facts) for entity in row.entities]


def _flaws_of_subjects(judged: Sequence[JudgedEntity]) -> str:
    fallen = [
        f"{each.entity.word!r} at {picture.time_s:.2f} s: {', '.join(map(str, each.flaws[picture.place]))}"
        for each in judged
        if each.entity.kind is EntityKind.SUBJECT
        for picture in each.entity.rejected_references
        if not picture.is_for_comparison and each.flaws.get(picture.place)
    ]
    return "; ".join(fallen) or "no mask of a subject to cut from"
