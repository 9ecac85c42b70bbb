"""The autoencoder of HunyuanVideo through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from modeling.encoders.frozen import library, load_frozen
from modeling.encoders.frozen_autoencoder import FrozenAutoencoder, expect_geometry
from modeling.encoders.geometry import LatentGeometry
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json


class HunyuanAutoencoder(FrozenAutoencoder):
    """An `Autoencoder`: that of HunyuanVideo, frozen; 16 channels, 4x8x8, 4k + 1 frames.

    Latents are multiplied by the checkpoint's own scaling factor.

    Our choice: frames larger than 256x256 are cut into overlapping tiles of that size, as diffusers' class does where
    it is asked to, so that memory is bounded. In time it cuts by itself, into pieces of 16 frames that overlap by four;
    so a latent may see a few frames after its own.

    Args:
        folder: of the checkpoint, with its `config.json`.
        precision: of weights and computation; latents are always float32.

    Raises:
        ValueError: the checkpoint's latents have another shape, or it does not say how they are scaled.
    """

    def __init__(self, folder: Path, *, precision: Precision) -> None:
        config = read_json(folder, "config.json")
        _check(folder, config)
        super().__init__(folder, precision=precision)
        self._scale = float(config["scaling_factor"])

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files, the precision and the tiles."""
        return f"hunyuan-{files_hash(self._folder)[:12]}-{self._precision}-tiles256"

    def _load_network(self) -> nn.Module:
        network: Any = load_frozen(
            library("diffusers").AutoencoderKLHunyuanVideo, self._folder, torch_dtype=self._dtype
        )
        network.enable_tiling()
        return network

    def _normalised(self, mean: Tensor) -> Tensor:
        return mean * self._scale

    def _restored(self, latents: Tensor) -> Tensor:
        return latents / self._scale


def _check(folder: Path, config: dict[str, Any]) -> None:
    names = ("latent_channels", "temporal_compression_ratio", "spatial_compression_ratio")
    channels, frames, pixels = (config.get(name) for name in names)
    expect_geometry(folder, (channels, frames, pixels), LatentGeometry())
    if "scaling_factor" not in config:
        raise ValueError(
            f"{folder / 'config.json'} has no scaling_factor; add the one that the checkpoint was trained with "
            "(HunyuanVideo: 0.476986)"
        )
