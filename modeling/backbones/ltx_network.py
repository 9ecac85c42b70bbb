"""LTX-Video with personalization attention between text cross-attention and MLP (3.2), on diffusers' own layers."""

from typing import Any, Final

from diffusers import LTXVideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx import LTXVideoTransformerBlock
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from modeling.backbones.ltx_shape import LTXShape
from modeling.backbones.published_network import PersonalizedBlock, PublishedBackbone, Text, filled_texts
from modeling.model.backbone import CachedConditions
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding
from modeling.model.recomputation import computed

# What a latent stands for: its place is told in seconds and pixels.
_FRAMES, _PIXELS = 8, 32

# Added to the scores of masked tokens, as diffusers has it.
_MASKED: Final = -10_000.0

Rotation = tuple[Tensor, Tensor]


class LTXBackbone(PublishedBackbone):
    """See the module."""

    config: LTXShape

    def __init__(self, config: LTXShape) -> None:
        super().__init__()
        self.config = config
        network: Any = LTXVideoTransformer3DModel
        published = network(**_shape(config), num_layers=0)
        self.proj_in: nn.Module = published.proj_in
        self.scale_shift_table: nn.Parameter = published.scale_shift_table
        self.time_embed: nn.Module = published.time_embed
        self.caption_projection: nn.Module = published.caption_projection
        self.rope: nn.Module = published.rope  # without weights
        self.transformer_blocks = nn.ModuleList(
            PersonalizedLTXBlock(config, is_personalized=config.is_personalized(number))
            for number in range(config.blocks)
        )
        self.norm_out: nn.Module = published.norm_out
        self.proj_out: nn.Linear = published.proj_out
        self.binding = Binding(config)
        self._keeps_float32 = frozenset(published._keep_in_fp32_modules or ())

    @property
    def blocks(self) -> nn.ModuleList:  # type: ignore[override]  # their published name is another
        """Which follow each other."""
        return self.transformer_blocks

    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,  # noqa: ARG002  # it never sees one
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data; in LTX-Video's own terms at timestep 1000 t."""
        clips, _, *grid = latents.shape
        with self._as_published():
            (text, mask), images = self._read(conditions, clips=clips)
            tokens = self.proj_in(
                rearrange(latents.to(self.proj_out.weight.dtype), "batch c time h w -> batch (time h w) c")
            )
            seconds = _FRAMES / self.config.fps
            rotation = self.rope(tokens[:1], *grid, (seconds, _PIXELS, _PIXELS))
            modulation, timestep = self.time_embed(timesteps * 1000, batch_size=clips, hidden_dtype=tokens.dtype)
            modulation = modulation.unflatten(1, (1, 6, -1))
            for block, attended in zip(self.blocks, images, strict=True):
                tokens = block(tokens, text, mask, modulation, rotation, attended)
            shift, scale = (self.scale_shift_table[None] + timestep[:, None]).split(1, dim=1)
            velocity = self.proj_out(self.norm_out(tokens) * (1 + scale) + shift)
        time, height, _ = grid
        laid_out = rearrange(velocity.float(), "batch (time h w) c -> batch c time h w", time=time, h=height)
        return laid_out.contiguous()  # FSDP2 wants no view

    def _embed_text(self, conditions: Conditions) -> Text:
        """Filled up with zeros, and what masks these."""
        filled, is_text = filled_texts(conditions, self.config.text_tokens)
        dtype = self.proj_out.weight.dtype
        return self.caption_projection(filled.to(dtype)), (1 - is_text.to(dtype))[:, None] * _MASKED


class PersonalizedLTXBlock(PersonalizedBlock, LTXVideoTransformerBlock):
    """LTX-Video's block with a personalization layer, which takes what it attends to as an argument."""

    def __init__(self, config: LTXShape, *, is_personalized: bool) -> None:
        super().__init__(config.width, config.heads, config.head_channels, cross_attention_dim=config.width)
        self.add_layer(config, heads=config.heads, is_personalized=is_personalized)

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        mask: Float[Tensor, "batch 1 text"],
        modulation: Float[Tensor, "batch 1 6 width"],
        rotation: Rotation,
        images: Attended | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens after the block; without images it is exactly the published one."""
        return computed(
            self._forward, tokens, text, mask, modulation, rotation, images, recomputes=self.recomputes_activations
        )

    def _forward(
        self,
        tokens: Tensor,
        text: Tensor,
        mask: Tensor,
        modulation: Tensor,
        rotation: Rotation,
        images: Attended | None,
    ) -> Tensor:
        vectors = (self.scale_shift_table[None, None] + modulation).unbind(dim=2)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = vectors
        modulated = self.norm1(tokens) * (1 + scale) + shift
        tokens = tokens + self.attn1(modulated, image_rotary_emb=rotation) * gate
        tokens = tokens + self.attn2(tokens, encoder_hidden_states=text, attention_mask=mask)
        tokens = self.gathering(tokens, images)
        modulated = self.norm2(tokens) * (1 + mlp_scale) + mlp_shift
        return tokens + self.ff(modulated) * mlp_gate


def _shape(config: LTXShape) -> dict[str, Any]:
    return {
        "num_attention_heads": config.heads,
        "attention_head_dim": config.head_channels,
        "cross_attention_dim": config.width,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "caption_channels": config.text_channels,
    }
