"""An LTX-Video 0.9 in diffusers' form, saved by the real libraries: tiny, with random weights."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
)

from modeling.encoders.ltx import LTXEncoders
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, IMAGE_SIDE, PATCH_SIDE, TinyCheckpoints, tiny_tokenizer
from tests.modeling.encoders.tiny_cogvideox import tiny_t5

HEADS, HEAD_CHANNELS, BLOCKS, TEXT_TOKENS = 2, 16, 3, 32


def save_tiny_ltx(folder: Path) -> Path:
    """Write one, as `save_pretrained` of the pipeline does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = tiny_tokenizer()
        pipeline: Any = LTXPipeline(
            tokenizer=tokenizer,
            text_encoder=tiny_t5(len(tokenizer)),
            vae=_autoencoder(),
            transformer=_transformer(),
            scheduler=FlowMatchEulerDiscreteScheduler(),  # type: ignore[no-untyped-call]  # diffusers types a part
        )
    pipeline.save_pretrained(folder)
    return folder


def ltx_encoders(ltx: Path, images: TinyCheckpoints) -> LTXEncoders:
    """The config that reads it, and reads images with a tiny DINOv2."""
    return LTXEncoders(
        checkpoint=str(ltx),
        text_channels=CHANNELS,
        max_text_tokens=TEXT_TOKENS,
        image_encoder=str(images.dinov2),
        image_channels=CHANNELS,
        image_side=IMAGE_SIDE,
        patch_side=PATCH_SIDE,
        precision=Precision.FLOAT32,
    )


def _autoencoder() -> Any:
    network: Any = AutoencoderKLLTXVideo(  # type: ignore[no-untyped-call]
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
    )
    network.latents_mean.copy_(torch.linspace(-1, 1, 128))
    network.latents_std.copy_(torch.linspace(0.5, 2, 128))
    return network


def _transformer() -> Any:
    return LTXVideoTransformer3DModel(  # type: ignore[no-untyped-call]
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_CHANNELS,
        cross_attention_dim=HEADS * HEAD_CHANNELS,
        caption_channels=CHANNELS,
        num_layers=BLOCKS,
    )
