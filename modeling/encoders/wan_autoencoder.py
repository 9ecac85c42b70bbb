"""The autoencoders of Wan 2.1 and of Wan 2.2's TI2V-5B through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modeling.encoders.frozen import library, load_frozen
from modeling.encoders.frozen_autoencoder import FrozenAutoencoder, expect_geometry
from modeling.encoders.geometry import LatentGeometry
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json


class WanAutoencoder(FrozenAutoencoder):
    """An `Autoencoder`: one of Wan's, frozen; 4k + 1 frames.

    Latents are normalised by the checkpoint's own mean and deviation of each channel, as diffusers' pipelines have it.

    Never several clips at once: the network remembers the frames of the chunk before.

    Args:
        folder: of the checkpoint, with its `config.json`.
        geometry: of its latents.
        precision: of weights and computation; latents are always float32.

    Raises:
        ValueError: the checkpoint's latents have another shape.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, folder: Path, *, geometry: LatentGeometry, precision: Precision) -> None:
        config = read_json(folder, "config.json")
        _check_geometry(folder, config, geometry)
        super().__init__(folder, precision=precision)
        self._geometry = geometry
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


def _check_geometry(folder: Path, config: dict[str, Any], geometry: LatentGeometry) -> None:
    """Raise unless the latents have this shape, and the checkpoint says how they are normalised."""
    frames, pixels = config.get("scale_factor_temporal", 4), config.get("scale_factor_spatial", 8)
    expect_geometry(folder, (config.get("z_dim"), frames, pixels), geometry)
    for name in ("latents_mean", "latents_std"):
        if len(config.get(name) or ()) != geometry.channels:
            raise ValueError(
                f"{folder / 'config.json'} has no {name} of {geometry.channels} channels; take the one of the "
                "published checkpoint"
            )
