"""Convolutions over space with fewer products: Winograd's F(6x6, 3x3).

36 outputs of a kernel of 3x3 need 64 products instead of 324 (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016). A picture is cut into tiles of 8x8 pixels that begin six apart. `_INTO` makes eight numbers of
each column of a tile and then of each row, those are multiplied with the kernel's, and `_OUT_OF` makes six outputs of
eight products, both ways. The same pixel of all tiles lies side by side, so that every step is a product of large
matrices.
"""

from typing import Final

import numpy as np
import torch
from torch.nn import functional

# Pixels of a tile, each way: of outputs, and of the inputs that those are made of.
_SIDE: Final = 6
_TILE: Final = _SIDE + 2
# Polynomials are multiplied at these points and at infinity: the usual ones, whose powers stay so near to 1 that single
# precision loses only some of its last bits.
_POINTS: Final = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)


def transformed(kernels: torch.Tensor, parts: int) -> torch.Tensor:
    """Kernels (outputs, inputs, 3, 3) as `convolved` takes them: (parts, 64, inputs, outputs of each part)."""
    points = np.array(_POINTS)
    scale = np.array([np.prod(point - np.delete(points, number)) for number, point in enumerate(points)])
    matrix = torch.from_numpy(np.vstack([np.vander(points, 3, increasing=True) / scale[:, None], [[0.0, 0.0, 1.0]]]))
    of_parts = kernels.double().view(parts, -1, *kernels.shape[1:])
    weights = torch.einsum("ah,bw,poihw->pabio", matrix, matrix, of_parts)
    return weights.flatten(1, 2).to(kernels.dtype).contiguous()


def convolved(values: torch.Tensor, kernels: torch.Tensor, height: int) -> list[torch.Tensor]:
    """What each part of 3x3 kernels makes of (frames, rows, width, channels), with zeros around.

    Args:
        values: in float32, whose width is whole tiles.
        kernels: `transformed`.
        height: of the outputs: that of the inputs, or less.

    Returns:
        For each part (36, frames, tiles, outputs): every tile's pixels row by row, the tiles of a picture row by row.
        Where the height is no whole number of tiles, the last ones have pixels that mean nothing.
    """
    frames, rows, width, channels = values.shape
    down, across = -(-height // _SIDE), width // _SIDE
    around = (0, 0, 1, 1, 1, down * _SIDE + 1 - rows)
    parts, _, _, outputs = kernels.shape
    found = [values.new_empty(_SIDE, _SIDE, frames * down * across * outputs) for _ in kernels]
    # As many tiles at a time as the kernels have outputs: their numbers then weigh as much as the kernels, and those of
    # the first stages stay in a core's cache from step to step.
    step = -(-parts * outputs // (down * across))
    for first in range(0, frames, step):
        padded = functional.pad(values[first : first + step], around)
        tiles = padded.unfold(1, _TILE, _SIDE).unfold(2, _TILE, _SIDE)
        numbers = values.new_empty(_TILE, _TILE, tiles.shape[:3].numel() * channels)
        _both_ways(_INTO, tiles.permute(4, 5, 0, 1, 2, 3).reshape(_TILE, -1), numbers)
        place = slice(first * down * across * outputs, (first + step) * down * across * outputs)
        for kernel, one in zip(kernels, found, strict=True):
            products = torch.bmm(numbers.view(_TILE**2, -1, channels), kernel)
            _both_ways(_OUT_OF, products.view(_TILE, -1), one[:, :, place])
    return [one.view(_SIDE**2, frames, down * across, -1) for one in found]


def _both_ways(matrix: torch.Tensor, numbers: torch.Tensor, found: torch.Tensor) -> None:
    """The matrix (n, 8) applied to columns of tiles, then to rows: (8, 8 others) become `found` (n, n, others)."""
    columns = (matrix @ numbers).view(len(matrix), _TILE, -1)
    torch.bmm(matrix.expand(len(matrix), -1, -1), columns, out=found)


def _into() -> torch.Tensor:
    """Rows: the coefficients of the polynomial that is zero at all points but one, and of that zero at all."""
    rows = np.zeros((_TILE, _TILE))
    for number in range(_TILE - 1):
        rows[number, :-1] = np.poly(np.delete(_POINTS, number))[::-1]
    rows[-1] = np.poly(_POINTS)[::-1]
    return torch.from_numpy(rows).float()


def _out_of() -> torch.Tensor:
    """Rows: the powers of the points; infinity has the highest alone."""
    powers = np.vander(_POINTS, _SIDE, increasing=True).T
    return torch.from_numpy(np.hstack([powers, np.eye(_SIDE)[:, -1:]])).float()


_INTO: Final = _into()
_OUT_OF: Final = _out_of()
