"""Asks for the entity words of a caption, and rejects the clip if they break a rule (A.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, Final

from curation.annotators.protocols import EntityWordExtractor
from curation.entity_words import Answer, CheckedAnswer, Problem, Violation, check_answer
from curation.records import Clip
from curation.rules import Bound, Facts, Rule
from curation.stage import Resources, Stage
from dataset_schema import Annotator, EntityKind, Reason
from storage.configs import PRESET_ONLY, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class EntityWordsConfig:
    """The limits.

    Attributes:
        max_caption_chars: a longer caption is rejected unread. Our choice: about ten times a long caption of
            Panda-70M, and still within the 512 tokens that text encoders of the T5 family are trained on.
        max_words: words kept per clip; objects and backgrounds at the caption's end go first. Our choice: detectors
            that take all words in one query lose small things when there are more.
    """

    max_caption_chars: int = 2000
    max_words: int = field(default=8, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        for name in ("max_caption_chars", "max_words"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least 1")


_NAMES: Final = "write the caption so that it"
_ADVICE: Final = {
    Problem.NO_CAPTION: 'say in one sentence what the video shows: CAPTION="A dog runs on the beach."',
    Problem.CAPTION_TOO_LONG: "shorten the caption, or raise --curation.entity-words.max-caption-chars",
    Problem.UNPARSABLE_ANSWER: "the language model answered in another format; try again or use a larger model",
    Problem.WORD_NOT_IN_CAPTION: "the language model named words that the caption lacks; try again or use a larger "
    "model",
    Problem.NO_SUBJECT_WORD: f"{_NAMES} names a person or an animal that the video shows",
    Problem.PLURAL_SUBJECT_WORD: f"{_NAMES} names each subject by itself: not 'two dogs' but 'a brown dog and a "
    "white dog'",
    Problem.SAME_HEAD_WORD: f"{_NAMES} calls each subject by another noun: not 'a man and another man'",
}


class EntityWords(Stage):
    """Fills `entity_words`; the rules that were broken on the way lie in `word_problems`."""

    name: ClassVar[str] = "entity_words"
    reads: ClassVar[frozenset[str]] = frozenset({"caption"})
    adds: ClassVar[frozenset[str]] = frozenset({"entity_words", "word_problems"})

    def __init__(
        self,
        config: EntityWordsConfig,
        extractor: EntityWordExtractor,
        *,
        tells_places_apart: bool = False,
        tells_looks_apart: bool = False,
    ) -> None:
        """See `check_answer` for the last two."""
        self._config = config
        self._extractor = extractor
        self._tells_places_apart = tells_places_apart
        self._tells_looks_apart = tells_looks_apart

    @property
    def resources(self) -> Resources:
        """Those of the extractor."""
        return self._extractor.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """None of the rules of A.2 is broken."""
        return tuple(
            Rule(
                code=problem.value,
                reads="problems",
                bound=Bound.ABSENT,
                sentence="{value}",
                plain=problem.value.replace("_", " "),
                advice=_ADVICE[problem],
                value_of=partial(_detail, problem),
            )
            for problem in Problem
        )

    def annotators(self) -> tuple[Annotator, ...]:
        """The extractor."""
        return (self._extractor.describe(),)

    def setup(self) -> None:
        """Load the extractor."""
        self._extractor.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with their words; a clip whose caption or answer is no good has none, and a problem instead.

        Words that came with a clip are held to the same rules as an answer.
        """
        refused = [self._refuse(clip.caption) for clip in clips]
        given = [clip.entity_words if clip.given is not None else None for clip in clips]
        asked = [
            clip.caption
            for clip, problem, words in zip(clips, refused, given, strict=True)
            if problem is None and words is None
        ]
        answers = iter(self._extractor.extract(asked) if asked else ())
        return [
            self._fill(clip, problem or self._check(clip.caption, next(answers) if words is None else words))
            for clip, problem, words in zip(clips, refused, given, strict=True)
        ]

    def measured(self, clip: Clip) -> str:
        """The words, by kind."""
        words = clip.entity_words or ()
        kinds = [(kind, [repr(word.word) for word in words if word.kind is kind]) for kind in EntityKind]
        return "; ".join(f"{kind}: {', '.join(some)}" for kind, some in kinds if some) or "no entity words"

    def _refuse(self, caption: str) -> CheckedAnswer | None:
        """Why an extractor need not be asked about a caption."""
        limit = self._config.max_caption_chars
        if not caption.strip():
            violation = Violation(
                Problem.NO_CAPTION, "the clip has no caption, expected a sentence about what it shows"
            )
        elif len(caption) > limit:
            detail = f"the caption has {len(caption)} characters, expected at most {limit}"
            violation = Violation(Problem.CAPTION_TOO_LONG, detail)
        else:
            return None
        return CheckedAnswer(words=(), violations=(violation,))

    def _check(self, caption: str, answer: Answer) -> CheckedAnswer:
        return check_answer(
            caption,
            answer,
            tells_places_apart=self._tells_places_apart,
            tells_looks_apart=self._tells_looks_apart,
        )

    def _fill(self, clip: Clip, checked: CheckedAnswer) -> Clip:
        problems = tuple(
            Reason(stage=self.name, reason=violation.rule.value, detail=violation.detail)
            for violation in checked.violations
        )
        return replace(clip, entity_words=checked.words[: self._config.max_words], word_problems=problems)


def _detail(problem: Problem, facts: Facts) -> str | None:
    """What was found to be wrong in this way; None for nothing."""
    found: str | None = facts["problems"].get(problem.value)
    return found
