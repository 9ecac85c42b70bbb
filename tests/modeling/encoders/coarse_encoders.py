"""An autoencoder of another geometry: 48 channels, 4x16x16, the mean colors of 4x4 parts of each block."""

from dataclasses import dataclass, replace

import torch
from einops import rearrange, reduce, repeat
from torch import Tensor

from modeling.encoders import EmbeddedEncoders, Encoders, LatentGeometry


class MeanColorBlocks:
    """An `Autoencoder` without weights."""

    version = "mean-color-blocks"

    def encode(self, videos: Tensor) -> Tensor:
        still = repeat(videos[:, 0], "batch height width color -> batch 4 height width color")
        pixels = torch.cat([still, videos[:, 1:]], dim=1).float() / 127.5 - 1
        means = reduce(pixels, "b (t 4) (h 4) (w 4) color -> b t h w color", "mean")
        return rearrange(means, "b t (h y) (w x) color -> b (y x color) t h w", y=4, x=4)

    def decode(self, latents: Tensor) -> Tensor:
        means = rearrange(latents, "b (y x color) t h w -> b t (h y) (w x) color", y=4, x=4, color=3)
        pixels = repeat(means, "b t h w color -> b (t 4) (h 4) (w 4) color")[:, 3:]
        return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


@dataclass(frozen=True, kw_only=True)
class CoarseEncoders(EmbeddedEncoders):
    """The embedded encoders, but for the autoencoder."""

    text_channels: int = 64
    max_text_tokens: int = 64
    image_channels: int = 64
    image_side: int = 32
    patch_side: int = 8

    @property
    def latents(self) -> LatentGeometry:
        return LatentGeometry(channels=48, frames=4, pixels=16)

    def build(self) -> Encoders:
        usual = super().build()
        return replace(usual, autoencoder=MeanColorBlocks())
