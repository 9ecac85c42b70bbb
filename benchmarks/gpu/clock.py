"""Time and memory on a device that works while Python goes on."""

import gc
import statistics
import time
from collections.abc import Callable
from typing import Final, NamedTuple

import torch

Run = Callable[[], object]

# Rounds that have taken so long together are told by their median; of a run of ten seconds there is one.
_ENOUGH_S: Final = 5.0


class Measured(NamedTuple):
    """What a run takes.

    Attributes:
        seconds: the median, from an idle device to an idle device.
        peak_bytes: the most that tensors occupy on the device, with all that was there before; None on a CPU.
    """

    seconds: float
    peak_bytes: int | None


def measured(run: Run, device: torch.device, *, rounds: int) -> Measured:
    """Time and memory of a run.

    Args:
        run: to be measured. Once before it counts: then it chooses kernels, compiles, and fills the allocator's cache.
        device: on which it works.
        rounds: that count, or fewer where they are long enough to tell.
    """
    run()
    wait_for(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    found: list[float] = []
    while len(found) < rounds and sum(found) < _ENOUGH_S:
        start_s = time.perf_counter()
        run()
        wait_for(device)
        found.append(time.perf_counter() - start_s)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return Measured(statistics.median(found), peak)


def wait_for(device: torch.device) -> None:
    """Until the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget(device: torch.device) -> None:
    """Give back what earlier measurements left: unused memory, and what was compiled."""
    torch.compiler.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def memory_bytes(device: torch.device) -> int | None:
    """How much memory a GPU has; None for a CPU."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
