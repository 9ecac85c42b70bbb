"""The benchmark of finding one subject: its arithmetic, and that its truth is true."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.subject import LEAST_PRECISION, Counted, Target, drawings, figures_of, interval, shows, targets
from worlds.sprites import ANIMALS, SpriteWorldConfig, look, make_world

WORLD = SpriteWorldConfig(seed=3, clips=2, frames=16, height=64, width=112, undesirable_share=0.0, looks=2)


# Wilson's interval as Newcombe's comparison of seven methods tabulates it (Statistics in Medicine 17, 1998, table I).
@pytest.mark.parametrize(
    ("part", "whole", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)]
)
def test_the_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    assert interval(part, whole) == pytest.approx((low, high), abs=2e-4)


def test_figures_count_what_is_found_what_is_there_and_what_curation_left_out() -> None:
    counted = Counted(right=18, wrong=2, missed=2, lost=4) + Counted(right=1)

    precision, recall, of_all = figures_of("so", counted)

    assert precision.value == pytest.approx(19 / 21)
    assert recall.value == pytest.approx(19 / 21)
    assert of_all.value == pytest.approx(19 / 25)
    assert not precision.is_met
    assert precision.goal == LEAST_PRECISION


def test_a_clip_shows_who_is_in_it_and_no_other(tmp_path: Path) -> None:
    make_world(tmp_path, WORLD)

    shown = [[target.word for target in targets(WORLD) if shows(tmp_path, f"{i:04d}", target)] for i in range(2)]

    for words, caption in zip(shown, (tmp_path / "manifest.csv").read_text().splitlines()[1:], strict=True):
        assert words
        assert all(word in caption.lower() for word in words)
        assert not {animal for animal in ANIMALS if f" {animal} " in caption.lower()} - set(words)


def test_drawings_are_of_one_texture_in_other_poses_and_sizes() -> None:
    texture = look(WORLD, "cat", 0)

    pictures = drawings(Target("cat", texture))

    assert len({picture.shape for picture in pictures}) > 2
    colors = [picture[picture[..., 3] > 0][:, :3].mean(axis=0) for picture in pictures]
    assert np.ptp(colors, axis=0).max() < 20
    assert texture != look(replace(WORLD, seed=4), "cat", 0)
