"""The autoencoder of LTX-Video 0.9 through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any, Final

from torch import Tensor, nn

from modeling.encoders.frozen import library, load_frozen
from modeling.encoders.frozen_autoencoder import FrozenAutoencoder, expect_geometry
from modeling.encoders.geometry import LatentGeometry
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json

LTX_LATENTS: Final = LatentGeometry(channels=128, frames=8, pixels=32, patch=1)

# By diffusers' names, where a config does not say.
_PATCH, _HALVINGS = 4, (True, True, True, False)


class LTXAutoencoder(FrozenAutoencoder):
    """An `Autoencoder`: that of LTX-Video 0.9, frozen; 128 channels, 8x32x32, 8k + 1 frames.

    Latents are normalised by the checkpoint's own mean and deviation of each channel, as diffusers' pipelines have it.
    Autoencoders of later versions, whose decoder is told a timestep and draws noise of its own, are refused: equal
    seeds would not give equal videos.

    Args:
        folder: of the checkpoint, with its `config.json`.
        precision: of weights and computation; latents are always float32.

    Raises:
        ValueError: it is one of those, or its latents have another shape.
    """

    _geometry: LatentGeometry = LTX_LATENTS

    def __init__(self, folder: Path, *, precision: Precision) -> None:
        config = read_json(folder, "config.json")
        _check(folder, config)
        super().__init__(folder, precision=precision)
        self._scale = float(config.get("scaling_factor", 1.0))

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files and the precision."""
        return f"ltx-{files_hash(self._folder)[:12]}-{self._precision}"

    def _load_network(self) -> nn.Module:
        return load_frozen(library("diffusers").AutoencoderKLLTXVideo, self._folder, torch_dtype=self._dtype)

    def _normalised(self, mean: Tensor) -> Tensor:
        center, deviation = self._statistics()
        return (mean - center) * self._scale / deviation

    def _restored(self, latents: Tensor) -> Tensor:
        center, deviation = self._statistics()
        return latents * deviation / self._scale + center

    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each channel."""
        network = self.network()
        return network.latents_mean.float().view(1, -1, 1, 1, 1), network.latents_std.float().view(1, -1, 1, 1, 1)


def _check(folder: Path, config: dict[str, Any]) -> None:
    if config.get("timestep_conditioning"):
        raise ValueError(
            f"autoencoder {folder} decodes at a timestep, as those of LTX-Video 0.9.1 and later; expected that of 0.9"
        )
    halvings = 2 ** sum(config.get("spatio_temporal_scaling", _HALVINGS))
    frames = config.get("temporal_compression_ratio") or config.get("patch_size_t", 1) * halvings
    pixels = config.get("spatial_compression_ratio") or config.get("patch_size", _PATCH) * halvings
    expect_geometry(folder, (config.get("latent_channels", LTX_LATENTS.channels), frames, pixels), LTX_LATENTS)
