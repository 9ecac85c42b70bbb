"""The pre-defined rules that reclassify entity words (A.2): by the head noun, and a little of what stands around it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from curation.entity_words.lexicon import Noun, NounClass, find_noun, sections
from curation.entity_words.number import is_plural
from curation.entity_words.phrases import head_index, introducers, noun_at, opens_sentence
from curation.entity_words.tokens import Token
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


def classify(tokens: Sequence[Token], first: int, end: int) -> Verdict:
    """The kind of the entity that tokens `[first, end)` of a caption name, or why they name none.

    Returns None where the head noun is unknown: then whoever found the word decides.
    """
    head = head_index(tokens, first, end)
    word = tokens[head].text
    if word in sections()["pronoun"]:
        return Unseen.PRONOUN
    if word == "surface" and end > head + 2 and tokens[head + 1].text == "of":
        return classify(tokens, head + 2, end)
    whole = find_noun(" ".join(token.text for token in tokens[head:end])) if end > head + 1 else None
    noun = whole or noun_at(tokens, head, first)  # "body of water" is listed as a whole
    if noun is None:
        return None
    modifiers = {token.text for token in tokens[first:head]}
    verdict = _by_context(noun, _Context(tokens, first, modifiers, introducers(tokens, first)))
    if verdict is not None:
        return verdict
    if noun.singular.rpartition(" ")[2] in sections()["scenery_plural"] and is_plural(word, introducers(tokens, first)):
        return EntityKind.BACKGROUND
    return _KINDS[noun.noun_class]


class _Context(NamedTuple):
    """What stands around a head noun: `first` is the first token of its phrase."""

    tokens: Sequence[Token]
    first: int
    modifiers: set[str]
    introducers: tuple[str, ...]

    @property
    def word_before(self) -> str:
        """The word before the phrase and its introducers; "" at the start of the caption."""
        at = self.first - 1 - len(self.introducers)
        return self.tokens[at].text if at >= 0 else ""


def _by_context(noun: Noun, context: _Context) -> EntityKind | Unseen | None:
    """The nouns whose kind is not that of their class; None for all others."""
    lists = sections()
    singular = noun.singular
    is_bare = not context.modifiers
    if noun.noun_class in {NounClass.PERSON, NounClass.ANIMAL} and context.modifiers & lists["made_of"]:
        return EntityKind.OBJECT
    if singular in lists["picture"]:
        return EntityKind.OBJECT if _is_in_scene(context) else Unseen.MEDIA
    if singular in lists["sport_or_ball"]:
        return None if context.introducers else Unseen.ABSTRACT
    if singular in lists["animal_or_food"]:
        return EntityKind.OBJECT if _is_food(context) else None
    if is_bare and (_films(singular, context) or (singular == "frame" and context.introducers == ("the",))):
        return Unseen.CAMERA
    if is_bare and noun.noun_class is NounClass.HAIR:
        return Unseen.BODY_PART
    if is_bare and singular in lists["empty_place"]:
        return Unseen.ABSTRACT
    return None


def _is_in_scene(context: _Context) -> bool:
    """Whether a picture is part of the scene, and not the scene itself ("a photo of ...", "it is a photo of ...")."""
    is_predicate = context.word_before in sections()["copula"]
    return not is_predicate and "the" not in context.introducers and not opens_sentence(context.tokens, context.first)


def _films(singular: str, context: _Context) -> bool:
    """Whether this is the camera that films: "looks at the camera", "talks to a camera"."""
    return (
        singular == "camera"
        and context.introducers in {(), ("the",), ("a",)}
        and context.word_before in sections()["camera_preposition"]
    )


def _is_food(context: _Context) -> bool:
    if context.modifiers & sections()["prepared"]:
        return True
    if set(context.introducers) - {"some", "any", "the"}:
        return False
    # Without an article: food where something is done to it ("cuts chicken"), an animal where it acts itself.
    return context.word_before not in {"", ".", ",", "and"}
