"""The autoencoder of Wan 2.1 through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modeling.encoders.frozen import library, load_frozen
from modeling.encoders.frozen_autoencoder import FrozenAutoencoder, expect_geometry
from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.protocols import LATENT_CHANNELS
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json


class WanAutoencoder(FrozenAutoencoder):
    """An `Autoencoder`: that of Wan 2.1, frozen; 16 channels, 4x8x8, 4k + 1 frames.

    Latents are normalised by the checkpoint's own mean and deviation of each channel, as diffusers' pipelines have it.

    Never several clips at once: the network remembers the frames of the chunk before.

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
        super().__init__(folder, precision=precision)
        for name, values in (("mean", config["latents_mean"]), ("deviation", config["latents_std"])):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1, 1), persistent=False)

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files and the precision."""
        return f"wan-{files_hash(self._folder)[:12]}-{self._precision}"

    def _load_network(self) -> nn.Module:
        return load_frozen(library("diffusers").AutoencoderKLWan, self._folder, torch_dtype=self._dtype)

    def _normalised(self, mean: Tensor) -> Tensor:
        return (mean - self.mean) / self.deviation

    def _restored(self, latents: Tensor) -> Tensor:
        return latents * self.deviation + self.mean


def _check_geometry(folder: Path, config: dict[str, Any]) -> None:
    """Raise unless the latents have the shape of Wan 2.1's; those of Wan 2.2's 5B, 48 channels and 4x16x16, do not."""
    frames, pixels = config.get("scale_factor_temporal", 4), config.get("scale_factor_spatial", 8)
    expect_geometry(folder, (config.get("z_dim"), frames, pixels), LatentGeometry())
    for name in ("latents_mean", "latents_std"):
        if len(config.get(name) or ()) != LATENT_CHANNELS:
            raise ValueError(
                f"{folder / 'config.json'} has no {name} of {LATENT_CHANNELS} channels; take the one of the published "
                "checkpoint"
            )
