"""A rule-based extractor of entity words: noun phrases, and what the word lists know about their head nouns.

It says where its words stand; the rules judge them like those of a language model. Its limits: no meaning beyond the
word lists, no resolution of names, and English only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from curation.annotators.lexicon.apposition import other_names
from curation.annotators.lexicon.mentions import names_one_of
from curation.annotators.lexicon.noun_phrases import Before, NounPhrase, noun_phrases
from curation.annotators.lexicon.word_classes import VerbForm, looks_like_person, verb_base, verb_form
from curation.annotators.protocols import EntityWordExtractor
from curation.entity_words.kinds import Unseen, classify, is_title
from curation.entity_words.looks import is_garment, on_other_sides
from curation.entity_words.number import is_plural, singular_of
from curation.entity_words.phrases import Phrase
from curation.entity_words.tokens import Token, tokenize
from curation.entity_words.word_lists import BEINGS, NounClass, find_noun, fingerprint, sections
from curation.records import EntityWord
from curation.stage import Resources
from dataset_schema import Annotator, EntityKind
from storage.configs import strict

_REVISION: Final = "6"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LexiconConfig:
    """Nothing to choose: the word lists come with the package."""

    profile: Literal["lexicon"] = "lexicon"

    def build(self, instruction: object = None) -> EntityWordExtractor:  # noqa: ARG002  rules are asked nothing
        """The extractor; nothing is loaded yet."""
        return LexiconEntityWords()


class LexiconEntityWords:
    """Extracts entity words by rules: see `EntityWordExtractor`."""

    def describe(self) -> Annotator:
        """Named by the hash of its word lists."""
        return Annotator(job="entity_words", name="lexicon", revision=_REVISION, weights_sha256=fingerprint())

    @property
    def resources(self) -> Resources:
        """Word lists."""
        return Resources(memory_bytes=1 << 28, batch_size=4, timeout_s=60)

    def load(self) -> None:
        """Read the word lists."""
        sections()

    def extract(self, captions: Sequence[str]) -> list[tuple[EntityWord, ...]]:
        """The words of each caption, every time that one stands there: described as the caption does ("fluffy cat")."""
        return [_answer(caption) for caption in captions]


@dataclass(slots=True)
class _Answer:
    words: list[EntityWord] = field(default_factory=list)
    heads: dict[str, Phrase] = field(default_factory=dict)  # of subjects, with what named each first


def _answer(caption: str) -> tuple[EntityWord, ...]:
    tokens = tokenize(caption)
    phrases = noun_phrases(tokens)
    repeated = other_names(tokens, phrases)
    answer = _Answer()
    at = 0
    while at < len(phrases):
        if at in repeated:
            at += 1
            continue
        phrase = phrases[at]
        following = phrases[at + 1] if at + 1 < len(phrases) else None
        complement = following if following is not None and _is_complement(tokens, phrase, following) else None
        if phrase.is_predicate and at and _shows_first(tokens, phrases[at - 1], phrase):
            phrase = phrase._replace(is_predicate=False)
        at += 1
        if complement is not None:
            meaning = _meaning(tokens, phrase, complement)
            if meaning is _Of.COMPLEMENT:
                continue
            if meaning is _Of.WHOLE:
                phrase = phrase._replace(end=complement.end)
            if meaning is not _Of.BOTH:
                at += 1
        _add(caption, tokens, phrase, following, answer)
    return tuple(answer.words)


def _shows_first(tokens: Sequence[Token], subject: NounPhrase, phrase: NounPhrase) -> bool:
    """Whether only the predicate names something to see: "the focus of the video is a turtle"."""
    verbs = {token.text for token in tokens[subject.end : phrase.opened]}
    if phrase.opened == phrase.first or not verbs <= sections()["copula"]:
        return False
    return classify(Phrase.of(tokens, subject.first, subject.end)) in {Unseen.ABSTRACT, Unseen.MEDIA}


def _is_complement(tokens: Sequence[Token], phrase: NounPhrase, following: NounPhrase) -> bool:
    return tokens[phrase.end].text == "of" and following.opened == phrase.end + 1


class _Of(Enum):
    """What "X of Y" names."""

    COMPLEMENT = 1  # Y alone: "group of people"
    WHOLE = 2  # one entity: "slice of watermelon"
    HEAD = 3  # X alone: "statue of a lion"
    BOTH = 4  # two entities: "roof of a house"


def _meaning(tokens: Sequence[Token], phrase: NounPhrase, complement: NounPhrase) -> _Of:
    lists = sections()
    head = tokens[phrase.end - 1].text
    singular = singular_of(head)
    noun = find_noun(head)
    if lists["quantity"] & {head, singular} or lists["neutral_quantity"] & {head, singular}:
        return _Of.COMPLEMENT
    if find_noun(" ".join(token.text for token in tokens[phrase.end - 1 : complement.end])) is not None:
        return _Of.WHOLE
    if isinstance(classify(Phrase.of(tokens, phrase.first, phrase.end)), Unseen):
        return _Of.COMPLEMENT if noun is not None and noun.noun_class is NounClass.MEDIA else _Of.BOTH
    if singular in lists["likeness"]:
        return _Of.HEAD
    is_bare = complement.opened == complement.first
    if singular in lists["partitive"] and (is_bare or noun is None or singular == "surface"):
        return _Of.WHOLE
    content = find_noun(tokens[complement.end - 1].text)
    is_peopled = content is not None and content.noun_class in BEINGS
    if noun is not None and noun.noun_class is NounClass.PLACE and is_bare and not is_peopled:
        return _Of.WHOLE
    return _Of.BOTH


def _add(caption: str, tokens: list[Token], phrase: NounPhrase, following: NounPhrase | None, answer: _Answer) -> None:
    """Put the phrase's word in the answer, if it names something to see."""
    if _is_elsewhere(tokens, phrase):
        return
    if phrase.is_owner and not (_owns_body_part(tokens, phrase, following) or _acts_later(tokens, phrase, answer)):
        return
    named = Phrase.of(tokens, phrase.first, phrase.end)
    kind = _kind(named, phrase)
    if kind is None:
        return
    first, head = named.first, named.head
    if kind is EntityKind.SUBJECT:
        while first < head and verb_form(tokens[first].text) is VerbForm.ING:
            first += 1
        name = singular_of(tokens[head].text)
        known = answer.heads.get(name)
        is_known = known is not None and _points_back(tokens, phrase) and not _differs(caption, named, known)
        if is_known or _means_earlier(tokens, phrase, name, answer):
            return
        answer.heads.setdefault(name, named)
    start, end = tokens[first].start, tokens[phrase.end - 1].end
    answer.words.append(EntityWord(word=caption[start:end], kind=kind, start=start, end=end))


def _is_elsewhere(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    """Talked about, compared with, said of somebody: not a thing of its own in the picture."""
    lists = sections()
    is_compared = phrase.word_before in {"resembling", "resembles"}
    if (
        phrase.is_predicate
        or phrase.is_topic
        or is_compared
        or _is_audience(tokens, phrase)
        or _is_label(tokens, phrase)
    ):
        return True
    is_bare = phrase.opened == phrase.first and not any(
        find_noun(token.text) for token in tokens[phrase.first : phrase.end - 1]
    )
    return is_bare and phrase.word_before == "on" and tokens[phrase.end - 1].text in lists["media_idiom"]


def _is_label(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    """Whether a bare noun only says what comes behind its colon: "Camera: static", "Frame 1: a dog"."""
    if phrase.opened < phrase.first or phrase.word_before[:1].isalpha():
        return False
    behind = [token.text for token in tokens[phrase.end : phrase.end + 4] if token.text not in _MARKS]
    is_numbered = bool(behind) and behind[0].isdigit()
    noun = find_noun(tokens[phrase.end - 1].text)
    is_being = noun is not None and noun.noun_class in BEINGS
    return behind[is_numbered : is_numbered + 1] == [":"] and (is_numbered or not is_being)


# Signs that make a word bold, or quote it.
_MARKS: Final = frozenset({"*", "_", '"', "'", "`"})


def _is_audience(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    """Whom or what a picture or a game is for, instead of in it: "a video for kids"."""
    noun = find_noun(tokens[phrase.opened - 2].text) if phrase.word_before == "for" and phrase.opened >= 2 else None
    return noun is not None and (noun.noun_class is NounClass.MEDIA or noun.singular in {"game", "show"})


def _owns_body_part(tokens: Sequence[Token], phrase: NounPhrase, following: NounPhrase | None) -> bool:
    """Whether the owner is to be seen with what is owned: "a woman's hand", but not "a woman's shop"."""
    if following is None or following.opened > phrase.end + 1:
        return False
    noun = find_noun(tokens[following.end - 1].text)
    return noun is not None and noun.noun_class in {NounClass.BODY, NounClass.HAIR}


def _acts_later(tokens: Sequence[Token], phrase: NounPhrase, answer: _Answer) -> bool:
    """Whether the owner is who a later "he" or "she" means, for want of anybody else: "a girl's kite falls as she"."""
    return not answer.heads and any(token.text in {"he", "she"} for token in tokens[phrase.end :])


def _points_back(tokens: Sequence[Token], phrase: NounPhrase) -> bool:
    determiners = {token.text for token in tokens[phrase.opened : phrase.first]}
    return not determiners & (sections()["indefinite"] | sections()["plural_determiner"])


def _differs(caption: str, named: Phrase, known: Phrase) -> bool:
    """Whether two of one noun are told apart: "the black dog ... the white dog", "on the left ... on the right"."""
    for contrast in (sections()["color"], sections()["comparative"]):
        one, other = named.modifiers & contrast, known.modifiers & contrast
        if one and other and one.isdisjoint(other):
            return True
    return on_other_sides(caption, _word_of(caption, named), _word_of(caption, known))


def _word_of(caption: str, named: Phrase) -> EntityWord:
    start, end = named.tokens[named.first].start, named.tokens[named.end - 1].end
    return EntityWord(word=caption[start:end], kind=EntityKind.SUBJECT, start=start, end=end)


def _means_earlier(tokens: Sequence[Token], phrase: NounPhrase, name: str, answer: _Answer) -> bool:
    """Whether "the dog" means the golden retriever of an earlier sentence."""
    determiners = [token.text for token in tokens[phrase.opened : phrase.first]]
    if name in answer.heads or determiners not in (["the"], ["this"]):
        return False
    ends = [at for at in range(phrase.opened) if tokens[at].text in {".", "!", "?", ";"}]
    return names_one_of(name, [other for other, known in answer.heads.items() if ends and known.head < ends[-1]])


def _kind(named: Phrase, phrase: NounPhrase) -> EntityKind | None:
    verdict = classify(named)
    if isinstance(verdict, Unseen):
        return None
    if verdict is None and _is_portion(named):
        return EntityKind.OBJECT
    if verdict is None:
        return _kind_of_unknown(named, phrase)
    if verdict is EntityKind.SUBJECT and _is_scenery(named, phrase):
        return EntityKind.BACKGROUND
    return verdict


def _is_portion(named: Phrase) -> bool:
    """Whether the word is "pieces of bread" or the like, which needs no article to be a thing."""
    has_content = named.end > named.head + 2 and named.tokens[named.head + 1].text == "of"
    return has_content and singular_of(named.word) in sections()["partitive"]


def _kind_of_unknown(named: Phrase, phrase: NounPhrase) -> EntityKind | None:
    """A noun that no list has: by what it does, how it is introduced, what it follows."""
    lists = sections()
    head = named.word
    is_measure = bool((lists["quantity"] | lists["neutral_quantity"]) & {head, singular_of(head)})
    is_abstract = singular_of(head).endswith(tuple(lists["abstract_ending"]))
    if is_measure or is_abstract:
        return None
    # A passive says nothing: what "is demonstrated" may be a thing.
    is_passive = verb_form(phrase.next_verb) is VerbForm.PAST and named.tokens[phrase.end].text in lists["copula"]
    acts = phrase.before not in {Before.PREPOSITION, Before.VERB} and not is_passive
    acts_alive = acts and verb_base(phrase.next_verb) in lists["animate"]
    following = named.tokens[phrase.end].text if phrase.end < len(named.tokens) else ""
    is_dressed = following in {"in", "wearing"} and is_garment(named.tokens, phrase.end + 1)
    if acts_alive or is_dressed or named.modifiers & lists["animate_adjective"] or looks_like_person(singular_of(head)):
        return EntityKind.SUBJECT
    if is_title(named):
        return None
    is_introduced = phrase.opened < phrase.first
    is_aim = phrase.word_before == "at" and not lists["possessive"].isdisjoint(named.introducers)  # "at her zorb"
    if phrase.before is Before.PREPOSITION and phrase.word_before in lists["place_preposition"] and not is_aim:
        return EntityKind.BACKGROUND if is_introduced else None
    is_handled = phrase.before is Before.VERB and verb_base(phrase.word_before) in lists["handling"]
    if is_introduced or is_handled or phrase.word_before == "with":
        return EntityKind.OBJECT
    return None


def _is_scenery(named: Phrase, phrase: NounPhrase) -> bool:
    """Several people as a backdrop: "in front of a crowd", "people in the background", "a background of people"."""
    tokens = named.tokens
    head = tokens[phrase.end - 1].text
    if not is_plural(head, named.introducers):
        return False
    if head in sections()["scenery_people"]:
        return phrase.before is Before.PREPOSITION
    after = [token.text for token in tokens[phrase.end : phrase.end + 3]]
    before = [token.text for token in tokens[max(0, phrase.opened - 2) : phrase.opened]]
    return after == ["in", "the", "background"] or before == ["background", "of"]
