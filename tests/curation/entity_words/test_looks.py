"""What captions say of how entities look and where they are."""

import pytest

from curation.entity_words.looks import Looks, looks_in_caption
from curation.records import EntityWord
from dataset_schema import EntityKind


@pytest.mark.parametrize(
    ("caption", "word", "colors", "side"),
    [
        ("A man in a purple T-shirt explains a black jacket.", "man", {"purple"}, ""),
        ("He explains a black jacket worn by a bald man in a motorcycle shop.", "bald man", {"black"}, ""),
        ("A woman in a white shirt and blue jeans plays with a brown dog.", "woman", {"white", "blue"}, ""),
        ("A woman plays with a brown and white dog on a grey path.", "dog", {"brown", "white"}, ""),
        ("A man in red breakdances.", "man", {"red"}, ""),
        ("Here is a woman in red", "woman", {"red"}, ""),
        ("A red car passes a white van.", "red car", {"red"}, ""),
        ("The woman on the left smiles at a man.", "woman", set(), "left"),
        ("A girl smiles at the right man.", "man", set(), "right"),
        ("A man with a brown dog runs.", "man", set(), ""),
        ("A man in a red car waves.", "man", set(), ""),
        ("A man in a black suit talks to a woman.", "woman", set(), ""),
        # clothes are those of whoever was named last before them, or is meant by "she"
        ("A man, wearing a red shirt, sits by a girl.", "man", {"red"}, ""),
        ("A man who is wearing a red shirt sits.", "man", {"red"}, ""),
        ("A diver, dressed in orange, waves at a boy in blue.", "diver", {"orange"}, ""),
        ("A gymnast (in a blue leotard) jumps.", "gymnast", {"blue"}, ""),
        ("A woman sitting on a chair in a blue coat waves.", "woman", {"blue"}, ""),
        ("A woman on a green chair with a girl wearing a blue coat.", "woman", set(), ""),
        ("A woman on a green chair with a girl wearing a blue coat.", "girl", {"blue"}, ""),
        ("A man talks to a woman. She is wearing a purple dress.", "woman", {"purple"}, ""),
        ("A man talks to a woman. She is wearing a purple dress.", "man", set(), ""),
        ("A man talks to a monk. He is wearing a purple robe.", "monk", set(), ""),
        ("A man stands in a red coat rack.", "man", set(), ""),
        ("A man wearing an orange top waves.", "man", {"orange"}, ""),
        ("Two men and a woman all dressed in black sit.", "woman", {"black"}, ""),
        ("A dog runs while a quorb in a red parka waves.", "dog", set(), ""),
        ("A man is wearing a black snorkel and a grey robe.", "man", {"black", "grey"}, ""),
        ("A dog with black fur runs.", "dog", {"black"}, ""),
        # before a person a color is none of clothes
        ("A white woman waves.", "white woman", set(), ""),
        ("A blue shirt woman waves at a black-shirted man.", "blue shirt woman", {"blue"}, ""),
        ("A blue shirt woman waves at a black-shirted man.", "black-shirted man", {"black"}, ""),
        # colors of several words, and shades
        ("A man in a dark-blue suit talks to a red-haired woman.", "man", {"blue"}, ""),
        ("A man talks to a red-haired woman.", "red-haired woman", {"red"}, ""),
        ("A blue-eyed man in a light green shirt.", "blue-eyed man", {"green"}, ""),
        # sides
        ("A woman standing on the right holds a cup.", "woman", set(), "right"),
        ("On the left, a tall man waves.", "tall man", set(), "left"),
        ("A woman (left) and a boy (right) wave.", "boy", set(), "right"),
        ("The leftmost man waves.", "leftmost man", set(), "left"),
        ("A man turns left and walks on the right side.", "man", set(), ""),
    ],
)
def test_colors_are_those_of_the_word_and_of_what_it_wears(
    caption: str, word: str, colors: set[str], side: str
) -> None:
    start = caption.index(word)
    entity = EntityWord(word=word, kind=EntityKind.SUBJECT, start=start, end=start + len(word))

    assert looks_in_caption(caption, entity) == Looks(frozenset(colors), side)  # type: ignore[arg-type]


def test_a_word_without_its_caption_has_no_looks() -> None:
    assert looks_in_caption("", EntityWord(word="man", kind=EntityKind.SUBJECT, start=2, end=5)) == Looks()
