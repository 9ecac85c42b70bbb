"""Masks by hand, as pycocotools 2.0.11 encodes them, and as encoders and decoders written from the rule do."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from picture_reading.run_lengths import as_letters, mask_of, run_lengths
from tests.curation.imports.foreign_datasets import coco_text
from tests.exports.formats.reading import mask_of_letters, mask_of_runs

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))


def test_runs_go_down_the_columns_and_begin_with_what_is_outside() -> None:
    mask = np.array([[False, True, True], [False, True, False]])

    assert run_lengths(mask) == [2, 3, 1]
    assert run_lengths(~mask) == [0, 2, 3, 1]


@given(MASKS)
def test_runs_and_letters_give_the_mask_back(mask: npt.NDArray[np.bool_]) -> None:
    lengths = run_lengths(mask)

    assert np.array_equal(mask_of_runs(lengths, mask.shape), mask)
    assert np.array_equal(mask_of_letters(as_letters(lengths), mask.shape), mask)


y, x = np.mgrid[:480, :832]
b, a = np.mgrid[:12, :20]


@pytest.mark.parametrize(
    ("mask", "letters"),
    [
        (np.zeros((480, 832), bool), "PPV<"),
        (np.ones((480, 832), bool), "0PPV<"),
        ((x == 100) & (y >= 40) & (y < 470), "Xm^1^=Zef:"),
        (
            ((a - 9) ** 2 + (b - 6) ** 2 <= 25) & ((a - 8) ** 2 + (b - 5) ** 2 > 2),
            "f1186L2OI020N02OO12O410001N4Ji1",
        ),
    ],
)
def test_letters_are_those_of_cocos_tools(mask: npt.NDArray[np.bool_], letters: str) -> None:
    assert as_letters(run_lengths(mask)) == letters


def test_the_example_of_the_coco_api_is_read() -> None:
    runs = [6, 1, 40, 4, 5, 4, 5, 4, 21]  # of a 9 x 10 picture, columns first; the text is pycocotools' own
    expected = np.repeat([False, True] * 4 + [False], runs).reshape(10, 9).T

    assert np.array_equal(mask_of("61X13mN000`0", height=9, width=10), expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_what_an_encoder_writes_is_read_again(seed: int, share: float) -> None:
    chances = np.random.default_rng(seed).random((37, 2 + seed * 301))
    mask = chances < share

    assert np.array_equal(mask_of(coco_text(mask), height=mask.shape[0], width=mask.shape[1]), mask)


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ("61X13mN000`0", r"run lengths are of 90 pixels, expected 9x9"),
        ("61X1\t", r"hold '\\t', expected COCO"),
        ("61X", r"break off within a number"),
        ("6N", r"expected 9x9"),  # a run below 0
        ("", r"run lengths are of 0 pixels"),
    ],
)
def test_a_text_that_is_none_of_this_mask_is_refused(counts: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        mask_of(counts, height=9, width=9)
