"""How ways to compute the same are compared fairly: CPU time of interleaved runs, memory of a fresh process each."""

import ctypes
import multiprocessing
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch

Run = Callable[[], object]

_MIB: Final = 1024**2


def cpu_seconds(runs: Mapping[str, Run], *, rounds: int, warm_ups: int = 1) -> dict[str, float]:
    """The median CPU time of each run.

    All take turns, in the opposite order every other round, so that whatever else the machine does strikes all alike.
    With one thread: waiting threads spin, and would count as work.

    Args:
        runs: by name.
        rounds: that count.
        warm_ups: rounds before them that do not; a run of many seconds needs none.
    """
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_ups, rounds):
        for name in names if number % 2 == 0 else reversed(names):
            start_s = time.process_time()
            runs[name]()
            if number >= 0:
                times[name].append(time.process_time() - start_s)
    return {name: statistics.median(found) for name, found in times.items()}


def peak_mib(prepare: Callable[[], Run]) -> float:
    """How much the memory of a new process grows, at its peak, in the run that `prepare` returns there."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(partial(_growth_mib, prepare, torch.get_num_threads()))


def growth_mib(run: Run) -> float:
    """How much the memory of this process grows in a run, at its peak."""
    ctypes.CDLL(None).malloc_trim(0)  # what is freed but not given back would hide as much of the growth
    before = _memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    run()
    return _memory_mib("VmHWM") - before


def saved_mib(run: Run) -> float:
    """What autograd keeps for the backward pass of a run: activations, without weights."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, torch.nn.Parameter) and not isinstance(tensor._base, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = run()
    del result
    return sum(kept.values()) / _MIB


def machine(packages: Sequence[str], *, seed: int) -> str:
    """Where and with what the figures were measured."""
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    name = cpu.group(1) if cpu else platform.machine()
    return f"{name}, {torch.get_num_threads()} thread, Python {platform.python_version()}, {versions}, seed {seed}"


def verdict(found: float, goal: float, *, at_most: bool) -> str:
    """Whether a goal was reached."""
    is_met = found <= goal if at_most else found >= goal
    return f"goal {'<=' if at_most else '>='} {goal:g}: {'met' if is_met else 'MISSED'}"


def _growth_mib(prepare: Callable[[], Run], threads: int) -> float:
    torch.set_num_threads(threads)
    return growth_mib(prepare())


def _memory_mib(name: str) -> float:
    """From the kernel's file: the peak that `getrusage` tells includes what came before, even of the parent process."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split(f"{name}:")[1].split()[0]) / 1024
