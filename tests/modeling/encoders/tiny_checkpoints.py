"""Checkpoints of the paper's encoders in their real formats, saved by the real libraries: tiny, with random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX
from tokenizers import normalizers
from transformers import (
    BitImageProcessorPil,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from modeling.encoders import PaperEncoders
from modeling.encoders.vision_patches import ImageKind
from modeling.model.precision import Precision

SCALING_FACTOR = 0.7
CHANNELS = 64
IMAGE_SIDE, PATCH_SIDE = 32, 8
TILE = (48, 80)

# Words of the world of moving shapes, one word that is one token with "lit" in it, and letters for the others.
_WORDS = ("A", "a", "red", "green", "ball", "box", "moves", "right", "left", "over", "the", "meadow", "sky", "sunlit")
_PIECES = ("\u2581", *(f"\u2581{word}" for word in _WORDS), *"abcdefghijklmnopqrstuvwxyz.,-")


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyCheckpoints:
    """Folders, as a user would name them."""

    autoencoder: Path
    text: Path
    dinov2: Path
    clip: Path

    def config(self, image_kind: ImageKind = ImageKind.DINOV2) -> PaperEncoders:
        """The config that reads them."""
        return PaperEncoders(
            autoencoder=str(self.autoencoder),
            text_encoder=str(self.text),
            text_channels=CHANNELS,
            max_text_tokens=32,
            image_encoder=str(self.dinov2 if image_kind is ImageKind.DINOV2 else self.clip),
            image_kind=image_kind,
            image_channels=CHANNELS,
            image_side=IMAGE_SIDE,
            patch_side=PATCH_SIDE,
            precision=Precision.FLOAT32,
        )


def save_tiny_checkpoints(folder: Path) -> TinyCheckpoints:
    """Write all four below `folder`."""
    checkpoints = TinyCheckpoints(
        autoencoder=folder / "cogvideox", text=folder / "t5", dinov2=folder / "dinov2", clip=folder / "clip"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _save_autoencoder(checkpoints.autoencoder / "vae")
        _save_text_encoder(checkpoints.text)
        _save_image_encoders(checkpoints.dinov2, checkpoints.clip)
    return checkpoints


def tiny_tokenizer() -> Any:
    """Of T5's kind: some words are one token, others their letters."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = T5Tokenizer(vocab=[*special, *((piece, -2.0 - 3 * (len(piece) == 1)) for piece in _PIECES)])
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def _save_autoencoder(folder: Path) -> None:
    """A whole CogVideoX has its autoencoder in the subfolder `vae`."""
    network: Any = AutoencoderKLCogVideoX(  # type: ignore[no-untyped-call]  # diffusers types only a part of itself
        block_out_channels=(8, 8, 8, 8),
        layers_per_block=1,
        norm_num_groups=2,
        sample_height=TILE[0],
        sample_width=TILE[1],
        scaling_factor=SCALING_FACTOR,
    )
    network.save_pretrained(folder)


def _save_text_encoder(folder: Path) -> None:
    """Encoder and decoder, as they are published."""
    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=CHANNELS, d_kv=16, d_ff=64, num_layers=2, num_heads=4, dropout_rate=0.5
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)


def _save_image_encoders(dinov2: Path, clip: Path) -> None:
    shape: dict[str, Any] = {
        "hidden_size": CHANNELS,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "patch_size": PATCH_SIDE,
    }
    # DINOv2 is trained at other sizes than it is used at, and interpolates its positions.
    Dinov2Model(Dinov2Config(**shape, image_size=56)).save_pretrained(dinov2)
    BitImageProcessorPil(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]).save_pretrained(dinov2)
    vision = {**shape, "intermediate_size": 64, "image_size": IMAGE_SIDE}
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    CLIPModel(CLIPConfig(vision_config=vision, text_config=text)).save_pretrained(clip)
    CLIPImageProcessorPil().save_pretrained(clip)
