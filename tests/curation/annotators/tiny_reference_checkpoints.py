"""Checkpoints of DINOv2 and of Stable Diffusion's inpainting in their real formats, tiny, with random weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import BitImageProcessorPil, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, Dinov2Config, Dinov2Model

# diffusers types only a part of itself.
_DIFFUSERS: Any = diffusers

_TEXT_CHANNELS = 32

# Byte-pair merges for the words that tests use; everything else is spelled.
_LETTERS = "abcdefghijklmnopqrstuvwxyz,"
_MERGES: Any = [("b", "e"), ("be", "a"), ("bea", "c"), ("beac", "h</w>")]


def save_tiny_dinov2(folder: Path) -> Path:
    """A DINOv2 whose processor would cut the middle out of a picture, as the published one does."""
    with _seeded():
        config = Dinov2Config(
            hidden_size=64, num_hidden_layers=2, num_attention_heads=4, patch_size=14, image_size=56, mlp_ratio=2
        )
        Dinov2Model(config).save_pretrained(folder)
    BitImageProcessorPil(
        size={"shortest_edge": 256}, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]
    ).save_pretrained(folder)
    return folder


def save_tiny_inpainting(folder: Path, *, unet_channels: int = 9) -> Path:
    """A whole pipeline for pictures of 64 pixels."""
    with _seeded():
        pipeline = _DIFFUSERS.StableDiffusionInpaintPipeline(
            vae=_DIFFUSERS.AutoencoderKL(
                block_out_channels=(8, 8, 8, 8),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                latent_channels=4,
                norm_num_groups=2,
                sample_size=64,
            ),
            text_encoder=CLIPTextModel(
                CLIPTextConfig(
                    vocab_size=len(_vocabulary()),
                    hidden_size=_TEXT_CHANNELS,
                    intermediate_size=32,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    bos_token_id=_vocabulary()["<|startoftext|>"],
                    eos_token_id=_vocabulary()["<|endoftext|>"],
                )
            ),
            tokenizer=CLIPTokenizer(vocab=_vocabulary(), merges=_MERGES, model_max_length=77),
            unet=_DIFFUSERS.UNet2DConditionModel(
                in_channels=unet_channels,
                block_out_channels=(8, 16),
                down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
                layers_per_block=1,
                cross_attention_dim=_TEXT_CHANNELS,
                attention_head_dim=4,
                norm_num_groups=2,
                sample_size=8,
            ),
            scheduler=_DIFFUSERS.DDIMScheduler(steps_offset=1, clip_sample=False),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder)
    return folder


@contextmanager
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _vocabulary() -> dict[str, int]:
    pieces = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), *("".join(merge) for merge in _MERGES)]
    return {piece: number for number, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
