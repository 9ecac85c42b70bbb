"""Names of colors against colors that have one name only."""

import numpy as np
import pytest

from curation.annotators.detected_object.named_colors import has_color, known_colors

PURE = {
    "red": (200, 30, 30),
    "orange": (240, 140, 20),
    "yellow": (235, 220, 40),
    "green": (40, 150, 50),
    "blue": (40, 70, 190),
    "purple": (110, 40, 160),
    "pink": (245, 140, 190),
    "brown": (120, 75, 35),
    "black": (20, 20, 22),
    "white": (240, 240, 238),
    "grey": (128, 128, 130),
}

# Names that overlap: a brown is a dark orange, and a pink may pass for a red or a purple.
ALIKE = {frozenset(pair) for pair in (("orange", "brown"), ("pink", "red"), ("pink", "purple"))}


@pytest.mark.parametrize("name", PURE)
def test_a_color_has_its_own_name_and_no_other(name: str) -> None:
    picture = np.full((4, 4, 3), PURE[name], np.uint8)

    found = {other for other in PURE if has_color(picture, other).all()}

    assert name in found
    assert all(frozenset((name, other)) in ALIKE for other in found - {name})


def test_names_that_mean_one_color_are_one_and_patterns_are_none() -> None:
    assert known_colors({"maroon", "red", "striped", "navy"}) == {"red", "blue"}
