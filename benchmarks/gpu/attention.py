"""What each of PyTorch's attention kernels does on this device, on the shapes that the model has."""

import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.gpu.clock import measured
from benchmarks.gpu.inputs import workload
from dataset_schema import Bucket
from modeling.training.config import RunConfig

# None leaves the choice to PyTorch, as the model does. The plain one is left out: it holds every score in memory.
BACK_ENDS: Final = (None, SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionFigures:
    """What was measured of an attention of one clip.

    Attributes:
        layer: which attention of a block.
        back_end: the kernel; `chosen` is PyTorch's own choice.
        forward_s: None where the kernel does not take this attention on this device.
        both_s: of the forward and the backward pass.
        forward_flops: of the forward pass; the backward pass has twice as many.
        problem: what the kernel said, in a line, where it does not take it.
    """

    bucket: Bucket
    layer: str
    back_end: str
    forward_s: float | None
    both_s: float | None
    forward_flops: float
    problem: str = ""


def measure_attention(
    run: RunConfig, bucket: Bucket, device: torch.device, *, rounds: int
) -> Iterator[AttentionFigures]:
    """Self-attention, and attention to the images with the mask of padding that training has, by every kernel."""
    model, dtype = run.pipeline.model, torch.bfloat16
    work = workload(run, bucket, clips=1, has_references=True)
    draw = partial(torch.randn, device=device, dtype=dtype, requires_grad=True)
    query = draw(1, model.heads, work.tokens, model.head_channels)
    for layer, length in (("self", work.tokens), ("images, masked", work.image_tokens)):
        key, value = (draw(1, model.heads, length, model.head_channels) for _ in range(2))
        mask = None if layer == "self" else torch.ones(1, 1, 1, length, dtype=torch.bool, device=device)
        for back_end in BACK_ENDS:
            forward = partial(_attend, back_end, query, key, value, mask)
            forward_s, problem = _seconds(forward, device, rounds=rounds, trains=False)
            both_s, more = _seconds(forward, device, rounds=rounds, trains=True)
            yield AttentionFigures(
                bucket=bucket,
                layer=layer,
                back_end="chosen" if back_end is None else back_end.name.removesuffix("_ATTENTION").lower(),
                forward_s=forward_s,
                both_s=both_s,
                forward_flops=4.0 * work.tokens * length * model.width,
                problem=problem or more,
            )


def _attend(back_end: SDPBackend | None, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    with nullcontext() if back_end is None else sdpa_kernel(back_end):
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _seconds(
    forward: "partial[Tensor]", device: torch.device, *, rounds: int, trains: bool
) -> tuple[float | None, str]:
    """None, and why, where the kernel does not take it: PyTorch says so in errors of many words."""

    def run() -> None:
        if trains:
            torch.autograd.backward(forward().sum())
        else:
            with torch.no_grad():
                forward()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)  # the reasons why a kernel does not take it
        try:
            return measured(run, device, rounds=rounds).seconds, ""
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            return None, str(error).strip().partition("\n")[0]
