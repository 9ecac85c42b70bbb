"""On what a network runs, and what it takes there."""

from dataclasses import dataclass, field
from typing import Final, Literal

from curation.stage import Resources
from storage.configs import PRESET_ONLY, UNDECISIVE, strict
from storage.devices import check_device_name

_GIB: Final = 1 << 30


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a network runs, and what it takes there.

    Attributes:
        name: as torch calls it: `cpu`, `cuda`, `mps` or `xpu`, or one of several, such as `cuda:1`.
        gpus: share of one GPU, which is how many workers may have it together; not asked for on a CPU.
        gpu_memory_gib: weights and one batch; shown by a plan, so that shares are not chosen too small.
        memory_gib: of the machine.
        batch_size: clips at once.
        precision: of the network's matrix products; `float32` on processors without the others.
    """

    name: str = field(default="cuda", metadata=UNDECISIVE)
    gpus: float = field(default=0.25, metadata=UNDECISIVE | PRESET_ONLY)
    gpu_memory_gib: float = field(default=8.0, metadata=UNDECISIVE | PRESET_ONLY)
    memory_gib: float = field(default=4.0, metadata=UNDECISIVE)
    batch_size: int = field(default=8, metadata=UNDECISIVE)
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"

    def __post_init__(self) -> None:
        check_device_name(self.name)
        if not 0 < self.gpus <= 1:
            raise ValueError(f"gpus is {self.gpus}, expected a share of one GPU above 0 and at most 1")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if min(self.memory_gib, self.gpu_memory_gib) <= 0:
            raise ValueError(
                f"memory_gib is {self.memory_gib} and gpu_memory_gib {self.gpu_memory_gib}, expected positive numbers"
            )

    def resources(self, *, timeout_s: float) -> Resources:
        """As a stage asks for them."""
        is_cpu = self.name.partition(":")[0] == "cpu"
        return Resources(
            gpus=0.0 if is_cpu else self.gpus,
            gpu_memory_bytes=0 if is_cpu else round(self.gpu_memory_gib * _GIB),
            memory_bytes=round(self.memory_gib * _GIB),
            batch_size=self.batch_size,
            timeout_s=timeout_s,
        )
