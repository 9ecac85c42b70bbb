"""COCO's run lengths against its published example and an encoder written from its rule."""

import numpy as np
import pytest

from curation.run_lengths import mask_of
from tests.curation.imports.foreign_datasets import coco_text


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
