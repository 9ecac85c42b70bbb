"""Drawn people and photographs: what the drawn clips are made of besides shapes."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Picture

from curation.content_training import photographs
from curation.content_training.camera import static_camera
from curation.content_training.people import draw_person
from curation.content_training.photographs import PHOTOGRAPHS, photograph, photograph_path
from curation.content_training.scenes import Poses, Scene, render, render_over

TIMES_S = np.linspace(0, 4, 9)


def filmed_person(swing: float, height: float = 0.9) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rest = np.zeros_like(TIMES_S)
    body = Poses(x=rest, y=rest - 0.2, angle=rest, scale=rest + 1)
    layers = draw_person(np.random.default_rng(3), TIMES_S, body, swing=swing, height=height, nearness=1.0)
    return render(Scene(layers=tuple(layers)), static_camera(TIMES_S), 128, 128)


def test_a_person_stands_upright_below_and_above_the_neck() -> None:
    frame = filmed_person(swing=0.0)[0].max(axis=2) > 0

    rows = np.flatnonzero(frame.any(axis=1))
    widths = frame.sum(axis=1)
    neck = round(128 * 0.3)
    assert rows.min() < neck - 12  # the head
    assert rows.max() > neck + 70  # the legs
    assert widths[rows.min() : neck].max() < widths[neck : neck + 30].max()  # shoulders are wider than a head


def test_limbs_move_as_much_as_they_are_told_to() -> None:
    still, calm, wild = (filmed_person(swing).astype(float) for swing in (0.0, 0.02, 0.8))

    assert (still == still[0]).all()
    changes = [np.abs(np.diff(video, axis=0)).mean() for video in (calm, wild)]
    assert 0 < 4 * changes[0] < changes[1]


def test_a_cut_out_hides_the_video_below_it_and_nothing_else() -> None:
    below = np.random.default_rng(0).integers(1, 256, (9, 128, 128, 3), np.uint8)
    rest = np.zeros_like(TIMES_S)
    body = Poses(x=rest, y=rest - 0.2, angle=rest, scale=rest + 1)
    person = draw_person(np.random.default_rng(3), TIMES_S, body, swing=0.5, height=0.9, nearness=1.0)
    is_person = filmed_person(swing=0.5).max(axis=3) > 0

    shown = render_over(below, Scene(layers=tuple(person)), static_camera(TIMES_S))

    assert (shown[~is_person] == below[~is_person]).mean() > 0.999  # but for the softest pixels of its outline
    assert (shown[is_person] != below[is_person]).mean() > 0.9


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first photograph, installed where the test says."""
    file = tmp_path / PHOTOGRAPHS[0].file
    file.parent.mkdir()
    Picture.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(file)
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", PHOTOGRAPHS[:1])
    monkeypatch.setattr(photographs, "find_spec", lambda _: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    return file


def test_photographs_are_parts_of_files_that_need_no_import(package: Path) -> None:
    one, two, other = (photograph(np.random.default_rng(seed), 40, 60) for seed in (1, 1, 2))

    assert photograph_path(PHOTOGRAPHS[0]) == package
    assert one.shape == (40, 60, 3)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_without_the_packages_a_surface_takes_the_photographs_place_and_all_else_stays(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_package, without = np.random.default_rng(5), np.random.default_rng(5)
    found = photograph(with_package, 30, 30)
    monkeypatch.setattr(photographs, "find_spec", lambda _: None)

    drawn = photograph(without, 30, 30)

    assert drawn.shape == (30, 30, 3)
    assert drawn.std() > 0
    assert not np.array_equal(found, drawn)
    assert with_package.random() == without.random()


def test_every_photograph_of_an_installed_package_is_there() -> None:
    installed = [wanted for wanted in PHOTOGRAPHS if find_spec(wanted.package) is not None]

    assert [wanted for wanted in installed if photograph_path(wanted) is None] == []
