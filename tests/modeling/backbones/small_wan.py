"""A tiny Wan as this library trains it, and what diffusers' own class makes of the same weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import WanTransformer3DModel
from torch.nn.functional import pad

from modeling.backbones.wan import WanConfig
from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.parts import Trainable
from modeling.model.weights import empty_model, fill, fresh_weights
from tests.modeling.encoders.tiny_checkpoints import CHANNELS
from tests.modeling.encoders.tiny_wan import BLOCKS, HEAD_CHANNELS, HEADS, MLP_WIDTH, TIMESTEP_CHANNELS

TEXT_TOKENS, PATCHES = 32, 4


def wan_config(checkpoint: Path, **changes: Any) -> WanConfig:
    """The config that reads `tiny_wan`."""
    shape: dict[str, Any] = {
        "checkpoint": str(checkpoint),
        "width": HEADS * HEAD_CHANNELS,
        "blocks": BLOCKS,
        "heads": HEADS,
        "mlp_width": MLP_WIDTH,
        "timestep_channels": TIMESTEP_CHANNELS,
        "text_channels": CHANNELS,
        "text_tokens": TEXT_TOKENS,
        "image_channels": CHANNELS,
        "words_per_image": 2,
    }
    return WanConfig(**{**shape, **changes})


def wan_model(config: BackboneConfig, *, dtype: torch.dtype = torch.float32, is_trained: bool = False) -> VideoBackbone:
    """Its published weights in `dtype`, and new layers as drawn, or as if training had moved every one of them."""
    model = empty_model(config)
    if dtype is torch.bfloat16:
        model.shrink(lambda name: not Trainable.NEW_LAYERS.admits(name))
    model = model.to_empty(device="cpu")
    fill(model, fresh_weights(config, seed=0), source="first weights")
    if is_trained:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if Trainable.NEW_LAYERS.admits(name):
                    weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return model.eval()


def published(checkpoint: Path, dtype: torch.dtype = torch.float32) -> Any:
    """The same weights in diffusers' own class."""
    network: Any = WanTransformer3DModel
    return network.from_pretrained(checkpoint, subfolder="transformer", torch_dtype=dtype, local_files_only=True).eval()


def draw_conditions(*, clips: int = 2, images: int = 3, null_tokens: int = 1) -> Conditions:
    """Texts of seven tokens and of four, with padding that is not zero; the last image of the last clip is absent."""
    generator = torch.Generator().manual_seed(2)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    is_present = torch.ones(clips, images, dtype=torch.bool)
    is_present[-1, -1:] = False
    references = ReferenceTokens(
        image_tokens=draw(clips, images, PATCHES, CHANNELS),
        word_tokens=draw(clips, images, 2, CHANNELS),
        is_present=is_present,
    )
    text, is_text = draw(clips, 7, CHANNELS), torch.arange(7) < torch.tensor([7, 4])[:clips, None]
    null_text = draw(null_tokens, CHANNELS)
    return Conditions(
        text=text,
        is_text=is_text,
        references=references if images else None,
        null_text=null_text,
        pooled=torch.stack([pooled_of(each[is_token]) for each, is_token in zip(text, is_text, strict=True)]),
        null_pooled=pooled_of(null_text),
    )


def pooled_of(text: torch.Tensor) -> torch.Tensor:
    """A vector that follows from a text, for models that read one."""
    return text[:, :16].sum(dim=0)


def draw_latents(*, clips: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy latents, wider than high, and their timesteps."""
    latents = torch.randn(clips, 16, 3, 4, 6, generator=torch.Generator().manual_seed(3))
    return latents, torch.tensor([0.3, 0.8])[:clips]


def theirs(network: Any, latents: torch.Tensor, timesteps: torch.Tensor, texts: Sequence[torch.Tensor]) -> torch.Tensor:
    """The velocity as `WanPipeline` asks for it: texts filled up with zeros, the timestep of 1,000."""
    filled = torch.stack([pad(text, (0, 0, 0, TEXT_TOKENS - len(text))) for text in texts])
    with torch.no_grad():
        found: torch.Tensor = network(
            hidden_states=latents.to(network.dtype),
            timestep=timesteps * 1000,
            encoder_hidden_states=filled.to(network.dtype),
            return_dict=False,
        )[0]
    return found.float()
