"""What curation asks of a published checkpoint: on what it runs, what `dataset.json` says of it, and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import torch

from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage import libraries
from storage.checkpoints import files_hash

_GIB: Final = 1 << 30

# One that the paper's annotators need, imported when one of them is loaded.
library = partial(libraries.library, extra="paper-annotators")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a network runs, and what it takes there.

    Attributes:
        name: as torch calls it: `cuda`, `cpu`.
        gpus: share of one GPU, which is how many workers may have it together; not asked for on a CPU.
        gpu_memory_gib: weights and one batch; shown by a plan, so that shares are not chosen too small.
        memory_gib: of the machine.
        batch_size: clips at once.
        precision: of the network's matrix products; `float32` on processors without the others.
    """

    name: str = "cuda"
    gpus: float = 0.25
    gpu_memory_gib: float = 8.0
    memory_gib: float = 4.0
    batch_size: int = 8
    precision: Literal["float32", "bfloat16", "float16"] = "bfloat16"

    def __post_init__(self) -> None:
        if not 0 < self.gpus <= 1:
            raise ValueError(f"gpus is {self.gpus}, expected a share of one GPU above 0 and at most 1")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if min(self.memory_gib, self.gpu_memory_gib) <= 0:
            raise ValueError(
                f"memory_gib is {self.memory_gib} and gpu_memory_gib {self.gpu_memory_gib}, expected positive numbers"
            )

    @property
    def dtype(self) -> torch.dtype:
        """The precision as torch names it."""
        dtype: torch.dtype = getattr(torch, self.precision)
        return dtype

    def resources(self, *, timeout_s: float) -> Resources:
        """As a stage asks for them."""
        is_cpu = torch.device(self.name).type == "cpu"
        return Resources(
            gpus=0.0 if is_cpu else self.gpus,
            gpu_memory_bytes=0 if is_cpu else round(self.gpu_memory_gib * _GIB),
            memory_bytes=round(self.memory_gib * _GIB),
            batch_size=self.batch_size,
            timeout_s=timeout_s,
        )


def describe_checkpoint(job: str, name: str, parts: Sequence[Path]) -> Annotator:
    """For `dataset.json`: the checkpoint's name, and one hash over all its files."""
    repository, _, revision = name.partition("@")
    return Annotator(job=job, name=repository, revision=revision or "unknown", weights_sha256=files_hash(*parts))


def check_finite(values: torch.Tensor, what: str) -> None:
    """Refuse NaN and infinity: they would pass through every comparison and end as a score.

    Raises:
        ClipError: a value is not finite.
    """
    if not bool(torch.isfinite(values).all()):
        bad = int((~torch.isfinite(values)).sum())
        raise ClipError(
            FailureKind.ANNOTATOR,
            f"{what}: {bad} of {values.numel()} values are NaN or infinite, expected numbers; try precision float32, "
            "and check that the checkpoint is whole",
        )
