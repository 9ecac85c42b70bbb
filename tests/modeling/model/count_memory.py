"""Prints in MiB what writing, or reading, weights of 128 MiB takes: `count_memory.py write|read FOLDER`.

Give it MALLOC_MMAP_THRESHOLD_=65536, so that what is freed goes back to the system at once.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from modeling.model.weight_files import read_weights, write_weights

MIB = 2**20
COUNT, EACH_MIB, FILE_MIB = 32, 4, 16


class Memory:
    """The most that this process has had since it was made, without what is only mapped from files."""

    def __init__(self) -> None:
        self._before = self._now()
        self.most = 0

    def look(self) -> None:
        self.most = max(self.most, self._now() - self._before)

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


def drawn(memory: Memory) -> Iterator[tuple[str, torch.Tensor]]:
    for number in range(COUNT):
        weight = torch.full((EACH_MIB * MIB // 4,), float(number))
        memory.look()
        yield f"weight-{number:02d}", weight


def write(folder: Path, memory: Memory) -> None:
    write_weights(folder, drawn(memory), max_file_bytes=FILE_MIB * MIB)


def read(folder: Path, memory: Memory) -> None:
    for name, weight in read_weights(folder):
        memory.look()
        if weight[0].item() != int(name.removeprefix("weight-")):
            raise ValueError(f"{name} begins with {weight[0].item()}")


if __name__ == "__main__":
    used = Memory()
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]), used)
    sys.stdout.write(f"{used.most / MIB:.1f}")
