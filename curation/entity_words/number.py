"""Whether a noun phrase names one thing or several: a plural subject removes the sample (A.2)."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from curation.entity_words.word_lists import find_noun, irregular_plurals, sections, singular_candidates


def is_plural(head: str, introducers: Sequence[str], following: str = "") -> bool:
    """Whether a head noun, with the determiners and quantifiers before it, names several things.

    A quantifier decides first ("two", "a group of"), then the word: pluralia tantum are one thing for the eye
    ("glasses"), collectives are several ("couple"), invariants follow their article ("a sheep", but "sheep").

    Args:
        head: lower case, as it stands in the caption.
        introducers: lower-case words before it in its phrase, see `phrases.introducers`.
        following: the word behind it, for its agreement ("the fish are").
    """
    lists = sections()
    last = head.rpartition(" ")[2]
    introducers = _nearest(introducers, may_be_both=last in lists["invariant"])
    if last in lists["pluralia_tantum"] or head in lists["pluralia_tantum"]:
        return bool(lists["plural_determiner"].intersection(introducers) - {"pair"})
    if lists["plural_determiner"].intersection(introducers) or is_counted(introducers):
        return True
    if last in lists["collective"]:
        return True
    if last in lists["invariant"]:
        return not introducers or following in {"are", "were", "have"}
    return is_plural_form(last) and not _is_unknown_singular(last, introducers)


def _nearest(introducers: Sequence[str], *, may_be_both: bool) -> Sequence[str]:
    """The introducers without those that count what "a" begins: "both a dog and a cat", "a pair of a dog and a cat"."""
    last_article = max((at for at, word in enumerate(introducers) if word in {"a", "an"}), default=0)
    near = introducers[last_article:]
    return near if may_be_both else [word for word in near if word != "both"]


def is_counted(introducers: Sequence[str]) -> bool:
    """Whether "a group of", "a pair of" or the like stands before the noun; "the number of a man" counts nothing."""
    if introducers and introducers[-1] in {"a", "an"}:
        return False
    return any(word in sections()["quantity"] and following == "of" for word, following in pairwise(introducers))


@lru_cache(maxsize=65_536)
def is_plural_form(word: str) -> bool:
    """Whether a single lower-case word looks like a plural."""
    lists = sections()
    if word in lists["possessive_form"]:
        return word in irregular_plurals()
    if word in irregular_plurals():
        return irregular_plurals()[word] != word
    if word.rpartition("-")[2] != word:
        return is_plural_form(word.rpartition("-")[2])
    if word.endswith(("men", "people", "children")) and len(word) > 3:
        return word not in {"specimen", "abdomen", "omen", "semen", "regimen", "acumen", "yemen", "ramen"}
    if word in lists["singular_in_s"] or not word.endswith("s") or len(word) < 3:
        return False
    noun = find_noun(word)
    if noun is not None:
        return noun.singular != word or word in lists["pluralia_tantum"]
    return not word.endswith(("ss", "us", "is"))


@lru_cache(maxsize=65_536)
def singular_of(word: str) -> str:
    """The singular of a noun; for an unknown word the regular guess."""
    noun = find_noun(word)
    if noun is not None:
        return noun.singular
    return singular_candidates(word)[-1] if is_plural_form(word) else word


def _is_unknown_singular(word: str, introducers: Sequence[str]) -> bool:
    """An unknown word in -s with a singular article ("a pancreas")."""
    return find_noun(word) is None and bool(sections()["singular_determiner"].intersection(introducers))
