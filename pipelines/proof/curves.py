"""The learning curves of a proof: the training loss, and below it what the references are worth to the model."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.proof.learning import Learning, read_learning, smoothed
from pipelines.views.charts import new_charts

# Blue, vermilion and green of Okabe and Ito, which color-blind readers tell apart; the marks differ in shape as well.
_GAINS: Final = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"))
_LOGGED, _LOSS = "#cdd5df", "#1d2f4f"
_MARKS: Final = 14


def curves_chart(runs: Sequence[tuple[str, Path]]) -> Figure:
    """Loss and reference gain over the steps of all runs.

    Args:
        runs: name and `metrics.jsonl` of each, in the order of training.

    Raises:
        ValueError: a run has reported nothing.
    """
    learning = read_learning(runs)
    figure, (loss, gain) = new_charts(2, 1, width=9, height=6)
    _draw_loss(loss, learning)
    _draw_gains(gain, learning)
    gain.set_xlabel("step")
    for axes in (loss, gain):
        axes.set_xlim(0, learning.steps)
    for step, name in learning.beginnings:
        for axes in (loss, gain):
            axes.axvline(step, color="#a39e94", linewidth=1)
        loss.annotate(name, (step, 1), (4, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                      rotation=90, va="top", fontsize="small")  # fmt: skip
    return figure


def _draw_loss(axes: Axes, learning: Learning) -> None:
    axes.set_title("training loss: as logged, and its running median", loc="left")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    for curve in learning.losses:
        if curve:
            axes.plot(*zip(*curve, strict=True), ".", color=_LOGGED, markersize=3)
            axes.plot(*zip(*smoothed(curve), strict=True), color=_LOSS)


def _draw_gains(axes: Axes, learning: Learning) -> None:
    axes.set_title("reference gain: share of the loss without references", loc="left")
    axes.axhline(0, color="#77736b", linewidth=1)
    for (timestep, curve), (color, mark) in zip(learning.gains.items(), cycle(_GAINS), strict=False):
        axes.plot(*zip(*curve, strict=True), color=color, marker=mark, label=f"t = {timestep}",
                  markevery=max(1, len(curve) // _MARKS), markersize=5)  # fmt: skip
    if learning.gains:
        axes.legend()
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
