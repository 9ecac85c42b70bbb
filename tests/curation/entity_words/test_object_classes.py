"""Which classes of a detector a word means: laws of the list, samples checked by hand, words of two meanings."""

import re
from collections.abc import Iterator

import pytest

from curation.annotators.objects.classes import COCO_CLASSES
from curation.entity_words.number import is_plural_form
from curation.entity_words.object_classes import ObjectClasses, fingerprint, object_classes
from curation.entity_words.word_lists import find_noun, read_file, read_sections, sections

FILE = "classes.txt"
ANIMALS = {"bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"}
EXACT = {name.removeprefix("exact "): words for name, words in read_sections(FILE).items() if name.startswith("exact ")}
NEAR = {name.removeprefix("near "): words for name, words in read_sections(FILE).items() if name.startswith("near ")}


def entries() -> Iterator[tuple[str, str]]:
    """How and word, for every word of the list."""
    for how, named in (("exact", EXACT), ("near", NEAR)):
        for words in named.values():
            yield from ((how, word) for word in sorted(words))


def test_every_class_of_the_detector_has_words_and_no_other_name_is_used() -> None:
    assert set(EXACT) == set(COCO_CLASSES)
    assert set(NEAR) <= set(COCO_CLASSES)
    assert read_sections(FILE)["animal class"] == ANIMALS
    assert read_sections(FILE)["furniture class"] < set(COCO_CLASSES)


def test_the_name_of_a_class_means_the_class() -> None:
    # "Mouse" and "keyboard" alone are the animal and the instrument as often: see the list.
    others = {name for name in COCO_CLASSES if name not in object_classes(name).exact}

    assert others == {"mouse", "keyboard"}


def test_a_compound_stands_on_the_list_only_where_its_last_word_says_something_else() -> None:
    for section, words in read_sections(FILE).items():
        if section.startswith(("exact ", "near ", "no class")):
            # Neither is made of what stands before it: the list says so.
            others = words - {"plastic surgeon", "chocolate labrador", *COCO_CLASSES}
            compounds = {word for word in others if " " in word and find_noun(word) is None}
            assert {w for w in compounds if object_classes(w) == object_classes(w.rpartition(" ")[2])} == set(), section


def test_no_section_is_written_twice() -> None:
    headings = re.findall(r"^\[(.+)\]$", read_file(FILE), re.MULTILINE)

    assert len(headings) == len(set(headings))


def test_no_word_means_two_classes() -> None:
    homes: dict[str, list[str]] = {}
    for name, words in EXACT.items():
        for word in words:
            homes.setdefault(word, []).append(name)

    assert {word: names for word, names in homes.items() if len(names) > 1} == {}


def test_no_word_is_near_to_what_it_means_or_has_no_class_as_well() -> None:
    for name, words in EXACT.items():
        assert words & NEAR.get(name, frozenset()) == set(), name
    for _, word in entries():
        assert word not in read_sections(FILE)["no class"], word


def test_the_list_is_found_as_it_is_written() -> None:
    for how, word in entries():
        assert getattr(object_classes(word), how), word
    for word in read_sections(FILE)["no class"]:
        assert object_classes(word)[:2] == ((), ()), word


def test_every_person_is_a_person_unless_the_list_says_otherwise() -> None:
    others = NEAR["person"] | read_sections(FILE)["no class"]

    assert {word for word in sections()["person"] - others if object_classes(word).exact != ("person",)} == set()


def test_every_animal_is_near_any_animal_unless_the_list_says_otherwise() -> None:
    listed = {word for _, word in entries()} | read_sections(FILE)["no class"] | sections()["person"]

    assert {word for word in sections()["animal"] - listed if set(object_classes(word).near) != ANIMALS} == set()


def plural(word: str) -> str:
    """By the rules of English, for words that none of the exceptions has."""
    if word.endswith(("s", "x", "ch", "sh")):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"


def test_singular_and_plural_are_of_the_same_classes() -> None:
    irregular = {singular: form for form, _, singular in (e.partition("=") for e in sections()["irregular_plural"])}
    for _, word in entries():
        first, _, last = word.rpartition(" ")
        if last in sections()["pluralia_tantum"] | sections()["invariant"] | {
            "people",
            "cattle",
            "glass",
            "pyrenees",
            "mercedes",
        }:
            continue
        several = f"{first} {irregular.get(last, plural(last))}".strip()
        assert object_classes(several) == object_classes(word), several


def test_case_and_adjectives_change_nothing() -> None:
    for _, word in entries():
        assert object_classes(word.upper()) == object_classes(word), word
        assert object_classes(f"small red {word}") == object_classes(word), word


@pytest.mark.parametrize(
    ("word", "exact"),
    [
        ("A woman in a red dress", "person"),
        ("3 year old", "person"),
        ("John Zorb", "person"),
        ("Harrison Ford", "person"),
        ("police officer", "person"),
        ("group of people", "person"),
        ("golden retriever", "dog"),
        ("pit bull", "dog"),
        ("tabby", "cat"),
        ("black lab", "dog"),
        ("stallion", "horse"),
        ("blue mugs", "cup"),
        ("paper cup", "cup"),
        ("cup of coffee", "cup"),
        ("slice of pizza", "pizza"),
        ("pair of scissors", "scissors"),
        ("smartphone", "cell phone"),
        ("soccer ball", "sports ball"),
        ("police car", "car"),
        ("fire truck", "truck"),
        ("mountain bike", "bicycle"),
        ("teddy bears", "teddy bear"),
        ("hot-dog", "hot dog"),
        ("red traffic light", "traffic light"),
        ("wooden spoon", "spoon"),
        ("silk tie", "tie"),
        ("grandfather clock", "clock"),
    ],
)
def test_a_word_means_the_class_of_its_head_noun(word: str, exact: str) -> None:
    assert object_classes(word) == ObjectClasses(exact=(exact,))


@pytest.mark.parametrize(
    ("word", "exact", "near"),
    [
        ("jeep", {"car"}, {"truck"}),
        ("van", {"car"}, {"bus", "truck"}),
        ("racing bike", {"bicycle"}, {"motorcycle"}),
        ("burger", set(), {"sandwich"}),
        ("rabbit", set(), ANIMALS),
        ("unicorn", set(), {"horse"}),
        ("tractor", set(), {"truck"}),
        ("zombie", set(), {"person"}),
        ("glass", {"cup"}, {"wine glass"}),
        ("bow tie", set(), {"tie"}),
    ],
)
def test_a_word_that_no_class_means_alone_has_near_ones(word: str, exact: set[str], near: set[str]) -> None:
    classes = object_classes(word)

    assert (set(classes.exact), set(classes.near)) == (exact, near)


@pytest.mark.parametrize("word", ["crib", "sofa", "kitchen table", "desk", "armchair", "tv", "fridge", "park bench"])
def test_furniture_is_located_but_gives_no_crop(word: str) -> None:
    classes = object_classes(word)

    assert classes.exact or classes.near
    assert not classes.gives_crop


@pytest.mark.parametrize("word", ["white shirt", "blue jeans", "glasses", "long brown hair", "left hand", "gold ring"])
def test_clothes_and_body_parts_have_neither_a_class_nor_a_crop(word: str) -> None:
    assert object_classes(word) == ObjectClasses(gives_crop=False)


@pytest.mark.parametrize("word", ["tie", "handbag", "backpack", "suitcase", "umbrella"])
def test_what_is_carried_is_a_thing(word: str) -> None:
    assert object_classes(word) == ObjectClasses(exact=(word,))


@pytest.mark.parametrize(
    "word",
    [
        *("silver kettle", "guitar", "melon", "zorblax", "", "of"),
        # shown as a picture or a statue, or as nothing that a person looks like
        *("Hindu deity", "statue of a man", "painting of a horse", "doll", "robot", "snowman", "horse statue"),
        # ends like something that has a class
        *("rocking horse", "gummy bear", "record player", "vacuum cleaner", "paper plane", "spaceship", "cable car"),
        *("magnifying glass", "sleeping bag", "pool table", "baby monitor", "cutting board", "hot dog bun", "cat toy"),
        *("pineapple", "cupboard", "pitchfork", "toothpaste", "bookshelf", "flowerbed", "headphones", "t-shirt"),
        # other senses of the dictionary
        *("gig", "folder", "horn", "crane"),
        # neither the portion's box nor the content's is the box of it
        *("ball of yarn", "box of donuts", "plate of food", "sliced chicken"),
        # one of them is not it
        *("couple", "band", "herd"),
    ],
)
def test_a_word_that_no_class_knows_has_none(word: str) -> None:
    assert object_classes(word)[:2] == ((), ())


@pytest.mark.parametrize(
    ("chosen", "other"),
    [
        (("mouse", "near", ANIMALS), ("wireless mouse", "exact", {"mouse"})),
        (("bat", "near", {"baseball bat"}), ("fruit bat", "near", ANIMALS)),
        (("keyboard", "near", {"keyboard"}), ("computer keyboard", "exact", {"keyboard"})),
        (("kite", "exact", {"kite"}), ("hawk", "exact", {"bird"})),
        (("orange", "exact", {"orange"}), ("woman in orange", "exact", {"person"})),
        (("model", "exact", {"person"}), ("model train", "near", {"train"})),
        (("chicken", "near", {"bird"}), ("hen", "exact", {"bird"})),
        (("pitcher", "exact", {"person"}), ("pitcher of water", "exact", set())),
        (("speaker", "exact", {"person"}), ("bluetooth speaker", "exact", set())),
        (("mustang", "exact", {"car"}), ("bronco", "exact", {"horse"})),
    ],
)
def test_a_word_of_two_meanings_has_the_likelier_one(
    chosen: tuple[str, str, set[str]], other: tuple[str, str, set[str]]
) -> None:
    for word, how, expected in (chosen, other):
        assert set(getattr(object_classes(word), how)) == expected, word


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("toy car", "car"),
        ("cartoon dog", "dog"),
        ("bronze lion", "bear"),
        ("stuffed dog", "teddy bear"),
        ("animated woman", "person"),
    ],
)
def test_an_imitation_is_at_best_near(word: str, near: str) -> None:
    classes = object_classes(word)

    assert classes.exact == ()
    assert near in classes.near


def test_what_a_thing_is_made_of_does_not_make_it_an_imitation() -> None:
    assert object_classes("wooden chair").exact == ("chair",)
    assert object_classes("plastic cup").exact == ("cup",)


def test_the_fingerprint_names_the_list() -> None:
    assert re.fullmatch("[0-9a-f]{64}", fingerprint())


def test_words_of_the_list_are_singular() -> None:
    known = {"scissors", "people", "cattle", "shears", "wellies"}

    assert {word for _, word in entries() if is_plural_form(word) and find_noun(word)} <= known
