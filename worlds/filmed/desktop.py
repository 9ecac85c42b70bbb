"""Screen recordings (A.1): a still screen on which a pointer moves, text grows, pages scroll, windows come and go."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from worlds.arrays import Image, PerFrame, Video
from worlds.chances import Rng, between, chance, choose
from worlds.filmed.camera import wander
from worlds.filmed.colors import as_rgb, plain, random_color
from worlds.filmed.footage import still_picture
from worlds.filmed.lettering import words, write
from worlds.filmed.surfaces import soften, surface
from worlds.filmed.widgets import Theme, draw_frame, draw_page, paste, random_theme

# Screens are drawn finer than the frame and shrunk, which turns small letters into the grey lines that they become.
_FINENESS = 2

_ARROW = np.array([[0, 0], [0, 16], [4, 12], [7, 18], [9, 17], [6, 11], [11, 11]], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """A window and where its upper left corner is, in pixels of the fine screen.

    Attributes:
        page: all that it can show; taller than the window when it scrolls.
    """

    page: Image
    theme: Theme
    left: int
    top: int
    height: int
    style: int

    def drawn(self, scroll: int = 0) -> Image:
        """The window's picture with the page scrolled down by some pixels."""
        scroll = min(max(scroll, 0), len(self.page) - self.height)
        return draw_frame(np.random.default_rng(self.style), self.theme, self.page[scroll : scroll + self.height])


Action = Callable[[Image, int], None]  # draws on a copy of the screen what is there in frame n


def film_screen_recording(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A recording of a computer's screen."""
    fine_height, fine_width = height * _FINENESS, width * _FINENESS
    desktop = _draw_desktop(rng, fine_height, fine_width)
    windows = _open_windows(rng, fine_height, fine_width)
    for window in windows[:-1]:
        paste(desktop, window.drawn(), window.left, window.top)
    front = windows[-1]
    actions: list[Action] = [_show(rng, front, times_s)]
    actions += [_draw_action(rng, front, times_s) for _ in range(int(rng.choice([0, 1, 1, 2])))]
    if chance(rng, 0.8):
        actions.append(_pointer(rng, times_s, fine_height, fine_width))
    zoom = _editor_zoom(rng, times_s)
    frames = []
    for frame in range(len(times_s)):
        screen = desktop.copy()
        for act in actions:
            act(screen, frame)
        screen = _zoomed(screen, *zoom[frame])
        frames.append(cv2.resize(screen, (width, height), interpolation=cv2.INTER_AREA))
    return np.stack(frames).astype(np.uint8)


def _draw_desktop(rng: Rng, height: int, width: int) -> Image:
    """Wallpaper, icons and a task bar."""
    kind = rng.random()
    if kind < 0.35:
        desktop = plain(random_color(rng), height, width)
    elif kind < 0.7:
        desktop = soften(surface(rng, height, width), between(rng, 4, 40))
    else:
        desktop = still_picture(rng, height, width)
    if chance(rng, 0.6):
        for row in range(10, int(height * between(rng, 0.2, 0.9)), 46):
            cv2.rectangle(desktop, (10, row), (30, row + 20), as_rgb(random_color(rng)), -1)
            write(rng, desktop, words(rng, 1), (6, row + 32), height=6, color=random_color(rng))
    if chance(rng, 0.7):
        theme, bar = random_theme(rng), int(height * between(rng, 0.03, 0.06))
        top = height - bar if chance(rng, 0.8) else 0
        desktop[top : top + bar] = theme.panel
        for left in range(4, int(width * 0.5), bar + 4):
            cv2.rectangle(desktop, (left, top + 3), (left + bar - 5, top + bar - 4), as_rgb(random_color(rng)), -1)
    return desktop


def _open_windows(rng: Rng, height: int, width: int) -> list[Window]:
    """One to three windows; the last is in front, and often fills the screen."""
    windows = []
    count = int(rng.choice([1, 1, 2, 3]))
    for index in range(count):
        is_full = index == count - 1 and chance(rng, 0.5)
        window_width = width if is_full else int(width * between(rng, 0.35, 0.9))
        window_height = int(height * 0.93) if is_full else int(height * between(rng, 0.3, 0.8))
        theme = random_theme(rng)
        windows.append(
            Window(
                page=draw_page(rng, theme, int(window_height * between(rng, 1.0, 2.5)), window_width),
                theme=theme,
                left=0 if is_full else int(rng.integers(-20, width - window_width + 20)),
                top=0 if is_full else int(rng.integers(0, height - window_height)),
                height=window_height,
                style=int(rng.integers(1 << 30)),
            )
        )
    return windows


def _show(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    """The front window: at rest, scrolled in bursts, dragged about, or opened late."""
    count = len(times_s)
    scroll, left, top = np.zeros(count), np.full(count, window.left), np.full(count, window.top)
    opens_at = 0
    kind = rng.random()
    if kind < 0.35:
        bursts = rng.random(count) < between(rng, 0.1, 0.9)
        scroll = np.cumsum(bursts * rng.uniform(4, 60, count) * rng.choice([-1, 1, 1, 1], count))
    elif kind < 0.45:
        left = left + wander(rng, times_s, between(rng, 10, 90)).astype(int)
        top = top + wander(rng, times_s, between(rng, 5, 60)).astype(int)
    elif kind < 0.55:
        opens_at = int(rng.integers(1, count))

    def act(screen: Image, frame: int) -> None:
        if frame >= opens_at:
            paste(screen, window.drawn(int(scroll[frame])), int(left[frame]), int(top[frame]))

    return act


def _draw_action(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    """Something that happens in the front window."""
    actions = (_type_text, _fill_progress, _pop_menu, _highlight, _change_page)
    return choose(rng, actions)(rng, window, times_s)


def _type_text(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    lines = [words(rng, 5) for _ in range(6)]
    typed = np.cumsum(rng.uniform(0, 2, len(times_s)) * between(rng, 2, 25)).astype(int)
    left, top, letter = window.left + int(between(rng, 20, 120)), window.top + int(window.height * 0.3), 9
    style = int(rng.integers(1 << 30))

    def act(screen: Image, frame: int) -> None:
        shown = int(typed[frame])
        for row, line in enumerate(lines):
            part = line[: max(shown - sum(len(before) for before in lines[:row]), 0)]
            corner = (left, top + row * 18)
            write(np.random.default_rng(style), screen, part, corner, height=letter, color=window.theme.ink)

    return act


def _fill_progress(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    start, pace = between(rng, 0, 0.5), between(rng, 0.0, 0.8)
    length = int(window.page.shape[1] * between(rng, 0.3, 0.8))
    left, top = window.left + int(window.page.shape[1] * 0.1), window.top + int(window.height * between(rng, 0.3, 0.9))
    thickness = int(rng.integers(4, 14))

    def act(screen: Image, frame: int) -> None:
        done = min(1.0, start + pace * frame / len(times_s))
        cv2.rectangle(screen, (left, top), (left + length, top + thickness), as_rgb(window.theme.panel), -1)
        filled = (left + int(length * done), top + thickness)
        cv2.rectangle(screen, (left, top), filled, as_rgb(window.theme.accent), -1)

    return act


def _pop_menu(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    """A menu or a dialogue that is there for a while."""
    opens = int(rng.integers(0, len(times_s)))
    closes = opens + int(rng.integers(2, len(times_s)))
    box_height, box_width = int(rng.integers(40, 180)), int(rng.integers(60, 220))
    menu = draw_page(rng, window.theme, box_height, box_width)
    if chance(rng, 0.5):
        menu = draw_frame(rng, window.theme, menu)
    left, top = window.left + int(rng.integers(0, 200)), window.top + int(rng.integers(10, 160))

    def act(screen: Image, frame: int) -> None:
        if opens <= frame < closes:
            paste(screen, menu, left, top)

    return act


def _highlight(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    """A selected row that jumps from line to line."""
    row_height = int(rng.integers(10, 22))
    rows = np.cumsum(rng.integers(-1, 2, len(times_s)) * (rng.random(len(times_s)) < 0.5)) + int(rng.integers(4, 12))
    width = int(window.page.shape[1] * between(rng, 0.3, 0.9))

    def act(screen: Image, frame: int) -> None:
        top = max(0, window.top + int(rows[frame]) * row_height)
        left = max(0, window.left)
        area = screen[top : top + row_height, left : left + width]
        area[:] = (area * 0.5 + window.theme.accent * 0.5).astype(np.uint8)

    return act


def _change_page(rng: Rng, window: Window, times_s: PerFrame) -> Action:
    """Another page or slide from some moment on."""
    changes_at = int(rng.integers(2, len(times_s)))
    page = draw_page(rng, window.theme, window.height, window.page.shape[1])
    framed = draw_frame(np.random.default_rng(window.style), window.theme, page)

    def act(screen: Image, frame: int) -> None:
        if frame >= changes_at:
            paste(screen, framed, window.left, window.top)

    return act


def _pointer(rng: Rng, times_s: PerFrame, height: int, width: int) -> Action:
    """A pointer that rests and then jumps or glides to its next place."""
    is_moving = rng.random(len(times_s)) < between(rng, 0.1, 0.9)
    steps = rng.normal(0, between(rng, 0.02, 0.2), (len(times_s), 2)) * is_moving[:, None]
    places = np.clip(rng.uniform(0.1, 0.9, 2) + np.cumsum(steps, axis=0), 0, 0.97) * (width, height)
    size = between(rng, 0.8, 2.0)
    fill, edge = ((255, 255, 255), (0, 0, 0)) if chance(rng, 0.7) else ((0, 0, 0), (255, 255, 255))

    def act(screen: Image, frame: int) -> None:
        outline = (places[frame] + _ARROW * size).astype(np.int32)
        cv2.fillPoly(screen, [outline], fill, cv2.LINE_AA)
        cv2.polylines(screen, [outline], True, edge, 1, cv2.LINE_AA)

    return act


def _editor_zoom(rng: Rng, times_s: PerFrame) -> npt.NDArray[np.float64]:
    """Zoom and centre (x, y) per frame: now and then an editor has enlarged a part of the capture for a while."""
    zoom = np.tile([1.0, 0.5, 0.5], (len(times_s), 1))
    if chance(rng, 0.15):
        begins, ends = sorted(rng.integers(0, len(times_s) + 1, 2))
        zoom[begins:ends] = [between(rng, 1.2, 2.2), between(rng, 0.3, 0.7), between(rng, 0.3, 0.7)]
        zoom[:, 0] = np.convolve(np.pad(zoom[:, 0], 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    if chance(rng, 0.15):
        zoom[:, 0] *= between(rng, 1.1, 1.8)
    return zoom


def _zoomed(screen: Image, zoom: float, x: float, y: float) -> Image:
    height, width = screen.shape[:2]
    part_height, part_width = int(height / zoom), int(width / zoom)
    top, left = int((height - part_height) * y), int((width - part_width) * x)
    return screen[top : top + part_height, left : left + part_width]
