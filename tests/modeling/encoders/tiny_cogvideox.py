"""Two CogVideoX in diffusers' form, saved by the real libraries: tiny, with random weights."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from modeling.encoders.cogvideox import CogVideoXEncoders
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import (
    CHANNELS,
    IMAGE_SIDE,
    PATCH_SIDE,
    TILE,
    TinyCheckpoints,
    tiny_tokenizer,
)

HEADS, HEAD_CHANNELS, BLOCKS, TIMESTEP_CHANNELS, TEXT_TOKENS = 2, 16, 3, 24, 32


def save_tiny_cogvideox(folder: Path, *, is_rotary: bool) -> Path:
    """Write one of the 2B's kind or, if it is rotary, of the 5B's, as `save_pretrained` of the pipeline does."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tokenizer = tiny_tokenizer()
        pipeline: Any = CogVideoXPipeline(
            tokenizer=tokenizer,
            text_encoder=tiny_t5(len(tokenizer)),
            vae=_autoencoder(),
            transformer=_transformer(is_rotary=is_rotary),
            scheduler=CogVideoXDDIMScheduler(  # type: ignore[no-untyped-call]  # diffusers types only a part of itself
                clip_sample=False,
                prediction_type="v_prediction",
                rescale_betas_zero_snr=True,
                snr_shift_scale=1.0 if is_rotary else 3.0,
                timestep_spacing="trailing",
            ),
        )
    pipeline.save_pretrained(folder)
    return folder


def cogvideox_encoders(cogvideox: Path, images: TinyCheckpoints) -> CogVideoXEncoders:
    """The config that reads it, and reads images with a tiny DINOv2."""
    return CogVideoXEncoders(
        checkpoint=str(cogvideox),
        text_channels=CHANNELS,
        max_text_tokens=TEXT_TOKENS,
        image_encoder=str(images.dinov2),
        image_channels=CHANNELS,
        image_side=IMAGE_SIDE,
        patch_side=PATCH_SIDE,
        precision=Precision.FLOAT32,
    )


def tiny_t5(words: int) -> Any:
    """An encoder whose padding is embedded like any word, as trained ones have it."""
    config = T5Config(vocab_size=words, d_model=CHANNELS, d_kv=16, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.5)
    network: Any = T5EncoderModel(config)
    return network.eval()


def _autoencoder() -> Any:
    return AutoencoderKLCogVideoX(  # type: ignore[no-untyped-call]
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=TILE[0],
        sample_width=TILE[1],
        scaling_factor=0.7,
    )


def _transformer(*, is_rotary: bool) -> Any:
    return CogVideoXTransformer3DModel(  # type: ignore[no-untyped-call]
        num_attention_heads=HEADS,
        attention_head_dim=HEAD_CHANNELS,
        time_embed_dim=TIMESTEP_CHANNELS,
        text_embed_dim=CHANNELS,
        max_text_seq_length=TEXT_TOKENS,
        num_layers=BLOCKS,
        use_rotary_positional_embeddings=is_rotary,
    )
