"""The floor of networks: their multiplications alone, in the form that a processor is fastest at."""

from typing import Final

import torch

from benchmarks.table.timed import Work

_SIDE: Final = 1024


def matrix_products(flops: float) -> Work:
    """As many operations as products of square float32 matrices, which lie in the cache, on one thread."""
    torch.set_num_threads(1)
    left, right = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    times = max(1, round(flops / (2 * _SIDE**3)))

    def work() -> str:
        with torch.no_grad():
            for _ in range(times):
                torch.mm(left, right)
        return f"{flops / 1e9:.0f} GFLOP"

    return work
