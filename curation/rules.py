"""What a rule is: a named fact, a limit and its direction, and what people are told; each stands beside its stage.

Everything that tells people about limits reads these: reasons, advice, the funnel, pictures, tables.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Facts: TypeAlias = Mapping[str, Any]  # name -> what was measured, or found; without what is not known
Policy: TypeAlias = Mapping[str, Sequence["Rule"]]  # stage -> its rules, in the order in which they decide


class About(StrEnum):
    """What a rule keeps or leaves out."""

    CLIP = "clip"
    REFERENCE_IMAGE = "reference image"
    FACE = "face"
    BACKGROUND = "background"


class Bound(StrEnum):
    """Which values a rule allows; the word is its sign."""

    AT_LEAST = ">="
    ABOVE = ">"
    AT_MOST = "<="
    BELOW = "<"
    ABSENT = "none"  # a finding, such as damage: there must be none


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason for which a clip, a picture or a background may be left out.

    Attributes:
        code: the reason as it stands in the tables; several rules may give the same.
        reads: the fact that is held against the limit, as it is named among `Scores`, `MediaFacts`, `ReferenceScores`,
            the scores of a stage of one's own, or in `facts.py`.
        sentence: of what breaks the rule, with `{value}`, `{limit}` and other facts to fill in.
        plain: what breaks it, in a word or two.
        advice: what somebody can do about it, in a sentence.
        value_of: where the rule is not about every clip, or not about one fact alone: what to hold against the limit;
            None where it is not about the clip at all.
    """

    code: str
    reads: str
    bound: Bound
    sentence: str
    plain: str
    limit: float | None = None
    advice: str = ""
    about: About = About.CLIP
    value_of: Callable[[Facts], Any] | None = None

    def __post_init__(self) -> None:
        if (self.limit is None) != (self.bound is Bound.ABSENT):
            raise ValueError(
                f"rule {self.code} has the bound {self.bound!r} and the limit {self.limit}, expected a limit for every "
                f"bound but {Bound.ABSENT!r}"
            )

    def value(self, facts: Facts) -> Any:
        """What is held against the limit; None where nobody measured it, or the rule is not about it."""
        return facts.get(self.reads) if self.value_of is None else self.value_of(facts)

    def holds(self, facts: Facts) -> bool:
        """Whether the value is allowed. What was not measured is."""
        value = self.value(facts)
        return value is None or self.allows(value)

    def allows(self, value: Any) -> bool:
        """Whether a value that was measured is on the right side of the limit."""
        if self.limit is None:
            return False
        match self.bound:
            case Bound.AT_LEAST:
                return bool(value >= self.limit)
            case Bound.ABOVE:
                return bool(value > self.limit)
            case Bound.AT_MOST:
                return bool(value <= self.limit)
            case _:
                return bool(value < self.limit)

    def said(self, facts: Facts) -> str:
        """The sentence about a value that is not allowed."""
        return self.sentence.format_map({**facts, "value": self.value(facts), "limit": self.limit})

    @property
    def demand(self) -> str:
        """What it asks for, such as `shot change < 0.5`."""
        name = self.reads.replace("_", " ")
        return f"no {name}" if self.limit is None else f"{name} {self.bound} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A rule that a picture breaks, and the sentence about it."""

    rule: Rule
    detail: str

    def __str__(self) -> str:
        return f"{self.rule.plain} ({self.detail})"


def broken(rules: Sequence[Rule], facts: Facts) -> list[Flaw]:
    """The rules that do not hold, the first of every code."""
    found = {rule.code: rule for rule in reversed(rules) if not rule.holds(facts)}
    return [Flaw(rule, rule.said(facts)) for rule in rules if found.get(rule.code) is rule]
