"""What became of a clip, in words: the verdict, its reason, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from curation.profiles import CurationConfig
from dataset_schema import EntityKind, FailureKind, Reason, RejectedClip, Sample
from pipelines.views.explained.watched_run import Standing, Story
from pipelines.views.explained.words import WordFinding, word_findings

# The message of every other kind ends with what to do.
_ON_FAILURE: Final = {
    FailureKind.TIMEOUT: "run it again; a long or large video takes time, so give a part of it",
    FailureKind.MEMORY: "close other programs, or give a smaller or shorter video",
    FailureKind.CRASH: "give another file; this one kills the decoder",
    FailureKind.INTERNAL: "a defect of this program: please report it with the command and the video",
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
        first, *others = outcome.reasons
        return Verdict(
            standing=Standing.REJECTED,
            headline=f"REJECTED by {first.stage}: {first.reason}",
            detail=first.detail,
            advice=_advice(story, first),
            also=tuple(f"{reason.stage}: {reason.reason} ({reason.detail})" for reason in others),
        )
    return Verdict(
        standing=Standing.FAILED,
        headline=f"FAILED in {outcome.stage}: {outcome.kind} error",
        detail=outcome.message,
        advice=_ON_FAILURE.get(outcome.kind, ""),
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


def _advice(story: Story, reason: Reason) -> str:
    """What the rule says that can be done; nothing for an error on a clip that was rejected before."""
    rules = story.policy.get(reason.stage, ())
    return next((rule.advice for rule in rules if rule.code == reason.reason), "")
