"""The autoencoder of CogVideoX (B.1) through diffusers."""

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from modeling.encoders.frozen import library, load_frozen
from modeling.encoders.frozen_autoencoder import FrozenAutoencoder, expect_geometry
from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.protocols import FRAMES_PER_LATENT
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json

# What diffusers and the autoencoder's training use. Fixed, because the norms see a whole chunk: other chunks give
# other latents. The remainder goes to the first chunk: 8k + 1 frames are chunks of 9, 8, 8, ...
_FRAMES_PER_CHUNK: Final = 8
_LATENTS_PER_CHUNK: Final = 2


class CogVideoXAutoencoder(FrozenAutoencoder):
    """An `Autoencoder`: that of CogVideoX, frozen.

    Latents are multiplied by the checkpoint's own scaling factor, 0.7 for CogVideoX-5B: the default of the library's
    class, 1.15258426, belongs to another checkpoint. The checkpoint's `invert_scale_latents` says how image-to-video
    models scale the latents of their first frame, and has no meaning here.

    Our choices:
    - frames larger than the size that the checkpoint names as its own (480x720) are cut into overlapping tiles of that
      size, so that memory is bounded; smaller ones, Table 6's 256x144 and 512x288 among them, are not. Only in space:
      tiles in time flicker;
    - an even number of latents (4k + 1 frames with an odd k) is decoded with its last latent repeated, and the frames
      in excess are left out: diffusers' decoder returns 4k + 1 frames only for an odd number of latents.

    A latent sees no frame after its chunk; convolutions see none after the latent's own, norms the whole chunk.

    Args:
        folder: of the checkpoint, with its `config.json`.
        precision: of weights and computation; latents are always float32.
    """

    def __init__(self, folder: Path, *, precision: Precision) -> None:
        config = read_json(folder, "config.json")
        _check_geometry(folder, config)
        super().__init__(folder, precision=precision)
        self._tile = (config["sample_height"], config["sample_width"])
        self._scale = float(config["scaling_factor"])
        self._shift = float(config.get("shift_factor") or 0.0)

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files, the precision, the chunks and the tiles."""
        height, width = self._tile
        return (
            f"cogvideox-{files_hash(self._folder)[:12]}-{self._precision}"
            f"-chunks{_FRAMES_PER_CHUNK}x{_LATENTS_PER_CHUNK}-tiles{height}x{width}"
        )

    def _load_network(self) -> nn.Module:
        network: Any = load_frozen(library("diffusers").AutoencoderKLCogVideoX, self._folder, torch_dtype=self._dtype)
        network.num_sample_frames_batch_size = _FRAMES_PER_CHUNK
        network.num_latent_frames_batch_size = _LATENTS_PER_CHUNK
        network.enable_tiling(*self._tile)
        return network

    def _normalised(self, mean: Tensor) -> Tensor:
        return (mean - self._shift) * self._scale

    def _restored(self, latents: Tensor) -> Tensor:
        return latents / self._scale + self._shift

    def _decode_clip(
        self, latents: Float[Tensor, "16 time latent_height latent_width"]
    ) -> UInt8[Tensor, "frames height width 3"]:
        frames = (latents.shape[1] - 1) * FRAMES_PER_LATENT + 1
        if latents.shape[1] % _LATENTS_PER_CHUNK == 0:
            latents = torch.cat([latents, latents[:, -1:]], dim=1)
        return super()._decode_clip(latents)[:frames]


def _check_geometry(folder: Path, config: dict[str, Any]) -> None:
    """Raise unless the checkpoint says how its latents are scaled, and they have the shape that the model expects."""
    if "scaling_factor" not in config:
        raise ValueError(
            f"{folder / 'config.json'} has no scaling_factor, and the library's default belongs to another checkpoint; "
            "add the one that the checkpoint was trained with (CogVideoX-5B: 0.7, CogVideoX-2B: 1.15258426)"
        )
    found = (
        config.get("latent_channels"),
        config.get("temporal_compression_ratio"),
        2 ** (len(config.get("block_out_channels", ())) - 1),
    )
    expect_geometry(folder, found, LatentGeometry())
