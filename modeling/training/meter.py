"""How fast training is: tokens and floating-point operations a second, and how long each step waits for its batch."""

import time
from typing import TypedDict

import torch

from modeling.model.backbone import BackboneConfig
from modeling.model.costs import model_flops, peak_flops_per_s, workload_of
from modeling.model.parts import Trainable
from modeling.training.objective import EncodedBatch


class Rates(TypedDict):
    """Of one step.

    Attributes:
        tokens_per_s: latent tokens of the batch, on all devices together, over the time of the step with its waiting.
        data_wait_s: how long the step waited for its batch.
        model_tflops_per_s: what one device did of the operations that the step needs (recomputation does not count), in
            10^12 a second.
        mfu: that as a share of what the device could do at most; None where its peak is not known.
    """

    tokens_per_s: float
    data_wait_s: float
    model_tflops_per_s: float
    mfu: float | None


class Meter:
    """Measures one step after the other.

    Args:
        model: in training.
        device: of this process.
        devices_per_clip: devices that share the work on each clip.
    """

    def __init__(self, model: BackboneConfig, device: torch.device, *, devices_per_clip: int) -> None:
        self._model = model
        self._devices_per_clip = devices_per_clip
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        self._peak = peak_flops_per_s(name)
        self.start()

    def start(self) -> None:
        """A step begins, with the wait for its batch."""
        self._started_at = time.perf_counter()
        self._data_wait_s = 0.0
        self._flops = 0.0

    def batch_has_come(self) -> None:
        """The wait is over."""
        self._data_wait_s = time.perf_counter() - self._started_at

    def count(self, batch: EncodedBatch, *, trainable: Trainable, shows_estimate: bool) -> None:
        """The step computes the loss of this batch and its gradients."""
        forward = self._model.forward_flops(workload_of(batch.latents, batch.conditions, patch=self._model.patch))
        self._flops += model_flops(forward, trainable=trainable, estimates=float(shows_estimate))

    def rates(self, *, tokens: int) -> Rates:
        """What the step, which ends here, came to."""
        elapsed_s = time.perf_counter() - self._started_at
        flops_per_s = self._flops / self._devices_per_clip / elapsed_s
        return Rates(
            tokens_per_s=tokens / elapsed_s,
            data_wait_s=self._data_wait_s,
            model_tflops_per_s=flops_per_s / 1e12,
            mfu=None if self._peak is None else flops_per_s / self._peak,
        )
