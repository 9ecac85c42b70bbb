"""The curve of shot changes over the time axis of a video, its shots, and the frames that references are cut from."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from curation.records import Frames
from pipelines.views.charts import new_charts
from pipelines.views.colors import REJECTED
from pipelines.views.explained.explanation import Explanation

_CURVE: Final = "#3b5b8c"
_MARK: Final = "#d08a00"  # reference frames
_SHOT_COLORS: Final = ("#c9d6e8", "#e5dcc3")
_SHOTS: Final = (-0.34, 0.26)  # from where, and how high, below the curve
_EDGE: Final = 0.02  # of the width, for what is written at the ends of the axis
_NARROW: Final = 0.08  # of the axis: a shot in which no more than its number has room
_NARROWEST: Final = 0.02


def shots_chart(explanation: Explanation, frames: Frames) -> Figure:
    """A step for each frame, red where it is a shot change. The style has the same edges beside the pictures above."""
    figure, (axes,) = new_charts(1, 1, width=14, height=1.7)
    figure.set_layout_engine("none")
    axes.set_position((_EDGE, 0.16, 1 - 2 * _EDGE, 0.84))
    axes.set_xlim(*extent_s(explanation, frames))
    axes.set_ylim(_SHOTS[0], 1.3)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.xaxis.set_major_formatter("{x:g} s")
    _draw_shots(axes, explanation)
    _draw_curve(axes, explanation, frames)
    times_s = explanation.reference_times_s
    axes.vlines(times_s, 0, 1.1, color=_MARK, linewidth=1)
    axes.plot(times_s, [1.17] * len(times_s), "v", color=_MARK, clip_on=False)
    return figure


def extent_s(explanation: Explanation, frames: Frames) -> tuple[float, float]:
    """When the time axis begins and ends."""
    start_s = float(frames.times_s[0])
    last_s = max([float(frames.times_s[-1]), *explanation.reference_times_s])
    media = explanation.whole.media if explanation.whole is not None else None
    end_s = max(last_s, start_s + (media.duration_s if media is not None else 0.0))
    return start_s, max(end_s, start_s + 1e-3)


def _draw_shots(axes: Axes, explanation: Explanation) -> None:
    left, right = axes.get_xlim()
    bottom, height = _SHOTS
    for number, (start_s, end_s) in enumerate(explanation.shots_s, start=1):
        axes.broken_barh([(start_s, end_s - start_s)], _SHOTS, facecolors=_SHOT_COLORS[number % 2])
        share = (end_s - start_s) / (right - left)
        if share > _NARROWEST:
            name = str(number) if share < _NARROW else f"shot {number}"
            axes.annotate(name, (start_s, bottom + height / 2), (4, 0), textcoords="offset points", va="center")


def _draw_curve(axes: Axes, explanation: Explanation, frames: Frames) -> None:
    limit = explanation.stories[0].shot_threshold
    if explanation.shot_changes is None or limit is None:
        axes.text(0.01, 0.6, "nobody looked for shot changes: the clip did not come so far", transform=axes.transAxes)
        return
    values = explanation.shot_changes[: len(frames.times_s) - 1]
    edges = np.append(frames.times_s[1 : len(values) + 1], axes.get_xlim()[1])
    # A line around each step: of a long video's frames one is narrower than a pixel.
    axes.stairs(values, edges, fill=True, color=_CURVE, linewidth=1)
    axes.stairs(np.where(values >= limit, values, np.nan), edges, fill=True, color=REJECTED, linewidth=1)
    axes.axhline(limit, color="black", linestyle="--", linewidth=1)
