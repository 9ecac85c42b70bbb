"""What products of 8-bit floats would be worth: the block's matrices in bfloat16 and in float8, on a step's tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import ScalingType, scaled_mm

from benchmarks.gpu.clock import measured
from modeling.training.config import RunConfig

_FORM: Final = torch.float8_e4m3fn
_LARGEST: Final = torch.finfo(_FORM).max
_ROWS_AT_ONCE: Final = 16  # float8 products take multiples of it


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFigures:
    """What was measured of a product of tokens and a matrix.

    Attributes:
        layer: of a block.
        flops: of the product.
        bfloat16_s: as the model computes it.
        float8_s: with both factors in 8 bits already.
        rounded_s: with tokens that are scaled and rounded to 8 bits before; the matrix is, since a step does it once.
        error: of the 8-bit product against the exact one, as a share of its size; both root mean squares.
    """

    layer: str
    flops: float
    bfloat16_s: float
    float8_s: float
    rounded_s: float
    error: float


def measure_products(run: RunConfig, device: torch.device, *, rounds: int) -> Iterator[ProductFigures]:
    """Every large matrix of a block on as many tokens as a device holds."""
    width, hidden = run.pipeline.model.width, run.pipeline.model.mlp_width
    tokens = run.training.data.batching.tokens_per_device // _ROWS_AT_ONCE * _ROWS_AT_ONCE
    shapes = {"qkv": (width, 3 * width), "out": (width, width), "mlp in": (width, hidden), "mlp out": (hidden, width)}
    for layer, (inner, outer) in shapes.items():
        values = torch.randn(tokens, inner, device=device, dtype=torch.bfloat16)
        weights = torch.randn(outer, inner, device=device, dtype=torch.bfloat16) * inner**-0.5
        small_values, small_weights = _rounded(values), _rounded(weights)
        exact = torch.mm(values, weights.t()).float()
        found = _product(small_values, small_weights).float()
        yield ProductFigures(
            layer=layer,
            flops=2.0 * tokens * inner * outer,
            bfloat16_s=measured(partial(torch.mm, values, weights.t()), device, rounds=rounds).seconds,
            float8_s=measured(partial(_product, small_values, small_weights), device, rounds=rounds).seconds,
            rounded_s=measured(partial(_rounded_product, values, small_weights), device, rounds=rounds).seconds,
            error=float((found - exact).norm() / exact.norm()),
        )


def _rounded(values: Tensor) -> tuple[Tensor, Tensor]:
    """In 8 bits, and what they are to be multiplied with, one number for all."""
    scale = values.abs().amax().float() / _LARGEST
    return (values.float() / scale).to(_FORM), scale


def _product(values: tuple[Tensor, Tensor], weights: tuple[Tensor, Tensor]) -> Tensor:
    (left, left_scale), (right, right_scale) = values, weights
    whole = ScalingType.TensorWise
    return scaled_mm(left, right.t(), left_scale, whole, right_scale, whole, use_fast_accum=left.is_cuda)


def _rounded_product(values: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    return _product(_rounded(values), weights)
