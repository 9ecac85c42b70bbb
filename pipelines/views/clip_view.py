"""What is shown of one clip: its words, its scores beside their limits, its pictures and why others fell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from curation.decisions import decide
from curation.profiles import CurationConfig, build_stages
from curation.records import EntityWord
from curation.rules import About, Flaw, Policy, Rule
from dataset_schema import (
    SHARE_SCORES,
    DatasetManifest,
    Entity,
    EntityKind,
    FailedClip,
    FailureKind,
    ReferenceScores,
    RejectedClip,
    Sample,
    Scores,
)
from storage.configs import from_plain

Record = Sample | RejectedClip | FailedClip

_PASSING: Final = frozenset({FailureKind.IO, FailureKind.TIMEOUT})
_OF_PICTURES: Final = (
    *("detection_score", "mask_score", "area", "short_side", "sharpness", "largest_fragment", "solidity", "fill"),
    *("border_contact", "overlap", "agreement", "likeness_to_clip", "face_inside"),
)
# Of a picture's scores, the ones that lie in [0, 1] and so are drawn as bars.
_UNBOUNDED: Final = frozenset({"short_side", "sharpness"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A score, and the rule that holds it against a limit, if there is one.

    Attributes:
        share: of the way from 0 to 1, to be drawn; None for a number that is no share.
        limit_share: the same of the limit.
    """

    name: str
    value: float
    share: float | None
    limit_share: float | None = None
    demand: str = ""
    is_broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPicture:
    """A reference image: its number among the clip's media, and its scores."""

    number: int
    scores: ReferenceScores
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPicture:
    """A picture of which only the scores are left, and the rules that it breaks; none for one that was to compare."""

    scores: ReferenceScores
    flaws: Sequence[Flaw]
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityView:
    """An entity word, and its pictures."""

    entity: Entity
    kept: Sequence[KeptPicture]
    dropped: Sequence[DroppedPicture]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reason why a clip is no sample, and what can be done about it."""

    stage: str
    code: str
    detail: str
    plain: str
    advice: str


def policy_of(manifest: DatasetManifest) -> Policy:
    """The rules that the clips of a dataset were held against; none of one that no curation wrote.

    Raises:
        ValueError: its settings are of another version.
    """
    curation = manifest.config.get("curation")
    stages = [] if curation is None else build_stages(from_plain(CurationConfig, curation))
    return {stage.name: stage.rules for stage in stages}


def caption_pieces(caption: str, entities: Sequence[Entity | EntityWord]) -> Iterator[tuple[str, EntityKind | None]]:
    """The caption in pieces, each with the kind of the entity word that it is."""
    at = 0
    for entity in sorted(entities, key=lambda each: (each.start, -each.end)):
        if entity.start < at or entity.end > len(caption):
            continue  # within a longer word, which is colored already
        yield caption[at : entity.start], None
        yield caption[entity.start : entity.end], entity.kind
        at = entity.end
    yield caption[at:], None


def clip_bars(scores: Scores, policy: Policy) -> list[Bar]:
    """All that was measured on the clip."""
    return [
        _bar(name, value, limits_of(policy, name), is_share=name in SHARE_SCORES)
        for name, value in scores.known().items()
    ]


def limits_of(policy: Policy, score: str) -> tuple[Rule, ...]:
    """The rules about clips and backgrounds that hold a score against a limit, each limit once."""
    found = {
        (rule.bound, rule.limit): rule
        for rules in policy.values()
        for rule in rules
        if rule.reads == score and rule.limit is not None and rule.about in (About.CLIP, About.BACKGROUND)
    }
    return tuple(found.values())


def entity_views(record: Record, policy: Policy) -> list[EntityView]:
    """Every entity word with its pictures, the dropped ones with what the rules of the dataset say of them."""
    if isinstance(record, FailedClip):
        return []
    flaws = decide(record, policy).flaws if policy else {}
    number = 1  # the video has 0
    views = []
    for index, entity in enumerate(record.entities):
        kept = [
            KeptPicture(number=number + place, scores=picture, bars=_picture_bars(picture, entity, policy))
            for place, picture in enumerate(entity.references)
        ]
        number += len(entity.references)
        views.append(EntityView(entity=entity, kept=kept, dropped=_dropped(entity, flaws.get(index, {}), policy)))
    return views


def verdicts(record: Record, policy: Policy) -> list[Verdict]:
    """Why a clip is no sample, the first reason decides; nothing for a sample."""
    match record:
        case RejectedClip():
            return [_verdict(each.stage, each.reason, each.detail, policy) for each in record.reasons]
        case FailedClip():
            again = f"this may pass: curate again with --retry {record.kind}" if record.kind in _PASSING else ""
            detail = f"{record.error_type}: {record.message}"
            return [Verdict(stage=record.stage, code=record.kind, detail=detail, plain="an error", advice=again)]
        case Sample():
            return []


def rules_of(policy: Policy, stage: str, code: str) -> Sequence[Rule]:
    """The rules of a stage that give this reason."""
    return [rule for rule in policy.get(stage, ()) if rule.code == code]


def _verdict(stage: str, code: str, detail: str, policy: Policy) -> Verdict:
    rules = rules_of(policy, stage, code)
    plain = rules[0].plain if rules else code.replace("_", " ")
    advice = next((rule.advice for rule in rules if rule.advice), "")
    return Verdict(stage=stage, code=code, detail=detail, plain=plain, advice=advice)


def _dropped(entity: Entity, flaws: Mapping[int, Sequence[Flaw]], policy: Policy) -> list[DroppedPicture]:
    return [
        DroppedPicture(scores=picture, flaws=flaws.get(picture.place, ()), bars=_picture_bars(picture, entity, policy))
        for picture in entity.rejected_references
    ]


def _picture_bars(picture: ReferenceScores, entity: Entity, policy: Policy) -> list[Bar]:
    about = About.FACE if picture.is_face else About.REFERENCE_IMAGE
    rules = [rule for some in policy.values() for rule in some if rule.about is about and rule.limit is not None]
    bars = []
    for name in _OF_PICTURES:
        value = getattr(picture, name)
        if value is None:
            continue
        # A rule that is about another kind of entity gives no value for this one.
        judging = [rule for rule in rules if rule.reads == name and _is_about(rule, name, value, entity)]
        bars.append(_bar(name, float(value), judging, is_share=name not in _UNBOUNDED))
    return bars


def _is_about(rule: Rule, name: str, value: float, entity: Entity) -> bool:
    return rule.value({name: value, "kind": entity.kind}) is not None


def _bar(name: str, value: float, rules: Sequence[Rule], *, is_share: bool) -> Bar:
    """Of several limits the one that is broken, or else the first."""
    broken = [rule for rule in rules if not rule.allows(value)]
    rule = next(iter([*broken, *rules]), None)
    limit = None if rule is None else rule.limit
    return Bar(
        name=name.replace("_", " "),
        value=value,
        share=_within(value) if is_share else None,
        limit_share=_within(limit) if is_share and limit is not None else None,
        demand="" if rule is None else f"{rule.bound} {limit:g}",
        is_broken=bool(broken),
    )


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)
