"""What networks have in common once torch is there: a precision, threads, and answers that must be numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from curation.annotators.device import Device
from curation.stage import ClipError
from dataset_schema import FailureKind


def dtype_of(device: Device) -> torch.dtype:
    """The device's precision as torch names it."""
    dtype: torch.dtype = getattr(torch, device.precision)
    return dtype


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


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread of a CPU.

    Our choice: a few of them on a busy machine wait for each other most of the time, and curation has many clips to
    spread over the cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
