"""Convolutions over space with fewer products: Winograd's F(6, 3) along the rows of a picture.

Six outputs of a kernel of three need 8 products instead of 18 (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016). A row is cut into tiles of eight pixels that begin six apart, `_INTO` makes eight numbers of
each, those are multiplied with the kernel's eight, and `_OUT_OF` makes six outputs of the products. Rows of 48, 24 and
12 pixels, as TransNetV2 has them, are whole tiles; columns of 27, 13 and 6 are not, and stay as they are.
"""

from typing import Final

import numpy as np
import torch
from torch.nn import functional

_OUTPUTS: Final = 6
_TILE: Final = _OUTPUTS + 2
# Polynomials are multiplied at these points and at infinity: the usual ones, whose powers stay so near to 1 that single
# precision loses only some of its last bits.
_POINTS: Final = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
# Our choice: tiles of so many bytes at a time, which together with their products stay in a processor's nearest caches.
_TILES_BYTES: Final = 4 << 20


def transformed(kernel: torch.Tensor) -> torch.Tensor:
    """The kernel (outputs, inputs, 3, 3) as `convolved` takes it: (8 outputs, inputs, 3, 1)."""
    points = np.array(_POINTS)
    scale = np.array([np.prod(point - np.delete(points, number)) for number, point in enumerate(points)])
    matrix = np.vstack([np.vander(points, 3, increasing=True) / scale[:, None], [[0.0, 0.0, 1.0]]])
    weights = torch.einsum("tw,oihw->toih", torch.from_numpy(matrix), kernel.double())
    return weights.flatten(0, 1)[..., None].to(kernel.dtype).contiguous(memory_format=torch.channels_last)


def convolved(values: torch.Tensor, kernel: torch.Tensor, parts: int) -> list[torch.Tensor]:
    """What a 3x3 kernel makes of (frames, height, width, channels), with zeros around.

    Args:
        values: in float32, whose width is whole tiles.
        kernel: `transformed`.
        parts: how many tensors of equally many channels the outputs are divided into.
    """
    frames, height, width, channels = values.shape
    outputs = len(kernel) // _TILE // parts
    found = [values.new_empty(frames, height, width, outputs) for _ in range(parts)]
    step = max(1, _TILES_BYTES // (height * width // _OUTPUTS * _TILE * channels * values.element_size()))
    for first in range(0, frames, step):
        some = slice(first, first + step)
        products = functional.conv2d(_into_tiles(values[some]), kernel, padding=(1, 0), groups=_TILE)
        tiles = products.permute(0, 2, 3, 1).view(height, -1, width // _OUTPUTS, _TILE, parts, outputs)
        for number, part in enumerate(found):
            part[some] = (_OUT_OF @ tiles[..., number, :]).flatten(2, 3).transpose(0, 1)
    return found


def _into_tiles(values: torch.Tensor) -> torch.Tensor:
    """Rows cut into tiles, transformed: (1, 8 channels, height, frames and tiles), so that rows are long."""
    frames, height, width, channels = values.shape
    padded = functional.pad(values, (0, 0, 1, 1)).transpose(0, 1)
    tiles = padded.unfold(2, _TILE, _OUTPUTS).transpose(3, 4)
    return (_INTO @ tiles).reshape(1, height, frames * width // _OUTPUTS, _TILE * channels).permute(0, 3, 1, 2)


def _into() -> torch.Tensor:
    """Rows: the coefficients of the polynomial that is zero at all points but one, and of that zero at all."""
    rows = np.zeros((_TILE, _TILE))
    for number in range(_TILE - 1):
        rows[number, :-1] = np.poly(np.delete(_POINTS, number))[::-1]
    rows[-1] = np.poly(_POINTS)[::-1]
    return torch.from_numpy(rows).float()


def _out_of() -> torch.Tensor:
    """Rows: the powers of the points; infinity has the highest alone."""
    powers = np.vander(_POINTS, _OUTPUTS, increasing=True).T
    highest = np.eye(_OUTPUTS)[:, -1:]
    return torch.from_numpy(np.hstack([powers, highest])).float()


_INTO: Final = _into()
_OUT_OF: Final = _out_of()
