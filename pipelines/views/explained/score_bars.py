"""The scores of a clip beside their limits."""

from collections.abc import Iterator
from dataclasses import dataclass

from curation.rules import About, Rule
from dataset_schema import SHARE_SCORES
from pipelines.views.explained.watched_run import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A score in [0, 1].

    Attributes:
        stage: whose rule reads it; empty for a score that decides nothing by itself, which has no limit.
        rule: which side of the limit is right, in words.
        is_broken: it is on the wrong one.
    """

    stage: str
    name: str
    value: float
    limit: float | None = None
    rule: str = ""
    is_broken: bool = False


def score_bars(story: Story) -> list[Bar]:
    """The scores of a clip that lie in [0, 1], as far as it has any; those that a rule reads first."""
    if story.clip is None:
        return []
    scores = story.clip.scores
    shares = {name: value for name, value in scores.known().items() if name in SHARE_SCORES or name in scores.more}
    limits = {rule.reads: (stage, rule) for stage, rule in _limits(story) if rule.reads in shares}
    judged = [_bar(stage, rule, shares[name]) for name, (stage, rule) in limits.items()]
    rest = [Bar(stage="", name=_plain(name), value=value) for name, value in shares.items() if name not in limits]
    return [bar for bar in judged + rest if 0 <= bar.value <= 1]


def _limits(story: Story) -> Iterator[tuple[str, Rule]]:
    for stage, rules in story.policy.items():
        for rule in rules:
            if rule.limit is not None and rule.about in (About.CLIP, About.BACKGROUND):
                yield stage, rule


def _bar(stage: str, rule: Rule, value: float) -> Bar:
    return Bar(
        stage=stage,
        name=_plain(rule.reads),
        value=value,
        limit=rule.limit,
        rule=f"{rule.bound} {rule.limit:.2f}",
        is_broken=not rule.allows(value),
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")
