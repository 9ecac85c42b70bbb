"""Which words name one thing, from masks whose overlap is known."""

import numpy as np
import pytest

from curation.records import EntityWord, LocatedEntity, Mask
from curation.references.duplicates import duplicate_words
from dataset_schema import EntityKind

SUBJECT, OBJECT = EntityKind.SUBJECT, EntityKind.OBJECT


def words(*named: tuple[str, EntityKind]) -> list[EntityWord]:
    return [EntityWord(word=word, kind=kind, start=0, end=len(word)) for word, kind in named]


def columns(first: int, last: int) -> Mask:
    mask = np.zeros((10, 100), bool)
    mask[:, first:last] = True
    return mask


def located(word: int, frame: int, mask: Mask) -> LocatedEntity:
    return LocatedEntity(word_index=word, reference_index=frame, mask=mask, detection_score=0.9, mask_score=0.9)


def names(found: list[LocatedEntity], *named: tuple[str, EntityKind]) -> dict[int, int]:
    return duplicate_words(words(*named), found, above_iou=0.85)


def test_the_longer_of_two_words_on_one_mask_is_the_first_name() -> None:
    found = [located(word, frame, columns(10, 60)) for word in range(2) for frame in range(3)]

    assert names(found, ("person", SUBJECT), ("young woman", SUBJECT)) == {0: 1}
    assert names(found, ("young woman", SUBJECT), ("person", SUBJECT)) == {1: 0}


def test_of_two_words_of_one_length_the_earlier_is_the_first_name() -> None:
    found = [located(word, 0, columns(10, 60)) for word in range(2)]

    assert names(found, ("man", SUBJECT), ("boy", SUBJECT)) == {1: 0}


def test_a_subject_is_a_better_name_than_a_longer_object() -> None:
    found = [located(word, 0, columns(10, 60)) for word in range(2)]

    assert names(found, ("long red winter coat", OBJECT), ("man", SUBJECT)) == {0: 1}


@pytest.mark.parametrize(("last", "is_same"), [(59, True), (53, True), (52, False), (30, False)])
def test_masks_coincide_above_the_threshold(last: int, is_same: bool) -> None:
    # Columns 10 to 60 have 50 columns: 43 of them are 0.86, 42 are 0.84.
    found = [located(0, 0, columns(10, 60)), located(1, 0, columns(10, last))]

    assert bool(names(found, ("man", SUBJECT), ("boy", SUBJECT))) == is_same


def test_most_of_the_frames_with_both_decide() -> None:
    same, apart = columns(10, 60), columns(60, 90)
    two_of_three = [located(0, f, same) for f in range(3)] + [located(1, f, same) for f in range(2)]
    two_of_three.append(located(1, 2, apart))
    one_of_two = [located(0, 0, same), located(0, 1, same), located(1, 0, same), located(1, 1, apart)]
    never_both = [located(0, 0, same), located(1, 1, same)]

    assert names(two_of_three, ("man", SUBJECT), ("boy", SUBJECT)) == {1: 0}
    assert names(one_of_two, ("man", SUBJECT), ("boy", SUBJECT)) == {}
    assert names(never_both, ("man", SUBJECT), ("boy", SUBJECT)) == {}


def test_a_second_name_is_never_a_first_name_of_a_third_word() -> None:
    # A with B and B with C coincide by 0.9, A with C by 0.8.
    found = [located(0, 0, columns(0, 50)), located(1, 0, columns(0, 45)), located(2, 0, columns(0, 40))]

    assert names(found, ("grandmother", SUBJECT), ("woman", SUBJECT), ("one", SUBJECT)) == {1: 0}


def test_empty_masks_coincide_with_nothing() -> None:
    found = [located(0, 0, columns(5, 5)), located(1, 0, columns(5, 5))]

    assert names(found, ("man", SUBJECT), ("boy", SUBJECT)) == {}
