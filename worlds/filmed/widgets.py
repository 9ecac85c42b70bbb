"""The parts of a computer's screen: windows, and what they show."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Image
from worlds.chances import Rng, between, chance, choose, log_between
from worlds.filmed.colors import FloatColor, as_rgb, plain, random_color
from worlds.filmed.footage import still_picture
from worlds.filmed.lettering import words, write


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Theme:
    """The colors of a program."""

    paper: FloatColor
    ink: FloatColor
    panel: FloatColor
    accent: FloatColor


def random_theme(rng: Rng) -> Theme:
    """Dark ink on light paper, or the reverse."""
    light, dark = between(rng, 215, 255), between(rng, 5, 60)
    tint = rng.normal(0, 5, 3)
    paper, ink = (light, dark) if chance(rng, 0.6) else (dark, light)
    panel = paper + (between(rng, -45, -5) if paper > 128 else between(rng, 5, 40))
    accent = rng.uniform(20, 230, 3).astype(np.float32)
    return Theme(paper=_tone(paper, tint), ink=_tone(ink, tint), panel=_tone(panel, tint), accent=accent)


def draw_page(rng: Rng, theme: Theme, height: int, width: int) -> Image:
    """What a window shows: prose, code, a console, a form, a table, a gallery, a time line or a slide."""
    painters: tuple[Callable[[Rng, Theme, Image], None], ...] = (
        _prose, _code, _code, _console, _form, _table, _gallery, _timeline, _slide,
    )  # fmt: skip
    page = plain(theme.paper, height, width)
    choose(rng, painters)(rng, theme, page)
    return page


def draw_frame(rng: Rng, theme: Theme, page: Image) -> Image:
    """The page inside a window: title bar, buttons, and perhaps menus, a side bar and a status bar."""
    height, width = page.shape[:2]
    bar = max(8, int(width * between(rng, 0.025, 0.06)))
    window = np.empty((height + bar, width, 3), np.uint8)
    window[bar:] = page
    window[:bar] = theme.panel if chance(rng, 0.7) else theme.accent
    for button in range(3):
        cv2.circle(window, (width - 8 - 12 * button, bar // 2), 3, as_rgb(random_color(rng)), -1, cv2.LINE_AA)
    write(rng, window, words(rng, 2), (6, bar - 3), height=bar * 0.5, color=theme.ink)
    if chance(rng, 0.5):
        side = int(width * between(rng, 0.08, 0.28))
        window[bar:, :side] = theme.panel
        for row in range(bar + 12, height, 14):
            write(rng, window, words(rng, 1), (6, row), height=6, color=theme.ink)
    if chance(rng, 0.4):
        window[-9:] = theme.accent
    cv2.rectangle(window, (0, 0), (width - 1, height + bar - 1), as_rgb(theme.ink * 0.5 + theme.paper * 0.5), 1)
    return window


def paste(screen: Image, picture: Image, left: int, top: int) -> None:
    """Put a picture onto the screen; what hangs over the edge is cut."""
    height, width = screen.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + picture.shape[1], width), min(top + picture.shape[0], height)
    if x0 < x1 and y0 < y1:
        screen[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]


def _tone(level: float, tint: npt.NDArray[np.float64]) -> FloatColor:
    return np.asarray(np.clip(level + tint, 0, 255), np.float32)


def _prose(rng: Rng, theme: Theme, page: Image) -> None:
    letter, margin = log_between(rng, 6, 12), int(page.shape[1] * between(rng, 0.03, 0.2))
    row = 2.0 * letter
    while row < page.shape[0]:
        if chance(rng, 0.1):
            write(rng, page, words(rng, 3), (margin, int(row)), height=letter * 1.7, color=theme.ink)
            row += letter * 1.5
        elif chance(rng, 0.88):
            per_line = max(1, int((page.shape[1] - 2 * margin) / letter / 6))
            write(rng, page, words(rng, per_line), (margin, int(row)), height=letter, color=theme.ink)
        row += letter * 1.9


def _code(rng: Rng, theme: Theme, page: Image) -> None:
    letter = log_between(rng, 6, 11)
    colors = [theme.ink, theme.ink, theme.accent, random_color(rng), random_color(rng)]
    indent = 0
    for row in np.arange(2 * letter, page.shape[0], letter * 1.7):
        indent = int(np.clip(indent + rng.integers(-1, 2), 0, 5))
        column = 20 + indent * letter * 2.5
        for _ in range(int(rng.integers(0, 5))):
            text = words(rng, 1)
            write(rng, page, text, (int(column), int(row)), height=letter, color=choose(rng, colors))
            column += (len(text) + 1) * letter * 0.9


def _console(rng: Rng, theme: Theme, page: Image) -> None:
    page[:] = between(rng, 0, 40) if chance(rng, 0.8) else theme.paper
    color = np.array([200, 205, 200], np.float32) if chance(rng, 0.7) else theme.accent
    letter = log_between(rng, 6, 11)
    lines = np.arange(2 * letter, page.shape[0] * between(rng, 0.3, 1), letter * 1.6)
    for row in lines:
        write(rng, page, words(rng, int(rng.integers(1, 7))), (5, int(row)), height=letter, color=color)


def _form(rng: Rng, theme: Theme, page: Image) -> None:
    """Labels, fields, buttons and check boxes."""
    height, width = page.shape[:2]
    page[:] = theme.panel
    for row in range(14, height, int(rng.integers(18, 40))):
        left = int(between(rng, 0.03, 0.2) * width)
        write(rng, page, words(rng, 2), (left, row + 8), height=7, color=theme.ink)
        if chance(rng, 0.7):
            field = (int(width * 0.45), row), (int(width * between(rng, 0.55, 0.95)), row + 12)
            fill = theme.accent if chance(rng, 0.25) else theme.paper
            cv2.rectangle(page, *field, as_rgb(fill), -1)
            cv2.rectangle(page, *field, as_rgb(theme.ink * 0.6), 1)


def _table(rng: Rng, theme: Theme, page: Image) -> None:
    height, width = page.shape[:2]
    row_height, columns = int(rng.integers(11, 20)), np.linspace(0, width, int(rng.integers(4, 12))).astype(int)
    rule = as_rgb(theme.panel * 0.8)
    for index, row in enumerate(range(0, height, row_height)):
        if index == 0 or chance(rng, 0.05):
            page[row : row + row_height] = theme.accent
        cv2.line(page, (0, row), (width, row), rule, 1)
        for column in columns:
            if chance(rng, 0.75):
                number = str(rng.integers(10000))
                write(rng, page, number, (int(column) + 3, row + row_height - 3), height=6, color=theme.ink)
    for column in columns:
        cv2.line(page, (int(column), 0), (int(column), height), rule, 1)


def _gallery(rng: Rng, theme: Theme, page: Image) -> None:
    """A page of small pictures with captions, as shops and file managers show."""
    height, width = page.shape[:2]
    tile = int(width / rng.integers(2, 7))
    pictures = [still_picture(rng, max(24, int(tile * 0.6)), max(24, int(tile * 0.85))) for _ in range(3)]
    for top in range(8, height, tile):
        for left in range(6, width, tile):
            if chance(rng, 0.9):
                paste(page, choose(rng, pictures), left, top)
                write(rng, page, words(rng, 1), (left, top + int(tile * 0.75)), height=6, color=theme.ink)


def _timeline(rng: Rng, theme: Theme, page: Image) -> None:
    """An editing program: a preview, panels of buttons, tracks with colored blocks."""
    height, width = page.shape[:2]
    page[:] = theme.panel
    preview = still_picture(rng, int(height * 0.45), int(width * 0.5))
    paste(page, preview, int(width * rng.choice([0.03, 0.45])), 6)
    for track in range(int(height * 0.55), height, int(rng.integers(12, 26))):
        left = 0
        while left < width:
            length = int(log_between(rng, 0.03, 0.4) * width)
            if chance(rng, 0.7):
                cv2.rectangle(page, (left, track), (left + length - 2, track + 10), as_rgb(random_color(rng)), -1)
            left += length


def _slide(rng: Rng, theme: Theme, page: Image) -> None:
    """A heading, points, perhaps a chart or a picture."""
    height, width = page.shape[:2]
    write(rng, page, words(rng, 3), (int(width * 0.06), int(height * 0.17)), height=height * 0.07, color=theme.accent)
    for row in np.linspace(0.32, 0.85, int(rng.integers(2, 6))):
        corner = (int(width * 0.08), int(height * row))
        write(rng, page, words(rng, int(rng.integers(2, 5))), corner, height=height * 0.04, color=theme.ink)
    if chance(rng, 0.5):
        for bar in range(6):
            top, left = int(height * between(rng, 0.4, 0.85)), int(width * (0.6 + 0.06 * bar))
            cv2.rectangle(page, (left, top), (left + int(width * 0.04), int(height * 0.9)), as_rgb(theme.accent), -1)
    else:
        paste(page, still_picture(rng, int(height * 0.4), int(width * 0.35)), int(width * 0.6), int(height * 0.4))
