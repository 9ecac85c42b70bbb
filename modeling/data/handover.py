"""What is done to a batch in the background, so that a training step finds it ready to go to its device."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """How batches are handed over; it changes no value of them.

    Attributes:
        prepare_image: what the image encoder does to each picture before its network (`Encoders.prepare_image`).
        pin: puts a tensor where a device fetches it while the processor goes on; None where it lies there already.
    """

    prepare_image: Callable[[Image.Image], Image.Image] = _as_it_is
    pin: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def to_device(cls, device: torch.device, prepare_image: Callable[[Image.Image], Image.Image]) -> "Handover":
        """For batches of this device: a GPU fetches from page-locked memory, a CPU has them already."""
        return cls(prepare_image=prepare_image, pin=Tensor.pin_memory if device.type == "cuda" else None)

    def stacked(self, parts: list[Tensor]) -> Tensor:
        """The parts of a batch in one tensor, where the device fetches it."""
        together = torch.stack(parts)
        return together if self.pin is None else self.pin(together)
