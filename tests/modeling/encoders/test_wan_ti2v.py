"""The autoencoder of Wan 2.2's TI2V-5B: patches of pixels, 48 channels, 4x16x16."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLWan

from dataset_schema import Bucket
from modeling.encoders import WanEncoders
from modeling.encoders.wan_autoencoder import WanAutoencoder
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import wan_encoders

Render = Callable[[Bucket], torch.Tensor]


def test_latents_are_the_mean_that_diffusers_finds_at_unit_scale_and_it_decodes_the_same_video(
    tiny_ti2v: Path, paper_checkpoints: TinyCheckpoints, moving_shape: Render
) -> None:
    network: Any = AutoencoderKLWan
    theirs = network.from_pretrained(tiny_ti2v, subfolder="vae", local_files_only=True)
    means, deviations = (
        torch.tensor(each).view(1, 48, 1, 1, 1) for each in (theirs.config.latents_mean, theirs.config.latents_std)
    )
    config = wan_encoders(tiny_ti2v, paper_checkpoints, latent_channels=48)
    autoencoder, video = config.build().autoencoder, moving_shape(Bucket(5, 32, 64))

    latents, decoded = autoencoder.encode(video), autoencoder.decode(autoencoder.encode(video))

    assert (1, 48, *config.latents.shape(Bucket(5, 32, 64))) == tuple(latents.shape) == (1, 48, 2, 2, 4)
    with torch.no_grad():
        found = theirs.encode(video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1).latent_dist.mode()
        pixels = theirs.decode(found).sample.permute(0, 2, 3, 4, 1)
    torch.testing.assert_close(latents, (found - means) / deviations, atol=1e-5, rtol=1e-5)
    assert decoded.shape == video.shape
    assert ((pixels.clamp(-1, 1) + 1) * 127.5 - decoded).abs().max() <= 0.52


def test_the_autoencoder_of_another_wan_is_refused(tiny_wan: Path, tiny_ti2v: Path) -> None:
    for folder, channels, found in ((tiny_wan, 48, r"\(16, 4, 8\)"), (tiny_ti2v, 16, r"\(48, 4, 16\)")):
        config = WanEncoders(latent_channels=channels)
        with pytest.raises(ValueError, match=rf"autoencoder .*vae has .* {found}, expected"):
            WanAutoencoder(folder / "vae", geometry=config.latents, precision=config.precision)


def test_channels_that_no_wan_has_are_refused() -> None:
    with pytest.raises(ValueError, match="encoders have latent_channels 32, expected 16 or 48"):
        WanEncoders(latent_channels=32)
