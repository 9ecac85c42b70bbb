"""Where the parts of the overview's pictures stand, in units of their own; the templates write them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dataset_schema import FunnelRow
from pipelines.browser.overview import Histogram

FUNNEL_WIDTH: Final = 1000
FUNNEL_ROW: Final = 34
HISTOGRAM_WIDTH: Final = 320
HISTOGRAM_HEIGHT: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelBar:
    """A stage: how many clips came to it, and how far its bar reaches for those that passed, fell and failed."""

    row: FunnelRow
    y: int
    passed: float
    rejected: float
    failed: float

    @property
    def num_rejected(self) -> int:
        """Clips that the stage's rules removed."""
        return sum(self.row.rejected.values())

    @property
    def num_failed(self) -> int:
        """Clips that were lost to an error there."""
        return sum(self.row.failed.values())

    @property
    def reasons(self) -> str:
        """What the stage removed and lost, in words."""
        return ", ".join(f"{code} {count}" for code, count in {**self.row.rejected, **self.row.failed}.items())


def funnel_pairs(
    first: Sequence[FunnelRow], second: Sequence[FunnelRow]
) -> list[tuple[str, FunnelBar | None, FunnelBar | None]]:
    """The bars of two funnels, stage beside stage, all on one scale; None where one has no such stage."""
    most = max((row.entered for row in (*first, *second)), default=0)
    bars = [{bar.row.stage: bar for bar in funnel_bars(funnel, most)} for funnel in (first, second)]
    return [(stage, bars[0].get(stage), bars[1].get(stage)) for stage in dict.fromkeys((*bars[0], *bars[1]))]


def funnel_bars(funnel: Sequence[FunnelRow], most: int = 0) -> list[FunnelBar]:
    """A bar for every stage, all on the scale of `most` clips, or of those of the first stage."""
    unit = FUNNEL_WIDTH / (most or max((row.entered for row in funnel), default=0) or 1)
    return [
        FunnelBar(
            row=row,
            y=number * FUNNEL_ROW,
            passed=row.passed * unit,
            rejected=sum(row.rejected.values()) * unit,
            failed=sum(row.failed.values()) * unit,
        )
        for number, row in enumerate(funnel)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramBar:
    """A part of a score's range, and the clips in it."""

    low: float
    high: float
    count: int
    x: float
    height: float
    width: float


def histogram_bars(histogram: Histogram) -> list[HistogramBar]:
    """A bar for every part that has clips. Our choice: heights are square roots, so that rare values are seen."""
    most = math.sqrt(max(histogram.counts))
    step = (histogram.high - histogram.low) / len(histogram.counts)
    width = HISTOGRAM_WIDTH / len(histogram.counts)
    return [
        HistogramBar(
            low=histogram.low + number * step,
            high=histogram.high if number + 1 == len(histogram.counts) else _below(histogram.low + (number + 1) * step),
            count=count,
            x=number * width,
            height=math.sqrt(count) / most * HISTOGRAM_HEIGHT,
            width=width - 1,
        )
        for number, count in enumerate(histogram.counts)
        if count
    ]


def _below(value: float) -> float:
    """The greatest number below: the value itself belongs to the next bar."""
    return math.nextafter(value, -math.inf)


def limit_lines(histogram: Histogram) -> list[tuple[float, str]]:
    """Where the limits of a score stand, and what they ask for; those that no clip comes near are left out."""
    span = histogram.high - histogram.low
    places = [((rule.limit or 0.0) - histogram.low, rule.demand) for rule in histogram.rules]
    return [(place / span * HISTOGRAM_WIDTH, demand) for place, demand in places if 0 <= place <= span]
