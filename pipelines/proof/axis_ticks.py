"""Round numbers to mark on an axis."""

from collections.abc import Sequence
from math import ceil, floor
from typing import Final

_MOST_STEPS: Final = 6
_ROUND: Final = (1, 2, 5)
_LESS_ROUND: Final = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
_FEWEST: Final = 3
_POWERS: Final = range(-9, 10)


def even_ticks(low: float, high: float) -> list[float]:
    """Zero and multiples of a round step, from at or below `low` to at or above `high`; where both are 0, up to 1."""
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    step = next(rung for rung in _ladder(_ROUND) if rung >= (high - low) / _MOST_STEPS)
    first, last = floor(round(low / step, 6)), ceil(round(high / step, 6))
    return [round(number * step, 9) for number in range(first, last + 1)]


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 and their tens between two positive numbers; more of them where those are few."""
    ticks: list[float] = []
    for factors in (_ROUND, _LESS_ROUND):
        ticks = [rung for rung in _ladder(factors) if low <= rung <= high]
        if len(ticks) >= _FEWEST:
            break
    return ticks


def _ladder(factors: Sequence[float]) -> list[float]:
    return [float(f"{factor}e{power}") for power in _POWERS for factor in factors]
