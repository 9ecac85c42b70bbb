"""The lines of the content filter's fourth channel, against pictures whose lines are known."""

import numpy as np
import numpy.typing as npt

from curation.annotators.content_lines import lasting_lines
from curation.content_training.textures import fractal_noise

SIDE = 224
INSIDE = slice(20, 90)  # of the inset, both ways


def passing_footage(count: int = 16) -> npt.NDArray[np.uint8]:
    """A camera that travels past a soft picture: nothing stays where it is."""
    noise = (255 * fractal_noise(np.random.default_rng(1), SIDE, 2 * SIDE, roughness=0.4)).astype(np.uint8)
    return np.stack([np.repeat(noise[:, 9 * step : 9 * step + SIDE, None], 3, axis=2) for step in range(count)])


def with_inset(video: npt.NDArray[np.uint8], first: int = 0, last: int = 16) -> npt.NDArray[np.uint8]:
    """Another part of the footage, brighter, over it from one frame to another."""
    shown = video.copy()
    inset = video[::-1, 120:190, 140:210] // 2 + 120
    shown[first:last, INSIDE, INSIDE] = inset[first:last]
    return shown


def on_edge(lines: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Per frame the mean along the middle of the inset's four edges."""
    scale = lines.shape[1] / SIDE
    low, high, middle = round(20 * scale), round(90 * scale), slice(round(35 * scale), round(75 * scale))
    edges = [lines[:, middle, low - 1 : low + 2], lines[:, middle, high - 1 : high + 2]]
    edges += [lines[:, low - 1 : low + 2, middle].swapaxes(1, 2), lines[:, high - 1 : high + 2, middle].swapaxes(1, 2)]
    return np.asarray(np.mean([edge.max(axis=2).mean(axis=1) for edge in edges], axis=0))


def test_the_edge_of_an_overlaid_picture_is_shown_and_its_surroundings_are_not() -> None:
    footage = passing_footage()

    without, shown = lasting_lines(footage, 96), lasting_lines(with_inset(footage), 96)

    assert shown.shape == (16, 96, 96)
    assert on_edge(shown).min() > 60
    assert on_edge(without).max() < 20
    assert shown[:, 60:, 60:].mean() < 10


def test_a_pop_up_has_an_edge_while_it_is_there() -> None:
    shown = on_edge(lasting_lines(with_inset(passing_footage(), first=5, last=12), 96))

    assert shown[7:10].min() > 60
    assert max(shown[:4].max(), shown[14:].max()) < 20


def test_an_edge_that_is_hidden_for_a_moment_is_still_there() -> None:
    video = with_inset(passing_footage())
    video[8] = passing_footage()[8]

    assert on_edge(lasting_lines(video, 96)).min() > 60


def test_a_tilted_edge_is_no_line() -> None:
    rows, columns = np.indices((SIDE, SIDE))
    edges = [np.where(side > 0, 200, 60).astype(np.uint8) for side in (columns - 110, columns + 0.4 * rows - 150)]

    straight, slanted = (lasting_lines(np.tile(edge[None, ..., None], (16, 1, 1, 3)), 96) for edge in edges)

    assert straight.max() > 200
    assert slanted.max() < 0.5 * straight.max()


def test_texture_everywhere_is_no_line() -> None:
    grain = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 1), np.uint8).repeat(16, axis=0)

    assert lasting_lines(grain.repeat(3, axis=3), 96).mean() < 15


def test_an_empty_picture_has_no_lines() -> None:
    assert not lasting_lines(np.full((16, SIDE, SIDE, 3), 90, np.uint8), 96).any()
