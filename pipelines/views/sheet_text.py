"""Text on pictures: runs of colored words that wrap into lines and end in an ellipsis where they do not fit."""

import unicodedata
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from PIL import ImageDraw, ImageFont

Color: TypeAlias = str
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_ELLIPSIS: Final = "..."
_ALSO_KNOWN: Final = "\u00b7"  # beyond ASCII, the font has little more than this
_TYPEWRITER: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
)
_LONGEST: Final = 2000  # characters; nothing longer is ever shown whole, and measuring it would take long


@dataclass(frozen=True, slots=True)
class Run:
    """Some text of one color."""

    text: str
    color: Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How text looks.

    Attributes:
        size: of the letters, in pixels; lines are 1.4 times as far apart.
    """

    size: int
    color: Color = "#2b2a28"
    is_bold: bool = False

    @property
    def line_height(self) -> int:
        """From one line to the next, in pixels."""
        return round(1.4 * self.size)


def plain(text: str) -> str:
    """The text in the letters that Pillow's built-in font has: one line, accents dropped, what is unknown as a "?"."""
    spaced = " ".join(text[:_LONGEST].translate(_TYPEWRITER).split())
    letters = unicodedata.normalize("NFKD", spaced)
    return "".join(
        letter if " " <= letter <= "~" or letter in _ALSO_KNOWN else "?"
        for letter in letters
        if not unicodedata.combining(letter)
    )


def write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    runs: Sequence[Run] | str,
    style: Style,
    *,
    width: int,
    max_lines: int = 1,
) -> int:
    """Write runs (or one text in the style's color) from a corner to the right and down, and return the y below."""
    if isinstance(runs, str):
        runs = [Run(runs, style.color)]
    x, y = corner
    for line in _lines(runs, style, width, max_lines):
        at = float(x)
        for run in line:
            stroke = 0.4 if style.is_bold else 0
            draw.text((at, y), run.text, fill=run.color, font=_font(style.size), stroke_width=stroke)
            at += text_width(run.text, style)
        y += style.line_height
    return y


def text_width(text: str, style: Style) -> float:
    """Of one line, in pixels."""
    return float(_font(style.size).getlength(text))


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _lines(runs: Sequence[Run], style: Style, width: int, max_lines: int) -> list[list[Run]]:
    """The runs broken at spaces; a word that is longer than a line is broken inside."""
    lines: list[list[Run]] = [[]]
    used = 0.0
    for word in _words(runs):
        for piece in _broken(word, style, width):
            length = text_width(piece.text.rstrip(), style)
            if used + length > width and lines[-1]:
                if len(lines) == max_lines:
                    lines[-1] = _shortened(lines[-1], style, width)
                    return lines
                lines.append([])
                used = 0.0
            lines[-1].append(piece)
            used += text_width(piece.text, style)
    return lines


def _words(runs: Sequence[Run]) -> list[Run]:
    """One run per word, with the space after it."""
    words: list[Run] = []
    for run in runs:
        for index, word in enumerate(plain_edges(run.text).split(" ")):
            if index and words:
                words[-1] = Run(words[-1].text + " ", words[-1].color)
            if word:
                words.append(Run(word, run.color))
    return words


def plain_edges(text: str) -> str:
    """Like `plain`, but a space at either end stays: it parts this run from its neighbour."""
    body = plain(text)
    before = " " if text[:1].isspace() else ""
    after = " " if text[-1:].isspace() and body else ""
    return f"{before}{body}{after}"


def _broken(word: Run, style: Style, width: int) -> Iterator[Run]:
    """The word in pieces that fit into a line, at least one letter each."""
    rest = word.text
    while text_width(rest.rstrip(), style) > width and len(rest) > 1:
        fitting = bisect(range(1, len(rest)), float(width), key=lambda n: text_width(rest[:n], style))
        yield Run(rest[: max(1, fitting)], word.color)
        rest = rest[max(1, fitting) :]
    yield Run(rest, word.color)


def _shortened(line: list[Run], style: Style, width: int) -> list[Run]:
    """The line cut until an ellipsis fits after it."""
    kept = list(line)
    while kept:
        last = kept.pop()
        room = width - sum(text_width(run.text, style) for run in kept) - text_width(_ELLIPSIS, style)
        text = last.text.rstrip()
        while text and text_width(text, style) > room:
            text = text[:-1]
        if text:
            return [*kept, Run(text.rstrip() + _ELLIPSIS, last.color)]
    return [Run(_ELLIPSIS, style.color)]
