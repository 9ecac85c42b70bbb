"""The rules of A.2: from a caption and an answer about it to entity words, and every rule that they break.

Pure functions. The order of the rules is fixed, and all broken ones are reported, not the first alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from curation.entity_words.kinds import Unseen, classify
from curation.entity_words.locate import locate_words
from curation.entity_words.looks import Looks, looks_in_caption, on_other_sides
from curation.entity_words.newcomers import introduces, unnamed_other
from curation.entity_words.number import is_plural, singular_of
from curation.entity_words.parse import ParsedAnswer, UnparsableAnswerError, parse_answer
from curation.entity_words.phrases import Phrase, introducers, is_name, noun_at
from curation.entity_words.tokens import Token, first_token_in, tokenize
from curation.records import EntityWord
from dataset_schema import EntityKind
from dataset_schema.words import Span, fold

# What an extractor answers about a caption: words with their places in it, or a language model's raw text.
Answer: TypeAlias = str | tuple[EntityWord, ...]


class Problem(StrEnum):
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

    rule: Problem
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


def check_answer(
    caption: str, answer: Answer, *, tells_places_apart: bool = False, tells_looks_apart: bool = False
) -> CheckedAnswer:
    """Apply the rules of A.2 to the words of an answer; raw text is parsed, and its words are looked for.

    Args:
        caption: what the words stand in.
        answer: of an extractor.
        tells_places_apart: whoever looks for the subjects goes by where their words stand. Then two may be called the
            same, and a word that introduces somebody new each time ("a cat chases a cat") stands for one each time.
        tells_looks_apart: whoever looks for them goes by their colors and sides. Then the same holds where the caption
            says others of each ("a man in red, and a man in blue").
    """
    tokens = tokenize(caption)
    repeats = tells_places_apart or tells_looks_apart
    missing: list[str] = []
    if isinstance(answer, str):
        try:
            parsed = parse_answer(answer)
        except UnparsableAnswerError as error:
            return CheckedAnswer(words=(), violations=(Violation(Problem.UNPARSABLE_ANSWER, str(error)),))
        found, missing, dropped = _find(caption, tokens, parsed, repeats_subjects=repeats)
    else:
        found, dropped = _placed(caption, tokens, answer, repeats_subjects=repeats)
    found.sort(key=lambda found_word: (_ORDER[found_word.word.kind], found_word.word.start))
    words = tuple([word for word, _ in found])
    subjects = [
        _Subject.of(word, phrase, is_first=not isinstance(answer, str))
        for word, phrase in found
        if word.kind is EntityKind.SUBJECT
    ]
    violations = []
    if missing:
        violations.append(Violation(Problem.WORD_NOT_IN_CAPTION, f"the caption does not have {_quoted(missing)}"))
    if not subjects:
        violations.append(Violation(Problem.NO_SUBJECT_WORD, "no word of the caption names a person or an animal"))
    plural = [subject.word for subject in subjects if subject.is_plural]
    if plural:
        violations.append(Violation(Problem.PLURAL_SUBJECT_WORD, f"several individuals: {_quoted(plural)}"))
    looks = [looks_in_caption(caption, word) for word in words[: len(subjects)]] if tells_looks_apart else []
    violations += _same_heads(subjects, tokens, looks, tells_places_apart=tells_places_apart)
    return CheckedAnswer(words=words, violations=tuple(violations), dropped=tuple(dropped))


class _Found(NamedTuple):
    word: EntityWord
    phrase: Phrase


def _find(
    caption: str, tokens: list[Token], parsed: ParsedAnswer, *, repeats_subjects: bool
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
        places = located[word].own
        for number, span in enumerate(places):
            phrase = _phrase(tokens, span, word)
            kind = _kind(phrase, answered)
            if isinstance(kind, EntityKind):
                again = places[number + 1 :] if repeats_subjects and kind is EntityKind.SUBJECT else []
                others = [(place, _phrase(tokens, place, word)) for place in again]
                for at, named in [(span, phrase), *(o for o in others if introduces(tokens, o[1].head))]:
                    text = caption[at.start : at.end]
                    found.setdefault(at, _Found(EntityWord(word=text, kind=kind, start=at.start, end=at.end), named))
                break
            reason = str(kind) if number == 0 else reason
        else:
            dropped.append((word, reason))
    return list(found.values()), missing, dropped


def _placed(
    caption: str, tokens: list[Token], answer: Sequence[EntityWord], *, repeats_subjects: bool
) -> tuple[list[_Found], list[tuple[str, str]]]:
    """Words that know their places, with the kinds of the rules: one of each text, but for subjects introduced anew."""
    found: list[_Found] = []
    dropped: list[tuple[str, str]] = []
    known: dict[str, EntityWord] = {}
    for word in sorted(answer, key=lambda word: _ORDER[word.kind]):
        phrase = _phrase(tokens, Span(word.start, word.end), word.word)
        kind = _kind(phrase, word.kind)
        before = known.get(fold(word.word))
        is_again = repeats_subjects and introduces(tokens, phrase.head)
        is_other = kind is EntityKind.SUBJECT and before and (is_again or on_other_sides(caption, before, word))
        if before and not is_other:
            continue
        if isinstance(kind, EntityKind):
            known[fold(word.word)] = word
            found.append(_Found(replace(word, kind=kind), phrase))
        else:
            dropped.append((word.word, str(kind)))
    return found, dropped


def _phrase(tokens: Sequence[Token], span: Span, word: str) -> Phrase:
    first = end = first_token_in(tokens, span)
    while end < len(tokens) and tokens[end].end <= span.end:
        end += 1
    if first == end:  # within a token: a word of a script without spaces
        return Phrase.of([Token(fold(word), *span)], 0, 1)
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
    """A subject word as the rules about number see it; `since` is where the caption begins to speak of it."""

    word: str
    head: int
    singular: str
    is_plural: bool
    since: int

    @classmethod
    def of(cls, word: EntityWord, phrase: Phrase, *, is_first: bool) -> "_Subject":
        """The subject; `is_first` where whoever gave its place has read what stands before, and it is not meant."""
        tokens, first, end, head, introducers = phrase
        before = (*introducers, *[token.text for token in tokens[first:head]])
        noun = noun_at(tokens, head, first)
        singular = noun.singular if noun else singular_of(phrase.word)
        following = tokens[end].text if end < len(tokens) else ""
        several = is_plural(phrase.word, before, following) and not is_name(tokens, head, first)
        return cls(word.word, head, singular, several, since=head if is_first else 0)


def _same_heads(
    subjects: list[_Subject], tokens: list[Token], looks: list[Looks], *, tells_places_apart: bool
) -> list[Violation]:
    """Two subjects of one noun cannot be told apart by their words ("a man ... another man")."""
    heads = [_last_word(subject.singular) for subject in subjects]
    several = sorted({head for head in heads if heads.count(head) > 1 and not _look_different(head, heads, looks)})
    if several and not tells_places_apart:
        return [Violation(Problem.SAME_HEAD_WORD, f"several subjects are called {_quoted(several)}")]
    for subject in subjects:
        again = _introduced_again(subject, subjects, tokens) or unnamed_other(tokens, subject.head)
        if again is not None:
            detail = f"{subject.word!r} and {again!r} are two subjects of one name"
            return [Violation(Problem.SAME_HEAD_WORD, detail)]
    return []


def _look_different(head: str, heads: list[str], looks: list[Looks]) -> bool:
    """Whether the caption says something else of each subject of a name, and nothing of one at most."""
    said = [each for name, each in zip(heads, looks, strict=False) if name == head]
    return len(set(said)) == len(said) > 1


def _introduced_again(subject: _Subject, subjects: list[_Subject], tokens: list[Token]) -> str | None:
    """Another mention of the noun, itself no subject, that introduces somebody new: "another man", a second "a man"."""
    name = _last_word(subject.singular)
    known = {known.head for known in subjects}
    mentions = [at for at, token in enumerate(tokens) if singular_of(token.text) == name and at not in known]
    for at in mentions:
        if at >= subject.since and introduces(tokens, at):
            return " ".join((*introducers(tokens, at), tokens[at].text))
    return None


def _last_word(noun: str) -> str:
    return noun.rpartition(" ")[2]


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(repr(word) for word in words)
