"""What became of a clip, in words: the verdict, its reason, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from curation.profiles import CurationConfig
from dataset_schema import EntityKind, Reason, RejectedClip, Sample
from pipelines.views.explained.advice import advice_on_failure, advice_on_rejection
from pipelines.views.explained.watched_run import Standing, Story
from pipelines.views.explained.words import WordFinding, word_findings

# Stages whose reasons only follow from those of an earlier one.
_FOLLOWS: Final = {
    "entity_words": ("entity_masks", "reference_images"),
    "entity_masks": ("reference_images",),
    "decode": ("publish",),
    "shot_frames": ("publish",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of the clip, why, and what to do about it.

    Attributes:
        standing: `PASSED` for a kept clip.
        also: the other rules that a rejected clip breaks.
    """

    standing: Standing
    headline: str
    detail: str
    advice: str = ""
    also: tuple[str, ...] = ()


def verdict_of(story: Story) -> Verdict:
    """The end of the story."""
    outcome = story.outcome
    if isinstance(outcome, Sample):
        return Verdict(standing=Standing.PASSED, headline="KEPT", detail=_what_was_kept(outcome))
    if isinstance(outcome, RejectedClip):
        first, *others = _without_consequences(outcome.reasons)
        return Verdict(
            standing=Standing.REJECTED,
            headline=f"REJECTED by {first.stage}: {first.reason}",
            detail=first.detail,
            advice=advice_on_rejection(first.reason),
            also=tuple(f"{reason.stage}: {reason.reason} ({reason.detail})" for reason in others),
        )
    return Verdict(
        standing=Standing.FAILED,
        headline=f"FAILED in {outcome.stage}: {outcome.kind} error",
        detail=outcome.message,
        advice=advice_on_failure(outcome.kind),
    )


def profile_limits(story: Story, config: CurationConfig) -> list[str]:
    """What the locator cannot do with this clip if it does not read words, and what can."""
    if config.annotators.masks.reads_words:
        return []
    if story.clip is None or story.clip.located is None:
        return []
    words = [word for word in word_findings(story) if word.kind is not EntityKind.BACKGROUND and not word.same_as]
    found, missed = ([word for word in words if bool(word.found) is is_found] for is_found in (True, False))
    limits = []
    if found:
        limits.append(f"This profile's locator does not read words: look whether what is outlined is {_listed(found)}.")
    if missed:
        subjects = sum(word.kind is EntityKind.SUBJECT for word in words)
        why = f"; the caption names {subjects} subjects, and it cannot tell which is which" if subjects > 1 else ""
        limits.append(
            f"Not located: {_listed(missed)}{why}. The networks of the paper profile read words: docs/paper_profile.md"
        )
    return limits


def _listed(words: Sequence[WordFinding]) -> str:
    return ", ".join(repr(word.word) for word in words)


def _what_was_kept(sample: Sample) -> str:
    pictures = [
        f"{len(entity.references)} reference image{'s' * (len(entity.references) != 1)} of {entity.word!r}"
        for entity in sample.entities
        if entity.references
    ]
    background = "a background" if sample.background is not None else "no background"
    return f"{', '.join([*pictures, background])}; it trains as {sample.bucket} (frames x height x width)"


def _without_consequences(reasons: Sequence[Reason]) -> list[Reason]:
    """The reasons without those that only follow from an earlier one: no word, so no mask; too short, so no bucket."""
    left: list[Reason] = []
    for reason in reasons:
        if not any(reason.stage in _FOLLOWS.get(former.stage, ()) for former in left):
            left.append(reason)
    return left
