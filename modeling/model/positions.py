"""Codes for places: sinusoids for single numbers, 3-D rotary embeddings for the latent grid (Table 5)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Wave length of the slowest sinusoid of `grid_code`, over 2 pi: longer than any side of a small grid.
_LONGEST_ON_GRID = 16.0

# The turn of each pair of a token's head channels: cosine and sine. Real, because compilers fuse no complex numbers.
Rotation = Float[Tensor, "2 tokens pairs"]


def sinusoids(places: Tensor, *, channels: int, longest: float = 10_000.0) -> Float[Tensor, "places channels"]:
    """Sines and cosines of each place, at wave lengths from 2 pi to 2 pi x `longest`; their mean square is 1/2."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=places.device) / half
    angles = places.float()[:, None] * torch.exp(-math.log(longest) * exponents)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def grid_code(
    grid: tuple[int, int, int], *, channels: int, device: torch.device | None = None
) -> Float[Tensor, "tokens channels"]:
    """Sinusoids of every token's place on a (time, height, width) grid: half of the channels follow time."""
    places = torch.meshgrid(*(torch.arange(length, device=device) for length in grid), indexing="ij")
    shares = (channels // 2, channels // 4, channels // 4)
    codes = [
        sinusoids(place.flatten(), channels=share, longest=_LONGEST_ON_GRID)
        for place, share in zip(places, shares, strict=True)
    ]
    return torch.cat(codes, dim=1)


def rotary_embedding(
    grid: tuple[int, int, int],
    *,
    head_channels: int,
    offset: tuple[int, int, int] = (0, 0, 0),
    device: torch.device | None = None,
) -> Rotation:
    """The rotation of every token of a (time, height, width) grid, from the grid itself: there is no largest size.

    Our choice: half of the head's channels follow time, a quarter height, a quarter width, the 2:1:1 of the authors'
    sibling model; the paper says only RoPE.

    Args:
        grid: tokens along each axis.
        head_channels: a multiple of 8.
        offset: added to the places; attention depends on differences of places only.
        device: where the angles are computed.
    """
    axes = [
        torch.arange(length, dtype=torch.float32, device=device) + start
        for length, start in zip(grid, offset, strict=True)
    ]
    places = torch.meshgrid(*axes, indexing="ij")
    channels = (head_channels // 2, head_channels // 4, head_channels // 4)
    angles = torch.cat([_angles(place.flatten(), size) for place, size in zip(places, channels, strict=True)], dim=1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(
    heads: Float[Tensor, "batch tokens heads channels"], rotation: Rotation
) -> Float[Tensor, "batch tokens heads channels"]:
    """Turn channels (0, 1), (2, 3), ... of every head as planes, in float32."""
    cosine, sine = rotation[:, :, None].unbind()
    first, second = torch.unflatten(heads.float(), -1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2).to(heads.dtype)


def _angles(places: Float[Tensor, " tokens"], channels: int) -> Float[Tensor, "tokens pairs"]:
    exponents = torch.arange(0, channels, 2, dtype=torch.float32, device=places.device) / channels
    return places[:, None] * torch.exp(-math.log(10_000.0) * exponents)
