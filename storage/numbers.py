"""Which numbers a config takes. NaN lies in no range, and infinity is no number to work with."""

import math
from collections.abc import Callable, Sequence


def expect_at_least(least: float, where: str, config: object, *names: str) -> None:
    """Refuse fields below `least`; None is no number and passes.

    Raises:
        ValueError: one is.
    """
    _expect(where, config, names, f"at least {least}", lambda value: least <= value < math.inf)


def expect_positive(where: str, config: object, *names: str) -> None:
    """Refuse fields that are not above zero; None passes.

    Raises:
        ValueError: one is not.
    """
    _expect(where, config, names, "a positive number", lambda value: 0 < value < math.inf)


def expect_share(where: str, config: object, *names: str) -> None:
    """Refuse fields outside of [0, 1]; None passes.

    Raises:
        ValueError: one is.
    """
    _expect(where, config, names, "0 to 1", lambda value: 0 <= value <= 1)


def _expect(where: str, config: object, names: Sequence[str], expected: str, is_fine: Callable[[float], bool]) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and not is_fine(value):
            raise ValueError(f"{where} has {name} {value}, expected {expected}")
