"""Wan 2.1 with personalization cross-attention between text cross-attention and MLP (3.2), on diffusers' own layers."""

from typing import Any, Final

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from modeling.backbones.published_network import PersonalizedBlock, PublishedBackbone, Text, filled_texts
from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import CachedConditions
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding
from modeling.model.precision import as_written

_PATCH: Final = 2

Rotation = tuple[Tensor, Tensor]


class WanBackbone(PublishedBackbone):
    """See the module."""

    config: WanShape

    def __init__(self, config: WanShape) -> None:
        super().__init__()
        self.config = config
        network: Any = WanTransformer3DModel
        published = network(**published_shape(config), num_layers=0)
        self.scale_shift_table: nn.Parameter = published.scale_shift_table
        self.patch_embedding: nn.Module = published.patch_embedding
        self.condition_embedder: Any = published.condition_embedder
        self.blocks = nn.ModuleList(
            WanBlock(config, is_personalized=config.is_personalized(number)) for number in range(config.blocks)
        )
        self.norm_out: nn.Module = published.norm_out
        self.proj_out: nn.Linear = published.proj_out
        self.binding = Binding(config)
        self._keeps_float32 = frozenset(published._keep_in_fp32_modules)
        with torch.device("cpu"):  # no weights, but numbers that a model on `meta` would lose
            self._rotary = (WanRotaryPosEmbed(config.head_channels, (1, _PATCH, _PATCH), 1024),)

    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,  # noqa: ARG002  # it never sees one
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data; in Wan's own terms at timestep 1000 t."""
        dtype, (_, _, _, height, width) = self.proj_out.weight.dtype, latents.shape
        with self._as_published():
            (text,), images = self._read(conditions, clips=len(latents))
            rotation = self._rotary[0].to(latents.device)(latents)
            tokens = self.patch_embedding(latents.to(dtype)).flatten(2).transpose(1, 2).contiguous()
            timestep, modulation = self._embed(timesteps, dtype)
            for block, attended in zip(self.blocks, images, strict=True):
                tokens = block(tokens, text, modulation, rotation, attended)
            shift, scale = (self.scale_shift_table + timestep[:, None]).chunk(2, dim=1)
            velocity = self.proj_out((self.norm_out(tokens.float()) * (1 + scale) + shift).type_as(tokens))
        return rearrange(
            velocity.float(),
            "batch (time h w) (ph pw channels) -> batch channels time (h ph) (w pw)",
            h=height // _PATCH,
            w=width // _PATCH,
            ph=_PATCH,
            pw=_PATCH,
        )

    def _embed_text(self, conditions: Conditions) -> Text:
        """Filled up with zeros, which count as in Wan's training: nothing is masked."""
        filled, _ = filled_texts(conditions, self.config.text_tokens)
        return (self.condition_embedder.text_embedder(filled.to(self.proj_out.weight.dtype)),)

    def _embed(self, timesteps: Float[Tensor, " batch"], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The timestep embedded, and the six vectors that it modulates every block with; in float32, then rounded."""
        embedder = self.condition_embedder
        with as_written(timesteps.device):
            places = embedder.timesteps_proj(timesteps * 1000)
            timestep = embedder.time_embedder(places.to(embedder.time_embedder.linear_1.weight.dtype)).to(dtype)
            return timestep, embedder.time_proj(embedder.act_fn(timestep)).unflatten(1, (6, -1))


class WanBlock(PersonalizedBlock, WanTransformerBlock):
    """Wan's block with a personalization layer, which takes what it attends to as an argument."""

    def __init__(self, config: WanShape, *, is_personalized: bool) -> None:
        super().__init__(config.width, config.mlp_width, config.heads, cross_attn_norm=True)
        self.add_layer(config, heads=config.heads, is_personalized=is_personalized)

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        modulation: Float[Tensor, "batch 6 width"],
        rotation: Rotation,
        images: Attended | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens after the block; without images it is exactly the published one."""
        if self.recomputes_activations and torch.is_grad_enabled():
            return checkpoint(self._forward, tokens, text, modulation, rotation, images, use_reentrant=False)
        return self._forward(tokens, text, modulation, rotation, images)

    def _forward(
        self, tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Tensor:
        vectors = (self.scale_shift_table + modulation.float()).chunk(6, dim=1)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = vectors
        modulated = (self.norm1(tokens.float()) * (1 + scale) + shift).type_as(tokens)
        tokens = (tokens.float() + self.attn1(modulated, None, None, rotation) * gate).type_as(tokens)
        tokens = tokens + self.attn2(self.norm2(tokens.float()).type_as(tokens), text, None, None)
        tokens = self.gathering(tokens, images)
        modulated = (self.norm3(tokens.float()) * (1 + mlp_scale) + mlp_shift).type_as(tokens)
        return (tokens.float() + self.ffn(modulated).float() * mlp_gate).type_as(tokens)


def published_shape(config: WanShape) -> dict[str, Any]:
    """What diffusers' class is built with, but for the number of blocks."""
    return {
        "num_attention_heads": config.heads,
        "attention_head_dim": config.head_channels,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "text_dim": config.text_channels,
        "freq_dim": config.timestep_channels,
        "ffn_dim": config.mlp_width,
    }
