"""The rules of A.2: from a caption and a raw answer to entity words, and every rule that they break.

Pure functions. The order of the rules is fixed, and all broken ones are reported, not the first alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from curation.entity_words.kinds import Unseen, classify
from curation.entity_words.lexicon import sections
from curation.entity_words.locate import locate_words
from curation.entity_words.number import is_plural, singular_of
from curation.entity_words.parse import ParsedAnswer, UnparsableAnswerError, parse_answer
from curation.entity_words.phrases import head_index, introducers, noun_at
from curation.entity_words.tokens import Span, Token, first_token_in, tokenize
from curation.records import EntityWord
from dataset_schema import EntityKind


class Rule(StrEnum):
    """The reason codes, in the order in which they are reported."""

    NO_CAPTION = "no_caption"
    CAPTION_TOO_LONG = "caption_too_long"
    UNPARSABLE_ANSWER = "unparsable_answer"
    WORD_NOT_IN_CAPTION = "word_not_in_caption"
    NO_SUBJECT_WORD = "no_subject_word"
    PLURAL_SUBJECT_WORD = "plural_subject_word"
    SAME_HEAD_WORD = "same_head_word"


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule, and a sentence that says by what."""

    rule: Rule
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedAnswer:
    """What is left of an answer.

    Attributes:
        words: subjects, then objects, then backgrounds, each in caption order; without overlaps.
        violations: every broken rule; empty for an answer to keep.
        dropped: words that are none of the three kinds, and why.
    """

    words: tuple[EntityWord, ...]
    violations: tuple[Violation, ...]
    dropped: tuple[tuple[str, str], ...] = ()


_ORDER = {EntityKind.SUBJECT: 0, EntityKind.OBJECT: 1, EntityKind.BACKGROUND: 2}


def check_answer(caption: str, answer: str) -> CheckedAnswer:
    """Parse an answer of Figure 7's format and apply the rules of A.2 to its words."""
    try:
        parsed = parse_answer(answer)
    except UnparsableAnswerError as error:
        return CheckedAnswer(words=(), violations=(Violation(Rule.UNPARSABLE_ANSWER, str(error)),))
    tokens = tokenize(caption)
    found, missing, dropped = _find(caption, tokens, parsed)
    words = tuple(sorted(found, key=lambda word: (_ORDER[word.kind], word.start)))
    subjects = [_Phrase.of(word, tokens) for word in words if word.kind is EntityKind.SUBJECT]
    violations = []
    if missing:
        violations.append(Violation(Rule.WORD_NOT_IN_CAPTION, f"the caption does not have {_quoted(missing)}"))
    if not subjects:
        violations.append(Violation(Rule.NO_SUBJECT_WORD, "no word of the caption names a person or an animal"))
    plural = [phrase.word for phrase in subjects if phrase.is_plural]
    if plural:
        violations.append(Violation(Rule.PLURAL_SUBJECT_WORD, f"several individuals: {_quoted(plural)}"))
    violations += _same_heads(subjects, tokens)
    return CheckedAnswer(words=words, violations=tuple(violations), dropped=tuple(dropped))


def _find(
    caption: str, tokens: list[Token], parsed: ParsedAnswer
) -> tuple[list[EntityWord], list[str], list[tuple[str, str]]]:
    """The answer's words as entity words; those the caption lacks; those dropped, with the reason."""
    places = locate_words(caption, (word for word, _ in parsed.words()))
    found: dict[Span, EntityWord] = {}
    missing: list[str] = []
    dropped: list[tuple[str, str]] = []
    for word, answered in parsed.words():
        if not places[word].occurrences:
            missing.append(word)
            continue
        kinds = [(span, _kind(tokens, span, answered)) for span in places[word].own]
        # The first place counts, unless the word means something unseen there ("plays football with a football").
        seen = next(((span, kind) for span, kind in kinds if isinstance(kind, EntityKind)), None)
        if seen is not None:
            span, kind = seen
            text = caption[span.start : span.end]
            found.setdefault(span, EntityWord(word=text, kind=kind, start=span.start, end=span.end))
        else:
            dropped.append((word, str(kinds[0][1]) if kinds else "part_of_longer_word"))
    return list(found.values()), missing, dropped


def _kind(tokens: Sequence[Token], span: Span, answered: EntityKind) -> EntityKind | Unseen:
    first, end = _token_range(tokens, span)
    if first >= end:
        return Unseen.ABSTRACT
    verdict = classify(tokens, first, end)
    if verdict is None:
        return answered
    if verdict is EntityKind.SUBJECT and answered is EntityKind.BACKGROUND:
        head = head_index(tokens, first, end)
        # People as scenery ("a background of people") are no subject that a clip could be about.
        if is_plural(tokens[head].text, introducers(tokens, first)):
            return answered
    return verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phrase:
    """A subject word as the rules about number see it."""

    word: str
    head: int
    singular: str
    is_plural: bool

    @classmethod
    def of(cls, word: EntityWord, tokens: list[Token]) -> "_Phrase":
        first, end = _token_range(tokens, Span(word.start, word.end))
        head = head_index(tokens, first, end)
        before = (*introducers(tokens, first), *(token.text for token in tokens[first:head]))
        noun = noun_at(tokens, head, first)
        return cls(
            word=word.word,
            head=head,
            singular=noun.singular if noun else singular_of(tokens[head].text),
            is_plural=is_plural(tokens[head].text, before, tokens[end].text if end < len(tokens) else ""),
        )


def _same_heads(subjects: list[_Phrase], tokens: list[Token]) -> list[Violation]:
    """Two subjects of one noun cannot be told apart by their words ("a man ... another man")."""
    heads = [phrase.singular for phrase in subjects]
    several = sorted({head for head in heads if heads.count(head) > 1})
    if several:
        return [Violation(Rule.SAME_HEAD_WORD, f"several subjects are called {_quoted(several)}")]
    for phrase in subjects:
        again = _introduced_again(phrase, tokens)
        if again is not None:
            detail = f"{phrase.word!r} and {again!r} are two subjects of one name"
            return [Violation(Rule.SAME_HEAD_WORD, detail)]
    return []


def _introduced_again(phrase: _Phrase, tokens: list[Token]) -> str | None:
    """Another mention of the noun that introduces somebody new: "another man", a second "a man"."""
    for at, token in enumerate(tokens):
        if at == phrase.head or singular_of(token.text) != phrase.singular:
            continue
        before = introducers(tokens, at)
        is_modifier = at + 1 < len(tokens) and tokens[at + 1].start == token.end + 1 and _continues_noun(tokens, at + 1)
        if not is_modifier and sections()["indefinite"].intersection(before):
            return " ".join((*before, token.text))
    return None


def _continues_noun(tokens: Sequence[Token], at: int) -> bool:
    """Whether the token is a noun that the one before it describes ("dog food")."""
    noun = noun_at(tokens, at, at - 1)
    return noun is not None and tokens[at].text not in sections()["preposition"] and tokens[at].text.isalpha()


def _token_range(tokens: Sequence[Token], span: Span) -> tuple[int, int]:
    first = first_token_in(tokens, span)
    end = first
    while end < len(tokens) and tokens[end].end <= span.end:
        end += 1
    return first, end


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words)
