import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from pipelines.views.sheet_text import Run, Style, plain, text_width, write

STYLE = Style(size=16)


class Recorder(ImageDraw.ImageDraw):
    """Remembers what is written where."""

    def __init__(self) -> None:
        super().__init__(Image.new("RGB", (800, 200)))
        self.written: list[tuple[float, float, str, Any]] = []

    def text(self, xy: Any, text: Any, *args: Any, fill: Any = None, **kwargs: Any) -> None:
        self.written.append((*xy, text, fill))

    def lines(self) -> list[str]:
        rows = sorted({y for _, y, _, _ in self.written})
        return ["".join(text for _, y, text, _ in self.written if y == row) for row in rows]


@given(text=st.text(alphabet=string.ascii_letters + "  .,", max_size=200), width=st.integers(40, 500))
def test_written_text_stays_in_its_width_and_loses_nothing_but_spaces(text: str, width: int) -> None:
    draw = Recorder()

    below = write(draw, (7, 3), text, STYLE, width=width, max_lines=1000)

    assert all(text_width(line.rstrip(), STYLE) <= width + 0.5 for line in draw.lines())
    assert "".join("".join(draw.lines()).split()) == "".join(text.split())
    assert below == 3 + STYLE.line_height * max(1, len(draw.lines()))


@given(width=st.integers(60, 300), max_lines=st.integers(1, 3))
def test_text_that_does_not_fit_ends_in_an_ellipsis(width: int, max_lines: int) -> None:
    draw = Recorder()

    below = write(draw, (0, 0), "a sentence of some words " * 30, STYLE, width=width, max_lines=max_lines)

    assert len(draw.lines()) == max_lines
    assert draw.lines()[-1].endswith("...")
    assert text_width(draw.lines()[-1], STYLE) <= width + 0.5
    assert below == max_lines * STYLE.line_height


def test_every_run_keeps_its_color() -> None:
    draw = Recorder()

    write(draw, (0, 0), [Run("A ", "black"), Run("cat", "red"), Run(" runs.", "black")], STYLE, width=500)

    assert [(text.strip(), color) for _, _, text, color in draw.written] == [
        ("A", "black"),
        ("cat", "red"),
        ("runs.", "black"),
    ]
    assert draw.lines() == ["A cat runs."]


def test_words_that_touch_are_not_parted() -> None:
    draw = Recorder()

    write(draw, (0, 0), [Run("In the ", "black"), Run("sea", "green"), Run(", a fish.", "black")], STYLE, width=500)

    assert draw.lines() == ["In the sea, a fish."]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9", "cafe"),
        ("\u201cA\u201d \u2013 b\u2019s", '"A" - b\'s'),
        ("one\n\ttwo\x00", "one two?"),
        ("\u732b", "?"),
    ],
)
def test_letters_beyond_the_font_are_replaced(text: str, shown: str) -> None:
    assert plain(text) == shown
