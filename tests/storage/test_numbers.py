import math
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from storage.numbers import expect_at_least, expect_positive, expect_share

CHECKS = [
    (lambda *args: expect_at_least(1, *args), (1, 2.5, None), (0, -1, 0.5)),
    (expect_positive, (1e-9, 3, None), (0, -1)),
    (expect_share, (0, 0.5, 1, None), (-0.1, 1.1)),
]


@pytest.mark.parametrize(("expect", "taken", "refused"), CHECKS)
def test_a_number_outside_of_its_range_is_named_and_nan_lies_in_none(
    expect: Callable[..., None], taken: tuple[float | None, ...], refused: tuple[float, ...]
) -> None:
    for value in taken:
        expect("run", SimpleNamespace(size=value), "size")
    for value in (*refused, math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=rf"run has size {value}, expected"):
            expect("run", SimpleNamespace(size=value), "size")
