"""The learning curves of a proof: the training loss, and below it what the references are worth to the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import log, sqrt
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

from pipelines.proof.axis_ticks import even_ticks, logarithmic_ticks
from pipelines.proof.learning import Curve, Learning, read_learning, smoothed
from pipelines.views.sheet_layout import CARD, MARGIN
from pipelines.views.sheet_text import Run, Style, text_width, write

# Twice the size at which a page of documentation shows it: edges are smooth there.
_SIZE: Final = (1800, 1200)
_LEFT: Final = 120
_RIGHT: Final = _SIZE[0] - MARGIN
_PHASE_NAMES: Final = 80
_LOSS_ROWS: Final = (160, 580)
_GAIN_ROWS: Final = (690, 1090)
_INSET: Final = 16

_TITLE: Final = Style(size=30, is_bold=True)
_LABEL: Final = Style(size=26, color="#55514a")
_GRID: Final = "#e2ded6"
_ZERO: Final = "#77736b"
_PHASE: Final = "#a39e94"
_LOGGED: Final = "#cdd5df"
_LOSS: Final = "#1d2f4f"
_LINE_WIDTH: Final = 5

# Of the losses at the ends of the axis; three round numbers lie between them wherever they are.
_LEAST_RATIO: Final = 2

# Blue, vermilion and green of Okabe and Ito, which color-blind readers tell apart; the marks differ in shape as well.
_GAINS: Final = (("#0072b2", "circle"), ("#d55e00", "square"), ("#009e73", "triangle"))
_MARKS: Final = 14
_MARK_RADIUS: Final = 10


def curves_chart(runs: Sequence[tuple[str, Path]]) -> Image.Image:
    """Loss and reference gain over the steps of all runs, 1800 pixels wide.

    Args:
        runs: name and `metrics.jsonl` of each, in the order of training.

    Raises:
        ValueError: a run has reported nothing.
    """
    learning = read_learning(runs)
    canvas = Image.new("RGB", _SIZE, CARD)
    draw = ImageDraw.Draw(canvas)
    _draw_phases(draw, learning)
    _draw_loss(draw, learning)
    _draw_gains(draw, learning)
    _draw_steps(draw, learning.steps)
    return canvas


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """Steps and values to pixels.

    Attributes:
        steps: the axis ends there; it begins with 0.
        rows: the highest and the lowest of the panel.
        values: the lowest and the highest.
    """

    steps: int
    rows: tuple[int, int]
    values: tuple[float, float]
    is_logarithmic: bool = False

    def y(self, value: float) -> int:
        top, bottom = self.rows
        low, high, at = (log(each) if self.is_logarithmic else each for each in (*self.values, value))
        return round(bottom - (at - low) / (high - low) * (bottom - top))

    def places(self, curve: Curve) -> list[tuple[int, int]]:
        return [(_x(step, self.steps), self.y(value)) for step, value in curve]

    def draw_ticks(self, draw: ImageDraw.ImageDraw, ticks: Sequence[float]) -> None:
        """A line with its label at each."""
        for tick in ticks:
            y = self.y(tick)
            draw.line((_LEFT, y, _RIGHT, y), fill=_GRID if tick else _ZERO, width=2)
            label = f"{tick:g}"
            corner = (_LEFT - _INSET - round(text_width(label, _LABEL)), y - _LABEL.size // 2 - 3)
            write(draw, corner, label, _LABEL, width=_LEFT)


def _draw_phases(draw: ImageDraw.ImageDraw, learning: Learning) -> None:
    """A line down both panels where each training phase begins, its name beside it; lower if another is in the way."""
    taken, y = 0.0, _PHASE_NAMES
    for step, name in learning.beginnings:
        x = _x(step, learning.steps)
        at = min(x + _INSET, _RIGHT - round(text_width(name, _LABEL)) - 2)
        y = y + _LABEL.line_height if at < taken else _PHASE_NAMES
        for top, bottom in ((y, _LOSS_ROWS[1]), _GAIN_ROWS):
            draw.line((x, top, x, bottom), fill=_PHASE, width=3)
        write(draw, (at, y), [Run(name, _TITLE.color)], _LABEL, width=_RIGHT)
        taken = at + text_width(name, _LABEL) + _INSET


def _draw_loss(draw: ImageDraw.ImageDraw, learning: Learning) -> None:
    _write_title(draw, _PHASE_NAMES, "training loss: as logged, and its running median")
    # A logarithmic axis has no zero.
    curves = [[(step, loss) for step, loss in curve if loss > 0] for curve in learning.losses]
    losses = [loss for curve in curves for _, loss in curve]
    if not losses:
        write(draw, (_LEFT, _LOSS_ROWS[0]), "no loss was a number above zero", _LABEL, width=_RIGHT)
        return
    wider = max(1.05, sqrt(_LEAST_RATIO * min(losses) / max(losses)))
    values = (min(losses) / wider, max(losses) * wider)
    panel = _Panel(steps=learning.steps, rows=_LOSS_ROWS, values=values, is_logarithmic=True)
    panel.draw_ticks(draw, logarithmic_ticks(*values))
    for curve in curves:
        for x, y in panel.places(curve):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_LOGGED)
    for curve in curves:
        draw.line(panel.places(smoothed(curve)), fill=_LOSS, width=_LINE_WIDTH, joint="curve")


def _draw_gains(draw: ImageDraw.ImageDraw, learning: Learning) -> None:
    _write_title(draw, _GAIN_ROWS[0], "reference gain: share of the loss without references")
    shares = [share for curve in learning.gains.values() for _, share in curve]
    if not shares:
        write(draw, (_LEFT + _INSET, _GAIN_ROWS[0]), "not measured", _LABEL, width=_RIGHT)
        return
    ticks = even_ticks(min(shares), max(shares))
    panel = _Panel(steps=learning.steps, rows=_GAIN_ROWS, values=(ticks[0], ticks[-1]))
    panel.draw_ticks(draw, ticks)
    styles = list(zip(learning.gains.items(), cycle(_GAINS), strict=False))
    for (_, curve), (color, mark) in styles:
        places = panel.places(curve)
        draw.line(places, fill=color, width=_LINE_WIDTH, joint="curve")
        for place in _spread(places):
            _draw_mark(draw, place, color, mark)
    x = _RIGHT + 2 * _INSET
    for (timestep, _), (color, mark) in reversed(styles):
        label = f"t = {timestep}"
        x -= round(text_width(label, _LABEL)) + 4 * _INSET
        y = _GAIN_ROWS[0] - _TITLE.line_height - 6
        write(draw, (x, y), [Run(label, _TITLE.color)], _LABEL, width=_RIGHT)
        _draw_mark(draw, (x - _MARK_RADIUS - 10, y + _LABEL.line_height // 2), color, mark)


def _write_title(draw: ImageDraw.ImageDraw, y: int, title: str) -> None:
    write(draw, (_LEFT, y - _TITLE.line_height - 10), title, _TITLE, width=_RIGHT - _LEFT)


def _spread(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Some of them, far enough apart to be told from one another; the last is always among them."""
    least = (_RIGHT - _LEFT) / _MARKS
    before = None
    for place in reversed(places):
        if before is None or before - place[0] >= least:
            yield place
            before = place[0]


def _draw_mark(draw: ImageDraw.ImageDraw, place: tuple[int, int], color: str, mark: str) -> None:
    x, y = place
    radius = _MARK_RADIUS
    box = (x - radius, y - radius, x + radius, y + radius)
    if mark == "circle":
        draw.ellipse(box, fill=color)
    elif mark == "square":
        draw.rectangle(box, fill=color)
    else:
        draw.polygon([(x, y - radius - 2), (x - radius - 2, y + radius), (x + radius + 2, y + radius)], fill=color)


def _draw_steps(draw: ImageDraw.ImageDraw, steps: int) -> None:
    y = _GAIN_ROWS[1]
    for tick in even_ticks(0, steps):
        if tick > steps or tick % 1:
            continue
        x = _x(tick, steps)
        draw.line((x, y, x, y + 8), fill=_ZERO, width=2)
        label = f"{tick:,.0f}"
        length = round(text_width(label, _LABEL))
        write(draw, (min(x - length // 2, _RIGHT - length), y + 14), label, _LABEL, width=_RIGHT)
    write(draw, (_LEFT, y + 14 + _LABEL.line_height), "training step; t = 1 is noise", _LABEL, width=_RIGHT)


def _x(step: float, steps: int) -> int:
    return round(_LEFT + step / steps * (_RIGHT - _LEFT))
