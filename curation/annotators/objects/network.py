"""NanoDet-g: 34 plain convolutions that give every place of a picture 80 scores and a box.

The architecture is that of `nanodet-g.yml` in RangiLyu/nanodet: a backbone of cross-stage partial blocks (arXiv
1911.11929), a path aggregation network (arXiv 1803.01534) that adds resized maps, without convolutions of its own, and
a head for each of its three levels. Batch normalizations are folded into the convolutions before them.
"""

from typing import Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from curation.annotators.objects.classes import COCO_CLASSES

# Pixels of the network's picture from one place to the next, at each level; its sides are multiples of the last.
STRIDES: Final = (8, 16, 32)

# A box's side is given as probabilities of this many distances, 0 to 10 strides from its place.
BINS: Final = 11
_SIDES: Final = 4

_WIDTH: Final = 128
_SLOPE: Final = 0.1


class HeadOutput(NamedTuple):
    """What the network says of every place: those of the finest level first, each level row by row.

    Attributes:
        scores: (pictures, places, 80), of each class, [0, 1].
        distances: (pictures, places, 4, 11), logits of the distances to the left, top, right and bottom side.
    """

    scores: torch.Tensor
    distances: torch.Tensor


class NanoDet(nn.Module):
    """The network, of normalized pictures (pictures, 3, height, width) in BGR."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, stride=2)
        blocks = (_CrossStage(32, 1, 1), _CrossStage(64, 2, 2), _CrossStage(128, 2, 2), _CrossStage(256, 3, 2))
        self.blocks = nn.ModuleList(blocks)
        self.laterals = nn.ModuleList(nn.Conv2d(channels, _WIDTH, 1) for channels in (128, 256, 512))
        outputs = len(COCO_CLASSES) + _SIDES * BINS
        self.heads = nn.ModuleList(
            nn.Sequential(_convolution(_WIDTH, _WIDTH), nn.Conv2d(_WIDTH, outputs, 1)) for _ in STRIDES
        )

    def forward(self, pictures: torch.Tensor) -> HeadOutput:
        """See the class."""
        values = functional.max_pool2d(self.stem(pictures), 3, stride=2, padding=1)
        levels = []
        for block in self.blocks:
            values = block(values)
            levels.append(values)
        maps = _aggregate([lateral(level) for lateral, level in zip(self.laterals, levels[1:], strict=True)])
        told = [head(values).flatten(2).transpose(1, 2) for head, values in zip(self.heads, maps, strict=True)]
        places = torch.cat(told, 1)
        scores, distances = places[..., : len(COCO_CLASSES)], places[..., len(COCO_CLASSES) :]
        return HeadOutput(scores.sigmoid(), distances.reshape(*distances.shape[:2], _SIDES, BINS))


class _CrossStage(nn.Module):
    """A convolution, what comes of it along a row of units, and both again side by side: twice its channels."""

    def __init__(self, channels: int, units: int, stride: int) -> None:
        super().__init__()
        self.entry = _convolution(channels, channels, stride)
        self.units = nn.Sequential(*(_Unit(channels) for _ in range(units)))
        self.exit = _convolution(channels, channels)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        entered = self.entry(values)
        return torch.cat([self.exit(self.units(entered)), entered], 1)


class _Unit(nn.Module):
    """Two convolutions to half the channels each, side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels // 2)
        self.second = _convolution(channels // 2, channels // 2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        first = self.first(values)
        return torch.cat([self.second(first), first], 1)


def _convolution(channels: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, outputs, 3, stride, padding=1), nn.LeakyReLU(_SLOPE, inplace=True))


def _aggregate(maps: list[torch.Tensor]) -> list[torch.Tensor]:
    """What each level knows, added to the next finer one, from the coarsest on, and then all the way back."""
    fine, middle, coarse = maps
    middle = middle + _resized(coarse, 2.0)
    fine = fine + _resized(middle, 2.0)
    middle = middle + _resized(fine, 0.5)
    return [fine, middle, coarse + _resized(middle, 0.5)]


def _resized(values: torch.Tensor, scale: float) -> torch.Tensor:
    return functional.interpolate(values, scale_factor=scale, mode="bilinear", align_corners=False)
