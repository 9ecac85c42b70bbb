"""The overview's pictures as files for a paper: funnel, histograms of scores, clouds of entity words (Figure 8)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib import get_data_path
from matplotlib.figure import Figure
from wordcloud import WordCloud

from dataset_schema import EntityKind, FunnelRow
from pipelines.browser.overview import Histogram
from pipelines.views.charts import new_charts
from pipelines.views.colors import KIND_COLORS

_PASSED, _REJECTED, _FAILED = "#6d9c7e", "#b0492b", "#7a2f8f"
_BAR, _LIMIT = "#7b8ba3", "#d21f1f"
_COLUMNS: Final = 4
# Matplotlib's own font, whose letters are those of most alphabets.
_FONT: Final = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def funnel_chart(funnel: Sequence[FunnelRow]) -> Figure:
    """How many clips came to each stage, and how many passed, fell and failed there."""
    figure, (axes,) = new_charts(1, 1, width=9, height=0.8 + 0.4 * len(funnel))
    names = [row.stage.replace("_", " ") for row in funnel]
    left = [0] * len(funnel)
    parts = {
        "passed": ([row.passed for row in funnel], _PASSED),
        "rejected": ([sum(row.rejected.values()) for row in funnel], _REJECTED),
        "failed": ([sum(row.failed.values()) for row in funnel], _FAILED),
    }
    for name, (counts, color) in parts.items():
        axes.barh(names, counts, left=left, color=color, label=name)
        left = [before + count for before, count in zip(left, counts, strict=True)]
    for place, row in enumerate(funnel):
        axes.annotate(f"{row.passed:,}", (left[place], place), (4, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.1)
    axes.set_xlabel("clips")
    figure.legend(loc="outside upper right", ncols=len(parts))
    return figure


def histograms_chart(histograms: Sequence[Histogram]) -> Figure:
    """Of every score that was measured; a red line is a limit of the dataset's rules.

    Our choice: counts are logarithmic, so that rare values are seen.
    """
    rows = math.ceil(len(histograms) / _COLUMNS)
    figure, charts = new_charts(rows, _COLUMNS, width=12, height=2.2 * rows)
    for axes, histogram in zip(charts, histograms, strict=False):
        step = (histogram.high - histogram.low) / len(histogram.counts)
        edges = [histogram.low + number * step for number in range(len(histogram.counts) + 1)]
        axes.stairs(histogram.counts, edges, fill=True, color=_BAR)
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(bottom=0.5)
        axes.set_title(histogram.name.replace("_", " "), loc="left", fontsize="medium")
        for rule in histogram.rules:
            axes.axvline(rule.limit or 0.0, color=_LIMIT)
    for axes in charts[len(histograms) :]:
        axes.remove()
    return figure


def word_cloud(kind: EntityKind, words: Sequence[tuple[str, int]]) -> WordCloud:
    """Entity words of one kind, as large as they are frequent; the same words give the same cloud."""
    cloud = WordCloud(
        width=1200,
        height=800,
        background_color="white",
        color_func=lambda *_, **__: KIND_COLORS[kind],
        font_path=str(_FONT),
        random_state=0,
    )
    return cloud.generate_from_frequencies(dict(words))
