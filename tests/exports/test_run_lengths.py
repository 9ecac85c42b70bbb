"""Masks by hand, and as pycocotools 2.0.11 encodes them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from exports.run_lengths import as_letters, run_lengths
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
