"""What is known about words without their context: the word lists under `words/`, looked up by singular or plural form.

Our choice: hand-made lists instead of a dictionary package, because the captions' vocabulary is small, every entry can
be argued about in a review, and nothing has to be downloaded. What they lacked of the 30,000 most frequent English
words was gone through by hand.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Final, NamedTuple

_FILES: Final = (
    "people.txt",
    "animals.txt",
    "things.txt",
    "places.txt",
    "unseen.txt",
    "number.txt",
    "grammar.txt",
    "adjectives.txt",
    "verbs.txt",
)


class NounClass(StrEnum):
    """What sort of thing a noun names; the value is the name of its section in the word lists."""

    PERSON = "person"
    ANIMAL = "animal"
    THING = "thing"
    PLACE = "place"
    BODY = "body"
    HAIR = "hair"
    ABSTRACT = "abstract"
    MEDIA = "media"


BEINGS: Final = frozenset({NounClass.PERSON, NounClass.ANIMAL})


class Noun(NamedTuple):
    """A noun of the lists."""

    singular: str
    noun_class: NounClass


@lru_cache(maxsize=1)
def sections() -> Mapping[str, frozenset[str]]:
    """All word lists by section name."""
    return read_sections(*_FILES)


def read_sections(*names: str) -> Mapping[str, frozenset[str]]:
    """The sections of some files under `words/`."""
    content: dict[str, set[str]] = {}
    for name in names:
        text = "\n".join(
            "," if line.startswith("#") or not line.strip() else line for line in read_file(name).splitlines()
        )
        for block in text.split("[")[1:]:
            section, _, words = block.partition("]")
            entries = (" ".join(word.split()) for word in words.split(","))
            content.setdefault(section, set()).update(entry for entry in entries if entry)
    return {section: frozenset(words) for section, words in content.items()}


def fingerprint() -> str:
    """SHA-256 of the word lists, to name the rules that made a dataset."""
    digest = hashlib.sha256()
    for name in _FILES:
        digest.update(read_file(name).encode())
    return digest.hexdigest()


@lru_cache(maxsize=65_536)
def find_noun(word: str) -> Noun | None:
    """The noun that a lower-case word (or two: "teddy bears") is a form of; None for an unknown one."""
    nouns = _nouns()
    for singular in singular_candidates(word):
        if singular in nouns:
            return Noun(singular, nouns[singular])
    compound, _, head = word.rpartition("-")
    return find_noun(head) if compound and " " not in word and not counts_persons(word) else None


def counts_persons(word: str) -> bool:
    """Whether a lower-case word says how something is seen, or for how many it is: "first-person", "two-person"."""
    number, _, head = word.rpartition("-")
    return head == "person" and number in sections()["determiner"]


def find_compound(first: str, second: str) -> Noun | None:
    """The noun that two neighbouring lower-case words are a form of ("teddy bears")."""
    return find_noun(f"{first} {second}") if first in _compound_openings() else None


def singular_candidates(word: str) -> tuple[str, ...]:
    """What the singular of a word may be, likeliest first: the word itself, then the ways back from a plural."""
    first, _, last = word.rpartition(" ")
    irregular = irregular_plurals()
    if last in irregular:
        return tuple(_join(first, form) for form in (irregular[last], last))
    forms = [last]
    for plural, singular in (("men", "man"), ("women", "woman"), ("children", "child"), ("people", "person")):
        if last.endswith(plural):
            forms.append(last.removesuffix(plural) + singular)
    if last.endswith("ies"):
        forms.append(last.removesuffix("ies") + "y")
    if last.endswith("ves"):
        forms += [last.removesuffix("ves") + "f", last.removesuffix("ves") + "fe"]
    if last.endswith(("ches", "shes", "ses", "xes", "zes", "oes")):
        forms.append(last.removesuffix("es"))
    if last.endswith("s") and not last.endswith("ss"):
        forms.append(last.removesuffix("s"))
    return tuple(_join(first, form) for form in forms)


@lru_cache(maxsize=1)
def irregular_plurals() -> Mapping[str, str]:
    """Plural to singular, where no rule leads from one to the other."""
    return dict(entry.split("=", 1) for entry in sections()["irregular_plural"])


@lru_cache(maxsize=1)
def _nouns() -> Mapping[str, NounClass]:
    content = dict.fromkeys(sections()["collective"] | sections()["first_name"], NounClass.PERSON)
    content |= dict.fromkeys(sections()["invariant"] | sections()["animal_or_food"], NounClass.ANIMAL)
    content |= dict.fromkeys(sections()["worn"], NounClass.THING)
    # A word of several lists gets its likeliest reading: a later class overrules an earlier one.
    for noun_class in (
        NounClass.MEDIA,
        NounClass.ABSTRACT,
        NounClass.BODY,
        NounClass.HAIR,
        NounClass.PLACE,
        NounClass.THING,
        NounClass.ANIMAL,
        NounClass.PERSON,
    ):
        content |= dict.fromkeys(sections()[noun_class], noun_class)
    return content


@lru_cache(maxsize=1)
def _compound_openings() -> frozenset[str]:
    """The first words of the nouns of several words: few words are, which spares most look-ups."""
    return frozenset(noun.partition(" ")[0] for noun in _nouns() if " " in noun)


def read_file(name: str) -> str:
    """The text of a file under `words/`."""
    return (resources.files(__package__) / "words" / name).read_text(encoding="utf-8")


def _join(first: str, last: str) -> str:
    return f"{first} {last}" if first else last
