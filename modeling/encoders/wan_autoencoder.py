"""The autoencoder of Wan 2.1 through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from modeling.encoders.frozen import FrozenEncoder, library, load_frozen
from modeling.encoders.protocols import (
    FRAMES_PER_LATENT,
    LATENT_CHANNELS,
    PIXELS_PER_LATENT,
    check_video_size,
)
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json


class WanAutoencoder(FrozenEncoder):
    """An `Autoencoder`: that of Wan 2.1, frozen; 16 channels, 4x8x8, 4k + 1 frames.

    Latents are normalised by the checkpoint's own mean and deviation of each channel, as diffusers' pipelines have it.

    Our choice: the mean of the predicted distribution, not a sample from it: a clip then has one latent, which can be
    cached. Clip by clip, because the network remembers the frames of the chunk before.

    Args:
        folder: of the checkpoint, with its `config.json`.
        precision: of weights and computation; latents are always float32.

    Raises:
        ValueError: the checkpoint's latents have another shape.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, folder: Path, *, precision: Precision) -> None:
        config = read_json(folder, "config.json")
        _check_geometry(folder, config)
        super().__init__(self._load_network)
        for name, values in (("mean", config["latents_mean"]), ("deviation", config["latents_std"])):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1, 1), persistent=False)
        self._folder = folder
        self._precision = precision
        self._dtype: torch.dtype = getattr(torch, precision)

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files and the precision."""
        return f"wan-{files_hash(self._folder)[:12]}-{self._precision}"

    @torch.no_grad()
    def encode(
        self, videos: UInt8[Tensor, "batch frames height width 3"]
    ) -> Float[Tensor, "batch 16 time latent_height latent_width"]:
        """Normalised latents.

        Raises:
            ValueError: the number of frames is not 4k + 1, or a side is not a multiple of 8.
        """
        check_video_size(videos)
        return torch.cat([self._encode_clip(video) for video in videos])

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch 16 time latent_height latent_width"]
    ) -> UInt8[Tensor, "batch frames height width 3"]:
        """The video of `latents`, clamped to the range of pixels."""
        return torch.stack([self._decode_clip(clip) for clip in latents])

    def _load_network(self) -> nn.Module:
        return load_frozen(library("diffusers").AutoencoderKLWan, self._folder, torch_dtype=self._dtype)

    def _encode_clip(
        self, video: UInt8[Tensor, "frames height width 3"]
    ) -> Float[Tensor, "1 16 time latent_height latent_width"]:
        pixels = rearrange(video, "frames height width color -> 1 color frames height width")
        pixels = pixels.to(self.device).float() / 127.5 - 1
        mean: Tensor = self.network().encode(pixels.to(self._dtype)).latent_dist.mode()
        return (mean.float() - self.mean) / self.deviation

    def _decode_clip(
        self, latents: Float[Tensor, "16 time latent_height latent_width"]
    ) -> UInt8[Tensor, "frames height width 3"]:
        unscaled = latents[None].to(self.device) * self.deviation + self.mean
        pixels = self.network().decode(unscaled.to(self._dtype)).sample[0].float()
        pixels = rearrange(pixels, "color frames height width -> frames height width color")
        return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _check_geometry(folder: Path, config: dict[str, Any]) -> None:
    """Raise unless the latents have the shape of Wan 2.1's; those of Wan 2.2's 5B, 48 channels and 4x16x16, do not."""
    found = (config.get("z_dim"), config.get("scale_factor_temporal", 4), config.get("scale_factor_spatial", 8))
    expected = (LATENT_CHANNELS, FRAMES_PER_LATENT, PIXELS_PER_LATENT)
    if found != expected:
        raise ValueError(f"autoencoder {folder} has (channels, frames, pixels) per latent {found}, expected {expected}")
    for name in ("latents_mean", "latents_std"):
        if len(config.get(name) or ()) != LATENT_CHANNELS:
            raise ValueError(
                f"{folder / 'config.json'} has no {name} of {LATENT_CHANNELS} channels; take the one of the published "
                "checkpoint"
            )
