"""What published autoencoders have in common: clip by clip from pixels to normalised latents and back."""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from modeling.encoders.frozen import FrozenEncoder
from modeling.encoders.geometry import LatentGeometry
from modeling.model.precision import Precision


class FrozenAutoencoder(FrozenEncoder, ABC):
    """An `Autoencoder` around one of diffusers'; of 16 channels and 4x8x8 if it says nothing else.

    Our choice: the mean of the predicted distribution, not a sample from it: a clip then has one latent, which can be
    cached. Clip by clip, so that memory is bounded.

    Args:
        folder: of the checkpoint, with its `config.json`.
        precision: of weights and computation; latents are always float32.
    """

    _geometry: LatentGeometry = LatentGeometry()

    def __init__(self, folder: Path, *, precision: Precision) -> None:
        super().__init__(self._load_network)
        self._folder = folder
        self._precision = precision
        self._dtype: torch.dtype = getattr(torch, precision)

    @property
    @abstractmethod
    def version(self) -> str:
        """Follows from all that the latents depend on."""

    @abstractmethod
    def _load_network(self) -> nn.Module: ...

    @abstractmethod
    def _normalised(self, mean: Tensor) -> Tensor:
        """Latents of roughly unit variance, of those of the network."""

    @abstractmethod
    def _restored(self, latents: Tensor) -> Tensor:
        """The other way."""

    @torch.no_grad()
    def encode(
        self, videos: UInt8[Tensor, "batch frames height width 3"]
    ) -> Float[Tensor, "batch channels time latent_height latent_width"]:
        """Normalised latents.

        Raises:
            ValueError: the number of frames, or a side, is none that latents make up.
        """
        self._geometry.check_video(videos)
        return torch.cat([self._encode_clip(video) for video in videos])

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "batch channels time latent_height latent_width"]
    ) -> UInt8[Tensor, "batch frames height width 3"]:
        """The video of `latents`, clamped to the range of pixels."""
        return torch.stack([self._decode_clip(clip) for clip in latents])

    def _encode_clip(
        self, video: UInt8[Tensor, "frames height width 3"]
    ) -> Float[Tensor, "1 channels time latent_height latent_width"]:
        pixels = rearrange(video, "frames height width color -> 1 color frames height width")
        pixels = pixels.to(self.device).float() / 127.5 - 1
        mean: Tensor = self.network().encode(pixels.to(self._dtype)).latent_dist.mode()
        return self._normalised(mean.float())

    def _decode_clip(
        self, latents: Float[Tensor, "channels time latent_height latent_width"]
    ) -> UInt8[Tensor, "frames height width 3"]:
        restored = self._restored(latents[None].to(self.device))
        pixels = self.network().decode(restored.to(self._dtype)).sample[0].float()
        pixels = rearrange(pixels, "color frames height width -> frames height width color")
        return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def expect_geometry(folder: Path, found: tuple[object, object, object], expected: LatentGeometry) -> None:
    """Refuse a checkpoint whose latents have another shape than the model expects.

    Args:
        folder: of the checkpoint.
        found: channels, frames and pixels of a latent, as its config gives them.
        expected: those of the model's.

    Raises:
        ValueError: they are others.
    """
    wanted = (expected.channels, expected.frames, expected.pixels)
    if found != wanted:
        raise ValueError(f"autoencoder {folder} has (channels, frames, pixels) per latent {found}, expected {wanted}")
