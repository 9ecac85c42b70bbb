"""The pre-defined rules that reclassify entity words (A.2): by the head noun, and a little of what stands around it."""

from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from curation.entity_words.denial import denying_words, is_denied
from curation.entity_words.number import is_plural
from curation.entity_words.phrases import Phrase, introducers, noun_at, opens_sentence
from curation.entity_words.quotes import QUOTATION_MARKS, is_quoted
from curation.entity_words.word_lists import BEINGS, Noun, NounClass, find_noun, sections, singular_candidates
from dataset_schema import EntityKind

# The lists of nouns whose kind follows from what stands around them.
_CONTEXT_LISTS: Final = (
    "picture",
    "sport_or_ball",
    "animal_or_food",
    "place_within",
    "animal_or_tool",
    "unseen_person",
    "first_name",
    "hair",
    "position",
    "empty_place",
)
_CLAUSE_ENDS: Final = frozenset({"", ".", "!", "?", ";", ":", ","})
_WITHIN: Final = frozenset({"in", "inside", "into", "within", "enters"})


class Unseen(StrEnum):
    """Why a noun is no entity word: there is nothing that a localiser could outline."""

    PRONOUN = "pronoun"
    BODY_PART = "body_part"
    ABSTRACT = "abstract"
    MEDIA = "media"
    CAMERA = "camera"
    DENIED = "denied"
    TAG = "tag"
    QUOTED = "quoted"


Verdict: TypeAlias = EntityKind | Unseen | None

_KINDS: Final[dict[NounClass, Verdict]] = {
    NounClass.PERSON: EntityKind.SUBJECT,
    NounClass.ANIMAL: EntityKind.SUBJECT,
    NounClass.THING: EntityKind.OBJECT,
    NounClass.PLACE: EntityKind.BACKGROUND,
    NounClass.HAIR: EntityKind.OBJECT,
    NounClass.BODY: Unseen.BODY_PART,
    NounClass.ABSTRACT: Unseen.ABSTRACT,
    NounClass.MEDIA: Unseen.MEDIA,
}


def classify(phrase: Phrase) -> Verdict:
    """The kind of the entity that a phrase names, or why it names none.

    Returns None where the head noun is unknown: then whoever found the phrase decides.
    """
    tokens, first, end, head, introducers = phrase
    word = phrase.word
    absent = _absent(phrase)
    if absent is not None:
        return absent
    if word in sections()["covering"] and end > head + 2 and tokens[head + 1].text == "of":
        covers = classify(Phrase.of(tokens, head + 2, end))
        if word == "surface" or covers is EntityKind.BACKGROUND:
            return covers
    whole = find_noun(" ".join(token.text for token in tokens[head:end])) if end > head + 1 else None
    noun = whole or noun_at(tokens, head, first)  # "body of water" is listed as a whole
    if noun is None:
        return None
    verdict = _by_context(noun, phrase)
    if verdict is not None:
        return verdict
    if noun.singular.rpartition(" ")[2] in sections()["scenery_plural"] and is_plural(word, introducers):
        return EntityKind.BACKGROUND
    return _KINDS[noun.noun_class]


def _absent(phrase: Phrase) -> Unseen | None:
    """Why nothing is there, whatever noun it is."""
    if phrase.word in sections()["pronoun"]:
        return Unseen.PRONOUN
    if phrase.word[0] in "#@":
        return Unseen.TAG
    if _telling_words().isdisjoint([token.text for token in phrase.tokens]):  # nearly all captions
        return None
    if is_quoted(phrase.tokens, phrase.head):
        return Unseen.QUOTED
    return Unseen.DENIED if is_denied(phrase.tokens, phrase.first, phrase.end) else None


@lru_cache(maxsize=1)
def _telling_words() -> frozenset[str]:
    """The words and signs without one of which nothing is denied or quoted."""
    return denying_words() | QUOTATION_MARKS


def is_title(phrase: Phrase) -> bool:
    """Whether a name, or a word that no list has, is that of a work: "the movie john", "the game zorb"."""
    word = phrase.tokens[phrase.head - 1].text
    work = find_noun(word) if phrase.head > phrase.first and word not in sections()["adjective"] else None
    return work is not None and (work.noun_class is NounClass.MEDIA or work.singular in sections()["named_work"])


def _by_context(noun: Noun, phrase: Phrase) -> EntityKind | Unseen | None:
    """The nouns whose kind is not that of their class; None for all others."""
    if noun.noun_class in BEINGS and phrase.first != phrase.head and _is_made(noun, phrase):
        return EntityKind.OBJECT
    if not _depends_on_context(noun.singular):
        return None
    lists = sections()
    singular = noun.singular
    if singular in lists["picture"]:
        return EntityKind.OBJECT if _is_in_scene(phrase) else Unseen.MEDIA
    if singular in lists["sport_or_ball"]:
        return None if phrase.introducers else Unseen.ABSTRACT
    if singular in lists["animal_or_food"]:
        return EntityKind.OBJECT if _is_food(phrase) else None
    if singular in lists["place_within"] and phrase.introducers and phrase.word_before in _WITHIN:
        return EntityKind.BACKGROUND
    if singular in lists["animal_or_tool"] and phrase.word_before in lists["holding"]:
        return EntityKind.OBJECT
    return _unseen(noun, phrase)


def _is_made(noun: Noun, phrase: Phrase) -> bool:
    """Whether a being is one of wood or plush; a "snow leopard", whose noun has two words, is not made of snow."""
    own = max(phrase.first, phrase.head - noun.singular.count(" "))
    return any(token.text in sections()["made_of"] for token in phrase.tokens[phrase.first : own])


@lru_cache(maxsize=65_536)
def _depends_on_context(singular: str) -> bool:
    return singular in {"camera", "frame"} or any(singular in sections()[name] for name in _CONTEXT_LISTS)


def _unseen(noun: Noun, phrase: Phrase) -> Unseen | None:
    """Why a noun that can be outlined elsewhere cannot be here."""
    lists = sections()
    if noun.singular in lists["unseen_person"]:
        return Unseen.CAMERA
    if noun.singular in lists["first_name"] and is_title(phrase):
        return Unseen.MEDIA
    if phrase.first != phrase.head:
        return None
    if _films(noun.singular, phrase) or (noun.singular == "frame" and phrase.introducers == ("the",)):
        return Unseen.CAMERA
    if noun.noun_class is NounClass.HAIR:
        return Unseen.BODY_PART
    if noun.singular in lists["empty_place"] or (noun.singular in lists["position"] and _says_where(phrase)):
        return Unseen.ABSTRACT
    return None


def _says_where(phrase: Phrase) -> bool:
    """Whether "top" means a position or a rank, and no garment: "on the top", "his top five"."""
    following = phrase.tokens[phrase.end].text if phrase.end < len(phrase.tokens) else ""
    is_place = phrase.word_before in sections()["preposition"] and phrase.introducers in {(), ("the",)}
    return is_place or following in sections()["plural_determiner"]


def _is_in_scene(phrase: Phrase) -> bool:
    """Whether a picture is part of the scene, and not the scene itself ("a photo of ...", "it is a photo of ...")."""
    is_predicate = phrase.word_before in sections()["copula"]
    return not is_predicate and "the" not in phrase.introducers and not opens_sentence(phrase.tokens, phrase.first)


def _films(singular: str, phrase: Phrase) -> bool:
    """Whether this is the camera that films: "looks at the camera", "talks to a camera", "slowly the camera pans"."""
    if singular != "camera" or phrase.introducers not in {(), ("the",), ("a",)}:
        return False
    if phrase.word_before in sections()["camera_preposition"]:
        return True
    if phrase.introducers != ("the",):
        return not phrase.introducers and phrase.word_before in _CLAUSE_ENDS and _moves(phrase)
    is_shown = phrase.word_before in {"show", "shows", "showing"}
    return is_shown or _moves(phrase) or (_opens_clause(phrase) and not _is_shown_before(phrase))


def _moves(phrase: Phrase) -> bool:
    """Whether what films does something, with an adverb before it or without: "the camera slowly pans"."""
    following = [token.text for token in phrase.tokens[phrase.end : phrase.end + 2]]
    if following and following[0].endswith("ly"):
        del following[0]
    return bool(following) and singular_candidates(following[0])[-1] in sections()["camera_move"]


def _opens_clause(phrase: Phrase) -> bool:
    lists = sections()
    is_joint = phrase.word_before in lists["conjunction"] or phrase.word_before in lists["subordinator"]
    return is_joint or phrase.word_before in _CLAUSE_ENDS | {"as", "then"}


def _is_shown_before(phrase: Phrase) -> bool:
    """Whether the caption has brought in the thing, so that "the" points back to it."""
    places = [at for at in range(phrase.first) if phrase.tokens[at].text == phrase.word]
    return any(not {"a", "an", "his", "her", "their"}.isdisjoint(introducers(phrase.tokens, at)) for at in places)


def _is_food(phrase: Phrase) -> bool:
    if phrase.modifiers & sections()["prepared"] or phrase.word_before in sections()["cooking"]:
        return True
    if set(phrase.introducers) - {"some", "any", "the"} or phrase.word_before in sections()["animal_verb"]:
        return False
    # Without an article: food where something is done to it ("cuts chicken"), an animal where it acts itself.
    return phrase.word_before not in {"", ".", ",", "and"}
