"""A Wan 2.1 in diffusers' form, saved by the real libraries: tiny, with random weights."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from transformers import UMT5Config, UMT5EncoderModel

from modeling.encoders import WanEncoders
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, IMAGE_SIDE, PATCH_SIDE, TinyCheckpoints, tiny_tokenizer

HEADS, HEAD_CHANNELS, BLOCKS, MLP_WIDTH, TIMESTEP_CHANNELS = 2, 12, 3, 40, 16
MEANS = [0.1 * place - 0.8 for place in range(16)]
DEVIATIONS = [0.5 + 0.1 * place for place in range(16)]


def save_tiny_wan(folder: Path) -> Path:
    """Write one, as `save_pretrained` of the pipeline does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = tiny_tokenizer()
        pipeline: Any = WanPipeline(  # type: ignore[no-untyped-call]  # diffusers types only a part of itself
            tokenizer=tokenizer,
            text_encoder=_text_encoder(len(tokenizer)),
            vae=_autoencoder(),
            scheduler=UniPCMultistepScheduler(  # type: ignore[no-untyped-call]
                prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=3.0
            ),
            transformer=_transformer(),
        )
    pipeline.save_pretrained(folder)
    return folder


def save_tiny_experts(folder: Path, wan: Path, *, boundary: float) -> Path:
    """Write a Wan 2.2 of two networks, the first and everything else as of `wan`."""
    kind: Any = WanPipeline
    parts = kind.from_pretrained(wan, local_files_only=True).components
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        kind(**{**parts, "transformer_2": _transformer()}, boundary_ratio=boundary).save_pretrained(folder)
    return folder


def save_tiny_ti2v(folder: Path, wan: Path) -> Path:
    """Write a Wan 2.2 of one network, 48 channels and 4x16x16, with a timestep for every token; texts as of `wan`."""
    kind: Any = WanPipeline
    parts = kind.from_pretrained(wan, local_files_only=True).components
    network: Any = AutoencoderKLWan
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        autoencoder = network(
            base_dim=4,
            decoder_base_dim=4,
            z_dim=48,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.01 * place for place in range(48)],
            latents_std=[0.5 + 0.01 * place for place in range(48)],
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
        )
        parts = {**parts, "vae": autoencoder, "transformer": _transformer(channels=48)}
        kind(**parts, expand_timesteps=True).save_pretrained(folder)
    return folder


def wan_encoders(wan: Path, images: TinyCheckpoints, *, latent_channels: int = 16) -> WanEncoders:
    """The config that reads it, and reads images with a tiny DINOv2."""
    return WanEncoders(
        checkpoint=str(wan),
        latent_channels=latent_channels,
        text_channels=CHANNELS,
        max_text_tokens=32,
        image_encoder=str(images.dinov2),
        image_channels=CHANNELS,
        image_side=IMAGE_SIDE,
        patch_side=PATCH_SIDE,
        precision=Precision.FLOAT32,
    )


def _text_encoder(words: int) -> Any:
    config = UMT5Config(
        vocab_size=words, d_model=CHANNELS, d_kv=16, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.5
    )
    network: Any = UMT5EncoderModel(config)
    return network.eval()


def _autoencoder() -> Any:
    return AutoencoderKLWan(  # type: ignore[no-untyped-call]
        base_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, latents_mean=MEANS, latents_std=DEVIATIONS
    )


def _transformer(channels: int = 16) -> Any:
    return WanTransformer3DModel(  # type: ignore[no-untyped-call]
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_CHANNELS,
        text_dim=CHANNELS,
        freq_dim=TIMESTEP_CHANNELS,
        ffn_dim=MLP_WIDTH,
        num_layers=BLOCKS,
    )
