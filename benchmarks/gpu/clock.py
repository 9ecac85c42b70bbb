"""Time and memory on a device that works while Python goes on."""

import gc
import statistics
import time
from collections.abc import Callable

import torch

Run = Callable[[], object]


def median_s(run: Run, device: torch.device, *, rounds: int, warm_ups: int = 1) -> float:
    """The median wall time of a run, from an idle device to an idle device.

    Args:
        run: to be timed.
        device: on which it works.
        rounds: that count.
        warm_ups: rounds before them that do not: they choose kernels, compile, and fill the allocator's cache.
    """
    found = []
    for number in range(-warm_ups, rounds):
        wait_for(device)
        start_s = time.perf_counter()
        run()
        wait_for(device)
        if number >= 0:
            found.append(time.perf_counter() - start_s)
    return statistics.median(found)


def peak_bytes(run: Run, device: torch.device) -> int | None:
    """The most that tensors occupy on the device during a run, with all that was there before; None on a CPU."""
    if device.type != "cuda":
        run()
        return None
    torch.cuda.reset_peak_memory_stats(device)
    run()
    wait_for(device)
    return torch.cuda.max_memory_allocated(device)


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
