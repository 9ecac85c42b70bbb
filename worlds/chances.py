"""Drawing lots.

What each function takes from the generator is part of every world: change it, and a seed draws other clips than those
that shipped weights were trained on.
"""

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

Rng: TypeAlias = np.random.Generator
T = TypeVar("T")


def chance(rng: Rng, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def between(rng: Rng, low: float, high: float) -> float:
    """A uniform number."""
    return float(rng.uniform(low, high))


def log_between(rng: Rng, low: float, high: float) -> float:
    """A number whose logarithm is uniform: every order of size is as likely as the others."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def choose(rng: Rng, choices: Sequence[T]) -> T:
    """One of several, each as likely as the others."""
    return choices[int(rng.integers(len(choices)))]
