"""What this process may use of the machine: its cores and its memory, as the system limits them."""

import os
from pathlib import Path
from typing import Final

import psutil

from curation.execution.plan import Machine

# Where Linux says what the container or service that this process runs in may have (cgroup version 2).
_CGROUP: Final = Path("/sys/fs/cgroup")

# Our choice: the rest is for the system, its cache of files, and the process that writes the shards.
_MEMORY_SHARE: Final = 0.75


def this_machine() -> Machine:
    """The cores that this process may run on, and three quarters of the memory that it may have; no GPUs."""
    memory_bytes = min([psutil.virtual_memory().total, *_limit("memory.max")])
    return Machine(cpus=_cores(), memory_bytes=int(memory_bytes * _MEMORY_SHARE))


def _cores() -> float:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _limit("cpu.max")
    return float(max(1, min(affinity, round(quota[0] / quota[1])))) if len(quota) > 1 else float(affinity)


def _limit(name: str) -> list[int]:
    """The numbers of a limit; none where there is no limit, or no such file."""
    try:
        words = (_CGROUP / name).read_text(encoding="ascii").split()
    except OSError:
        return []
    return [int(word) for word in words] if all(word.isdecimal() for word in words) else []
