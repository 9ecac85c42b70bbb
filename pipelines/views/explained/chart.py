"""The drawn figures of an explanation: the film strip over the curve of shot changes, and bars of scores."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from curation.records import Frames
from pipelines.views.explained.card import KEPT, PALE
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.score_bars import Bar
from pipelines.views.sheet_layout import CARD, DETAIL, EMPTY, GAP, REJECTED, SMALL
from pipelines.views.sheet_pictures import fit
from pipelines.views.sheet_text import Run, Style, text_width, write

_NEUTRAL: Final = "#8f8a80"

_CURVE: Final = "#3b5b8c"
_MARK: Final = "#d08a00"  # reference frames
_SHOT_COLORS: Final = ("#c9d6e8", "#e5dcc3")
_AXIS: Final = Style(size=12, color="#77736b")
_LABEL: Final = Style(size=15)

_TALLEST_PICTURE: Final = 150
_WIDE: Final = 1.2
_CURVE_HEIGHT: Final = 84
_SHOT_HEIGHT: Final = 22
_TICKS: Final = 10

_BAR_LABEL: Final = 160
_BAR_HEIGHT: Final = 14
_BAR_ROW: Final = 27
_BAR_VALUES: Final = 190


def film_strip(explanation: Explanation, frames: Frames, *, width: int) -> Image.Image:
    """Pictures along the time axis; below them the shots, and the curve with its limit and the reference frames."""
    start_s, end_s = _extent(explanation, frames)
    pictures = _pictures(explanation, frames, width)
    canvas = Image.new("RGB", (width, pictures.height + _SHOT_HEIGHT + _CURVE_HEIGHT + 42), CARD)
    draw = ImageDraw.Draw(canvas)
    canvas.paste(pictures, (0, 0))
    axis = _Axis(start_s, end_s, width)
    y = pictures.height + 4
    y = _draw_shots(draw, explanation, axis, y)
    y = _draw_curve(draw, explanation, frames, axis, y + 16)
    _draw_references(draw, explanation, axis, pictures.height, y)
    _draw_ticks(draw, axis, y + 3)
    return canvas


def bar_chart(bars: Sequence[Bar], *, width: int, decisive: str | None) -> Image.Image:
    """One bar per score with a line at its limit; red on the wrong side of it, and `decisive` names who rejected."""
    canvas = Image.new("RGB", (width, max(1, len(bars)) * _BAR_ROW), CARD)
    draw = ImageDraw.Draw(canvas)
    if not bars:
        write(draw, (0, 2), "no scores: the clip did not come that far", DETAIL, width=width)
    length = width - _BAR_LABEL - _BAR_VALUES
    for row, bar in enumerate(bars):
        y = row * _BAR_ROW
        if bar.is_broken and bar.stage == decisive:
            draw.rectangle((0, y, width, y + _BAR_ROW - 4), fill=PALE)
        color = REJECTED if bar.is_broken else _NEUTRAL if bar.limit is None else KEPT
        write(draw, (4, y + 1), [Run(bar.name, _LABEL.color)], _LABEL, width=_BAR_LABEL)
        x, top = _BAR_LABEL, y + 5
        draw.rectangle((x, top, x + length, top + _BAR_HEIGHT), fill=EMPTY)
        draw.rectangle((x, top, x + round(length * min(1.0, bar.value)), top + _BAR_HEIGHT), fill=color)
        if bar.limit is not None:
            at = x + round(length * bar.limit)
            draw.line((at, top - 4, at, top + _BAR_HEIGHT + 4), fill="#000000", width=2)
        value = Run(f"{bar.value:.2f}", color if bar.limit is not None else DETAIL.color)
        write(draw, (x + length + 10, y + 2), [value], DETAIL, width=_BAR_VALUES)
        write(draw, (x + length + 60, y + 2), bar.rule, SMALL, width=_BAR_VALUES)
    return canvas


class _Axis:
    """Seconds to pixels."""

    def __init__(self, start_s: float, end_s: float, width: int) -> None:
        self.start_s, self.end_s, self.width = start_s, end_s, width

    def x(self, time_s: float) -> int:
        """Where a moment is."""
        return round((time_s - self.start_s) / (self.end_s - self.start_s) * (self.width - 1))


def _extent(explanation: Explanation, frames: Frames) -> tuple[float, float]:
    start_s = float(frames.times_s[0])
    last_s = max([float(frames.times_s[-1]), *explanation.reference_times_s])
    media = explanation.whole.media if explanation.whole is not None else None
    end_s = max(last_s, start_s + (media.duration_s if media is not None else 0.0))
    return start_s, max(end_s, start_s + 1e-3)


def _pictures(explanation: Explanation, frames: Frames, width: int) -> Image.Image:
    """The content filter's frames, which are evenly spaced, in true proportions; every second if they are wide."""
    media = explanation.whole.media if explanation.whole is not None else None
    aspect = media.width / media.height if media is not None else 1.0
    count = len(frames.content)
    step = 2 if aspect > _WIDE and len(explanation.shots_s) < 2 and count >= 16 else 1
    chosen = frames.content[step // 2 :: step]
    cell = width // max(1, len(chosen))
    height = max(24, min(_TALLEST_PICTURE, round((cell - 4) / aspect)))
    strip = Image.new("RGB", (width, height), CARD)
    for place, picture in enumerate(chosen):
        stretched = Image.fromarray(picture).resize((max(1, round(height * aspect)), height))
        fitted = fit(stretched, cell - 4, height)
        strip.paste(fitted, (place * cell + (cell - fitted.width) // 2, (height - fitted.height) // 2))
    return strip


def _draw_shots(draw: ImageDraw.ImageDraw, explanation: Explanation, axis: _Axis, y: int) -> int:
    for number, (start_s, end_s) in enumerate(explanation.shots_s, start=1):
        left, right = axis.x(start_s), axis.x(end_s)
        draw.rectangle((left, y, max(left, right - 2), y + _SHOT_HEIGHT - 4), fill=_SHOT_COLORS[number % 2])
        label = f"shot {number}" if number == 1 else f"shot {number} from {start_s:.2f} s"
        if text_width(label, _AXIS) >= right - left - GAP:
            label = str(number)
        if text_width(label, _AXIS) < right - left - GAP:
            write(draw, (left + 5, y + 1), label, _AXIS, width=right - left)
    return y + _SHOT_HEIGHT


def _draw_curve(draw: ImageDraw.ImageDraw, explanation: Explanation, frames: Frames, axis: _Axis, y: int) -> int:
    """Of a pixel's frames the likeliest; a filled step for each frame."""
    bottom = y + _CURVE_HEIGHT
    draw.rectangle((0, y, axis.width - 1, bottom), fill="#f7f5f1")
    limit = explanation.stories[0].shot_threshold
    if explanation.shot_changes is None or limit is None:
        write(draw, (6, y + 4), "nobody looked for shot changes: the clip did not come so far", _AXIS, width=axis.width)
        return bottom
    edges = [axis.x(float(time_s)) for time_s in frames.times_s] + [axis.width - 1]
    heights = np.zeros(axis.width)
    for frame, value in enumerate(explanation.shot_changes[: len(frames.times_s) - 1], start=1):
        left, right = edges[frame], max(edges[frame] + 2, edges[frame + 1])
        heights[left:right] = np.maximum(heights[left:right], value)
    for x, value in enumerate(heights.tolist()):
        if value > 1 / _CURVE_HEIGHT:
            color = REJECTED if value >= limit else _CURVE
            draw.line((x, bottom - round(value * _CURVE_HEIGHT), x, bottom), fill=color)
    at = bottom - round(limit * _CURVE_HEIGHT)
    for x in range(0, axis.width, 12):
        draw.line((x, at, x + 6, at), fill="#000000")
    return bottom


def _draw_references(draw: ImageDraw.ImageDraw, explanation: Explanation, axis: _Axis, top: int, bottom: int) -> None:
    for time_s in explanation.reference_times_s:
        x = axis.x(time_s)
        draw.line((x, top + _SHOT_HEIGHT + 6, x, bottom), fill=_MARK, width=2)
        y = top + _SHOT_HEIGHT + 4
        draw.polygon([(x - 6, y), (x + 6, y), (x, y + 11)], fill=_MARK)


def _draw_ticks(draw: ImageDraw.ImageDraw, axis: _Axis, y: int) -> None:
    step_s = _round_step((axis.end_s - axis.start_s) / _TICKS)
    time_s = np.ceil(axis.start_s / step_s) * step_s
    while time_s <= axis.end_s:
        x = axis.x(float(time_s))
        draw.line((x, y - 3, x, y + 3), fill=_AXIS.color)
        label = f"{time_s:.10g} s"
        write(draw, (min(x + 3, axis.width - round(text_width(label, _AXIS)) - 1), y), label, _AXIS, width=80)
        time_s = round(float(time_s + step_s), 6)


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... and their parts that is not less."""
    magnitude = 10.0 ** np.floor(np.log10(max(least, 1e-6)))
    return float(next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= least - 1e-12))
