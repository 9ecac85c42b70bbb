"""HunyuanVideo with personalization cross-attention between attention and MLP (3.2), on diffusers' own layers.

Text and video attend to each other as one sequence. In the first blocks each has weights of its own, and there the
video's tokens, and they alone, see images; in the others both share all weights.
"""

from typing import Any

import torch
from diffusers import HunyuanVideoTransformer3DModel
from diffusers.models.transformers.transformer_hunyuan_video import (
    HunyuanVideoSingleTransformerBlock,
    HunyuanVideoTransformerBlock,
)
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from modeling.backbones.hunyuan_shape import HunyuanShape
from modeling.backbones.published_network import PersonalizedBlock, PublishedBackbone, Text, filled_texts
from modeling.model.backbone import CachedConditions
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding
from modeling.model.recomputation import computed

_PATCH = 2
_MLP_RATIO = 4.0

Rotation = tuple[Tensor, Tensor]


class HunyuanBackbone(PublishedBackbone):
    """See the module."""

    config: HunyuanShape

    def __init__(self, config: HunyuanShape) -> None:
        super().__init__()
        self.config = config
        network: Any = HunyuanVideoTransformer3DModel
        published = network(**_shape(config), num_layers=0, num_single_layers=0)
        self.x_embedder: nn.Module = published.x_embedder
        self.context_embedder: nn.Module = published.context_embedder
        self.time_text_embed: nn.Module = published.time_text_embed
        self.rope: nn.Module = published.rope  # without weights
        self.transformer_blocks = nn.ModuleList(
            DualBlock(config, is_personalized=config.is_personalized(number)) for number in range(config.dual_blocks)
        )
        self.single_transformer_blocks = nn.ModuleList(SingleBlock(config) for _ in range(config.single_blocks))
        self.norm_out: nn.Module = published.norm_out
        self.proj_out: nn.Linear = published.proj_out
        self.binding = Binding(config)
        self._keeps_float32 = frozenset(published._keep_in_fp32_modules or ())

    @property
    def blocks(self) -> nn.ModuleList:  # type: ignore[override]  # they are published in two lists
        """Which follow each other."""
        return nn.ModuleList([*self.transformer_blocks, *self.single_transformer_blocks])

    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,  # noqa: ARG002  # it never sees one
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data; in HunyuanVideo's own terms at timestep 1000 t."""
        clips, _, time, height, _ = latents.shape
        with self._as_published():
            (text, is_text, pooled), images = self._read(conditions, clips=clips)
            rotation = self.rope(latents)
            timestep = self.time_text_embed(timesteps * 1000, pooled, self._guidance(pooled))[0]
            tokens = self.x_embedder(latents.to(pooled.dtype))
            text = self.context_embedder(text, timesteps * 1000, is_text)
            mask = torch.cat([is_text.new_ones(tokens.shape[:2]), is_text], dim=1)[:, None, None]
            for block, attended in zip(self.blocks, images, strict=True):
                tokens, text = block(tokens, text, timestep, mask, rotation, attended)
            velocity = self.proj_out(self.norm_out(tokens, timestep))
        return rearrange(
            velocity.float(),
            "batch (time h w) (channels ph pw) -> batch channels time (h ph) (w pw)",
            time=time,
            h=height // _PATCH,
            ph=_PATCH,
            pw=_PATCH,
        )

    def _guidance(self, pooled: Float[Tensor, "batch pooled"]) -> Float[Tensor, " batch"] | None:
        """As `HunyuanVideoPipeline` tells it, rounded to the precision of the weights."""
        scale = self.config.embedded_guidance
        return None if scale is None else torch.full((len(pooled),), scale, dtype=pooled.dtype).to(pooled) * 1000

    def _embed_text(self, conditions: Conditions) -> Text:
        """Filled up with zeros, what masks these, and the vectors; the embedding of texts follows from the timestep."""
        if conditions.pooled is None:
            raise ValueError(
                f"texts come without the vectors of {self.config.pooled_channels} channels that HunyuanVideo reads of "
                "each; take encoders that give them, such as modeling.HunyuanEncoders"
            )
        filled, is_text = filled_texts(conditions, self.config.text_tokens)
        dtype = self.proj_out.weight.dtype
        return filled.to(dtype), is_text, conditions.pooled.to(dtype)


class DualBlock(PersonalizedBlock, HunyuanVideoTransformerBlock):
    """HunyuanVideo's block of two streams with a personalization layer, which is told what it attends to."""

    def __init__(self, config: HunyuanShape, *, is_personalized: bool) -> None:
        super().__init__(config.heads, config.head_channels, _MLP_RATIO)
        self.add_layer(config, heads=config.heads, is_personalized=is_personalized)

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        timestep: Float[Tensor, "batch width"],
        mask: Bool[Tensor, "batch 1 1 both"],
        rotation: Rotation,
        images: Attended | None,
    ) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch text width"]]:
        """The video's tokens and the text's after the block; without images they are exactly the published ones."""
        return computed(
            self._forward, tokens, text, timestep, mask, rotation, images, recomputes=self.recomputes_activations
        )

    def _forward(
        self,
        tokens: Tensor,
        text: Tensor,
        timestep: Tensor,
        mask: Tensor,
        rotation: Rotation,
        images: Attended | None,
    ) -> tuple[Tensor, Tensor]:
        modulated, gate, *of_mlp = self.norm1(tokens, emb=timestep)
        modulated_text, text_gate, *of_text_mlp = self.norm1_context(text, emb=timestep)
        gathered, gathered_text = self.attn(modulated, modulated_text, attention_mask=mask, image_rotary_emb=rotation)
        tokens = tokens + gathered * gate[:, None]
        text = text + gathered_text * text_gate[:, None]
        tokens = self.gathering(tokens, images)
        tokens = _after_mlp(tokens, self.norm2, self.ff, *of_mlp)
        return tokens, _after_mlp(text, self.norm2_context, self.ff_context, *of_text_mlp)

    def published_weight(self) -> Tensor:
        """See `PersonalizedBlock`."""
        weight: Tensor = self.attn.to_k.weight
        return weight


class SingleBlock(PersonalizedBlock, HunyuanVideoSingleTransformerBlock):
    """HunyuanVideo's block of one stream, as it is: attention and MLP stand side by side."""

    def __init__(self, config: HunyuanShape) -> None:
        super().__init__(config.heads, config.head_channels, _MLP_RATIO)
        self.add_layer(config, heads=config.heads, is_personalized=False)

    def forward(  # type: ignore[override]  # it is told of images, too, and does without
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        timestep: Float[Tensor, "batch width"],
        mask: Bool[Tensor, "batch 1 1 both"],
        rotation: Rotation,
        images: Attended | None,  # noqa: ARG002
    ) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch text width"]]:
        """The video's tokens and the text's after the block."""
        return computed(self._forward, tokens, text, timestep, mask, rotation, recomputes=self.recomputes_activations)

    def _forward(
        self, tokens: Tensor, text: Tensor, timestep: Tensor, mask: Tensor, rotation: Rotation
    ) -> tuple[Tensor, Tensor]:
        """Two tensors of their own: of views of one, as they are published, FSDP could lose the hooks."""
        tokens, text = super().forward(tokens, text, timestep, mask, rotation)
        return tokens.clone(), text.clone()


def _after_mlp(tokens: Tensor, norm: nn.Module, mlp: nn.Module, shift: Tensor, scale: Tensor, gate: Tensor) -> Tensor:
    modulated = norm(tokens) * (1 + scale[:, None]) + shift[:, None]
    return tokens + gate[:, None] * mlp(modulated)


def _shape(config: HunyuanShape) -> dict[str, Any]:
    return {
        "num_attention_heads": config.heads,
        "attention_head_dim": config.head_channels,
        "num_refiner_layers": config.refiner_blocks,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "text_embed_dim": config.text_channels,
        "pooled_projection_dim": config.pooled_channels,
        "guidance_embeds": config.embedded_guidance is not None,
        "rope_axes_dim": config.rotated_channels,
    }
