"""The rules of A.2: from a caption and a raw answer to entity words, and every rule that they break.

Pure functions. The order of the rules is fixed, and all broken ones are reported, not the first alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from curation.entity_words.kinds import Unseen, classify
from curation.entity_words.lexicon import BEINGS, find_compound, find_noun, sections
from curation.entity_words.locate import locate_words
from curation.entity_words.number import is_plural, singular_of
from curation.entity_words.parse import ParsedAnswer, UnparsableAnswerError, parse_answer
from curation.entity_words.phrases import Phrase, introducers, is_name, noun_at, opening
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
    found.sort(key=lambda found_word: (_ORDER[found_word.word.kind], found_word.word.start))
    words = tuple([word for word, _ in found])
    subjects = [_Subject.of(word, phrase) for word, phrase in found if word.kind is EntityKind.SUBJECT]
    violations = []
    if missing:
        violations.append(Violation(Rule.WORD_NOT_IN_CAPTION, f"the caption does not have {_quoted(missing)}"))
    if not subjects:
        violations.append(Violation(Rule.NO_SUBJECT_WORD, "no word of the caption names a person or an animal"))
    plural = [subject.word for subject in subjects if subject.is_plural]
    if plural:
        violations.append(Violation(Rule.PLURAL_SUBJECT_WORD, f"several individuals: {_quoted(plural)}"))
    violations += _same_heads(subjects, tokens)
    return CheckedAnswer(words=words, violations=tuple(violations), dropped=tuple(dropped))


class _Found(NamedTuple):
    word: EntityWord
    phrase: Phrase


def _find(
    caption: str, tokens: list[Token], parsed: ParsedAnswer
) -> tuple[list[_Found], list[str], list[tuple[str, str]]]:
    """The answer's words as entity words; those the caption lacks; those dropped, with the reason."""
    answers = parsed.words()
    located = locate_words(caption, (word for word, _ in answers))
    found: dict[Span, _Found] = {}
    missing: list[str] = []
    dropped: list[tuple[str, str]] = []
    for word, answered in answers:
        if not located[word].occurrences:
            missing.append(word)
            continue
        reason = "part_of_longer_word"
        # The first place counts, unless the word means something unseen there ("plays football with a football").
        for number, span in enumerate(located[word].own):
            phrase = _phrase(tokens, span)
            kind = _kind(phrase, answered)
            if isinstance(kind, EntityKind):
                text = caption[span.start : span.end]
                found.setdefault(span, _Found(EntityWord(word=text, kind=kind, start=span.start, end=span.end), phrase))
                break
            reason = str(kind) if number == 0 else reason
        else:
            dropped.append((word, reason))
    return list(found.values()), missing, dropped


def _phrase(tokens: Sequence[Token], span: Span) -> Phrase:
    first = end = first_token_in(tokens, span)
    while end < len(tokens) and tokens[end].end <= span.end:
        end += 1
    return Phrase.of(tokens, first, end)


def _kind(phrase: Phrase, answered: EntityKind) -> EntityKind | Unseen:
    if phrase.first >= phrase.end:
        return Unseen.ABSTRACT
    verdict = classify(phrase)
    if verdict is None:
        return answered
    is_behind = verdict is EntityKind.SUBJECT and answered is EntityKind.BACKGROUND
    # People as scenery ("a background of people") are no subject that a clip could be about.
    if is_behind and is_plural(phrase.word, phrase.introducers):
        return answered
    return verdict


class _Subject(NamedTuple):
    """A subject word as the rules about number see it."""

    word: str
    head: int
    singular: str
    is_plural: bool

    @classmethod
    def of(cls, word: EntityWord, phrase: Phrase) -> "_Subject":
        tokens, first, end, head, introducers = phrase
        before = (*introducers, *[token.text for token in tokens[first:head]])
        noun = noun_at(tokens, head, first)
        singular = noun.singular if noun else singular_of(phrase.word)
        following = tokens[end].text if end < len(tokens) else ""
        several = is_plural(phrase.word, before, following) and not is_name(tokens, head, first)
        return cls(word.word, head, singular, several)


def _same_heads(subjects: list[_Subject], tokens: list[Token]) -> list[Violation]:
    """Two subjects of one noun cannot be told apart by their words ("a man ... another man")."""
    heads = [_last_word(subject.singular) for subject in subjects]
    several = sorted({head for head in heads if heads.count(head) > 1})
    if several:
        return [Violation(Rule.SAME_HEAD_WORD, f"several subjects are called {_quoted(several)}")]
    for subject in subjects:
        again = _introduced_again(subject, tokens)
        if again is not None:
            detail = f"{subject.word!r} and {again!r} are two subjects of one name"
            return [Violation(Rule.SAME_HEAD_WORD, detail)]
    return []


def _introduced_again(subject: _Subject, tokens: list[Token]) -> str | None:
    """Another mention of the noun that introduces somebody new: "another man", a second "a man"."""
    name = _last_word(subject.singular)
    mentions = [at for at, token in enumerate(tokens) if singular_of(token.text) == name and at != subject.head]
    for at in mentions:
        before = introducers(tokens, at)
        is_introduced = not sections()["indefinite"].isdisjoint(before)
        if is_introduced and _is_being(tokens, at) and not _describes_next(tokens, at):
            return " ".join((*before, tokens[at].text))
    return None


def _is_being(tokens: Sequence[Token], at: int) -> bool:
    """Whether the noun is meant itself: not in "a teddy bear", "a toy dog", "a statue of a man"."""
    noun = noun_at(tokens, at, 0)
    if noun is not None and noun.noun_class not in BEINGS:
        return False
    first = opening(tokens, at)
    if first >= 2 and tokens[first - 1].text == "of" and singular_of(tokens[first - 2].text) in sections()["likeness"]:
        return False
    return sections()["made_of"].isdisjoint([token.text for token in tokens[first:at]])


def _last_word(noun: str) -> str:
    return noun.rpartition(" ")[2]


def _describes_next(tokens: Sequence[Token], at: int) -> bool:
    """Whether the noun only describes the one behind it ("dog food")."""
    following = at + 1
    if following == len(tokens) or tokens[following].start != tokens[at].end + 1:
        return False
    word = tokens[following].text
    noun = find_compound(tokens[at].text, word) or find_noun(word)
    return noun is not None and word not in sections()["preposition"] and word.isalpha()


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words)
