"""Which proposals become entities, by hand-made boxes."""

from collections.abc import Sequence

import numpy as np
import pytest

from curation.annotators.grounding.choice import ChoiceConfig, ChosenBox, choose_boxes, is_ambiguous, trim_mask
from curation.annotators.grounding.networks import ScoredMask, WordBoxes

HEIGHT, WIDTH = 100, 200
CONFIG = ChoiceConfig()


def choose(*proposals: tuple[Sequence[float], Sequence[float]], config: ChoiceConfig = CONFIG) -> list[ChosenBox]:
    """From (box, score for every word)."""
    boxes = np.array([box for box, _ in proposals], np.float64).reshape(-1, 4)
    scores = np.array([scores for _, scores in proposals], np.float64).reshape(len(proposals), -1)
    return choose_boxes(WordBoxes(boxes, scores), config, height=HEIGHT, width=WIDTH)


def found(*proposals: tuple[Sequence[float], Sequence[float]]) -> dict[int, list[float]]:
    return {chosen.word: chosen.box.tolist() for chosen in choose(*proposals)}


def test_every_box_goes_to_its_best_word_and_every_word_keeps_its_best_box() -> None:
    left, right, small = [0, 0, 50, 50], [100, 0, 150, 50], [60, 60, 80, 80]

    chosen = choose((left, [0.5, 0.6]), (right, [0.9, 0.7]), (small, [0.6, 0.1]))

    assert [(box.word, box.box.tolist(), box.score) for box in chosen] == [(0, right, 0.9), (1, left, 0.6)]


def test_a_box_below_the_threshold_is_none() -> None:
    assert found(([0, 0, 50, 50], [0.399])) == {}
    assert found(([0, 0, 50, 50], [0.4])) == {0: [0, 0, 50, 50]}


def test_no_proposals_are_no_entities() -> None:
    assert choose_boxes(WordBoxes(np.zeros((0, 4)), np.zeros((0, 3))), CONFIG, height=9, width=9) == []


def test_a_box_of_the_whole_frame_says_nothing_about_where() -> None:
    assert found(([-5, -5, 205, 105], [0.9]), ([10, 10, 40, 40], [0.5])) == {0: [10, 10, 40, 40]}
    assert found(([0, 0, 190, 100], [0.9])) == {0: [0, 0, 190, 100]}


def test_a_box_is_cut_at_the_frame_before_it_is_measured() -> None:
    assert found(([-1000, 20, 60, 1000], [0.9])) == {0: [0, 20, 60, 100]}
    assert found(([-60, 20, -10, 60], [0.9])) == {}
    assert found(([20, 20, 20, 60], [0.9])) == {}


def test_a_second_place_that_fits_as_well_makes_a_word_ambiguous() -> None:
    (chosen,) = choose(([0, 0, 50, 50], [0.8]), ([100, 0, 150, 50], [0.7]), ([100, 60, 150, 90], [0.5]))

    assert (chosen.score, chosen.rival_score) == (0.8, 0.7)
    assert is_ambiguous(chosen, CONFIG)
    assert not is_ambiguous(chosen, ChoiceConfig(max_rival=0.9))
    assert not is_ambiguous(chosen, ChoiceConfig(max_rival=1.0))


def test_a_bystander_is_no_rival() -> None:
    (chosen,) = choose(([0, 0, 50, 50], [0.8]), ([100, 0, 150, 50], [0.5]))

    assert chosen.rival_score == 0.5
    assert not is_ambiguous(chosen, CONFIG)


def test_the_same_place_again_is_no_rival() -> None:
    (chosen,) = choose(([0, 0, 50, 50], [0.8]), ([2, 2, 52, 51], [0.79]))

    assert chosen.rival_score == 0


@pytest.mark.parametrize("part", [[10, 5, 25, 30], [-20, -10, 130, 100]])
def test_a_part_and_a_whole_are_no_rivals(part: list[float]) -> None:
    (chosen,) = choose(([0, 0, 50, 70], [0.8]), (part, [0.79]))

    assert chosen.rival_score == 0


def test_two_words_for_two_of_a_kind_are_kept_apart() -> None:
    """Every box shows a man; the proposal for the one in red that prefers "man" is no second man."""
    in_red, other = [0, 0, 50, 80], [100, 0, 150, 80]

    chosen = choose((other, [0.7, 0.5]), (in_red, [0.6, 0.8]), ([1, 1, 51, 80], [0.65, 0.6]))

    assert [(box.word, box.box.tolist(), box.rival_score) for box in chosen] == [(0, other, 0.0), (1, in_red, 0.0)]


def test_a_place_that_another_word_fits_worse_is_a_rival() -> None:
    first, second = [0, 0, 50, 80], [100, 0, 150, 80]

    chosen = choose((first, [0.8, 0.1]), (second, [0.7, 0.1]), ([101, 1, 151, 80], [0.1, 0.5]))

    assert [(box.word, box.rival_score) for box in chosen] == [(0, 0.7), (1, 0.0)]


def boxed(box: list[int], *, score: float = 1.0) -> ScoredMask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return ScoredMask(mask, score)


def test_a_mask_is_cut_at_the_outer_pixels_of_its_box() -> None:
    mask = trim_mask(boxed([10, 10, 60, 60]), np.array([12.3, 9.5, 40.2, 50.0]), CONFIG)

    assert mask is not None
    assert (mask == boxed([12, 10, 41, 50]).mask).all()


def test_a_mask_of_a_good_box_is_kept_to_the_pixel() -> None:
    mask = trim_mask(boxed([10, 20, 60, 70]), np.array([10.0, 20, 60, 70]), CONFIG)

    assert mask is not None
    assert (mask == boxed([10, 20, 60, 70]).mask).all()


def test_a_mask_the_segmenter_doubts_is_none() -> None:
    box = np.array([10.0, 20, 60, 70])

    assert trim_mask(boxed([10, 20, 60, 70], score=0.9), box, CONFIG) is not None
    assert trim_mask(boxed([10, 20, 60, 70], score=0.89), box, CONFIG) is None


def test_a_mask_of_nothing_or_of_everything_is_none() -> None:
    box = np.array([10.0, 20, 60, 70])

    assert trim_mask(boxed([0, 0, 0, 0]), box, CONFIG) is None
    assert trim_mask(boxed([70, 20, 90, 70]), box, CONFIG) is None
    assert trim_mask(boxed([0, 0, WIDTH, HEIGHT]), box, CONFIG) is None
    assert trim_mask(boxed([0, 0, 0, 0]), box, ChoiceConfig(min_mask_extent=0, min_mask_score=0)) is None


def test_a_mask_of_the_shirt_is_none_of_the_man() -> None:
    man = np.array([10.0, 0, 60, 100])

    assert trim_mask(boxed([10, 25, 60, 74]), man, CONFIG) is None
    assert trim_mask(boxed([10, 25, 60, 76]), man, CONFIG) is not None


def test_a_threshold_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"max_rival is 1\.5"):
        ChoiceConfig(max_rival=1.5)
    with pytest.raises(ValueError, match="min_box_score is nan"):
        ChoiceConfig(min_box_score=float("nan"))
