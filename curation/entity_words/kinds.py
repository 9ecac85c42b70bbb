"""The pre-defined rules that reclassify entity words (A.2): by the head noun, and a little of what stands around it."""

from enum import StrEnum
from typing import Final, TypeAlias

from curation.entity_words.lexicon import BEINGS, Noun, NounClass, find_noun, sections
from curation.entity_words.number import is_plural
from curation.entity_words.phrases import Phrase, noun_at, opens_sentence
from dataset_schema import EntityKind


class Unseen(StrEnum):
    """Why a noun is no entity word: nothing a localiser could outline."""

    PRONOUN = "pronoun"
    BODY_PART = "body_part"
    ABSTRACT = "abstract"
    MEDIA = "media"
    CAMERA = "camera"


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
    if word in sections()["pronoun"]:
        return Unseen.PRONOUN
    if word == "surface" and end > head + 2 and tokens[head + 1].text == "of":
        return classify(Phrase.of(tokens, head + 2, end))
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


def _by_context(noun: Noun, phrase: Phrase) -> EntityKind | Unseen | None:
    """The nouns whose kind is not that of their class; None for all others."""
    lists = sections()
    singular = noun.singular
    is_bare = phrase.first == phrase.head
    if noun.noun_class in BEINGS and not is_bare and phrase.modifiers & lists["made_of"]:
        return EntityKind.OBJECT
    if singular in lists["picture"]:
        return EntityKind.OBJECT if _is_in_scene(phrase) else Unseen.MEDIA
    if singular in lists["sport_or_ball"]:
        return None if phrase.introducers else Unseen.ABSTRACT
    if singular in lists["animal_or_food"]:
        return EntityKind.OBJECT if _is_food(phrase) else None
    if is_bare and (_films(singular, phrase) or (singular == "frame" and phrase.introducers == ("the",))):
        return Unseen.CAMERA
    if is_bare and noun.noun_class is NounClass.HAIR:
        return Unseen.BODY_PART
    if is_bare and singular in lists["empty_place"]:
        return Unseen.ABSTRACT
    return None


def _is_in_scene(phrase: Phrase) -> bool:
    """Whether a picture is part of the scene, and not the scene itself ("a photo of ...", "it is a photo of ...")."""
    is_predicate = phrase.word_before in sections()["copula"]
    return not is_predicate and "the" not in phrase.introducers and not opens_sentence(phrase.tokens, phrase.first)


def _films(singular: str, phrase: Phrase) -> bool:
    """Whether this is the camera that films: "looks at the camera", "talks to a camera"."""
    return (
        singular == "camera"
        and phrase.introducers in {(), ("the",), ("a",)}
        and phrase.word_before in sections()["camera_preposition"]
    )


def _is_food(phrase: Phrase) -> bool:
    if phrase.modifiers & sections()["prepared"]:
        return True
    if set(phrase.introducers) - {"some", "any", "the"} or phrase.word_before in sections()["animal_verb"]:
        return False
    # Without an article: food where something is done to it ("cuts chicken"), an animal where it acts itself.
    return phrase.word_before not in {"", ".", ",", "and"}
