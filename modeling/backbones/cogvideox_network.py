"""CogVideoX with personalization cross-attention between attention and MLP (3.2), on diffusers' own layers.

Text and video attend to each other as one sequence, and share every layer; only the video's tokens see images.
"""

from typing import Any, Final, cast

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed, get_3d_sincos_pos_embed
from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock
from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from modeling.backbones.cogvideox_schedule import CogVideoXSchedule
from modeling.backbones.cogvideox_shape import CogVideoXShape
from modeling.backbones.published_network import PersonalizedBlock, PublishedBackbone, Text, filled_texts
from modeling.model.backbone import CachedConditions
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding
from modeling.model.recomputation import computed

_PATCH: Final = 2

# Of the size that it was trained at, 480x720, in patches: places of other sizes lie on this grid.
_TRAINED_GRID: Final = (30, 45)

# What places are divided by before they become sinusoids, in the picture and in time.
_SINUSOID_SCALES: Final = (1.875, 1.0)

Rotation = tuple[Tensor, Tensor]


class CogVideoXBackbone(PublishedBackbone):
    """See the module; `cogvideox_schedule.py` says how its noise and what it predicts become the flow's."""

    config: CogVideoXShape

    def __init__(self, config: CogVideoXShape) -> None:
        super().__init__()
        self.config = config
        network: Any = CogVideoXTransformer3DModel
        # As if rotary, for else it would have a buffer of sinusoids, which a model on `meta` would lose.
        published = network(**_shape(config), num_layers=0, use_rotary_positional_embeddings=True)
        self.patch_embed: Any = published.patch_embed
        self.time_proj: nn.Module = published.time_proj
        self.time_embedding: nn.Module = published.time_embedding
        self.transformer_blocks = nn.ModuleList(
            PersonalizedCogVideoXBlock(config, is_personalized=config.is_personalized(number))
            for number in range(config.blocks)
        )
        self.norm_final: nn.Module = published.norm_final
        self.norm_out: nn.Module = published.norm_out
        self.proj_out: nn.Linear = published.proj_out
        self.binding = Binding(config)
        self._keeps_float32 = frozenset(published._keep_in_fp32_modules or ())
        self._schedule = CogVideoXSchedule(snr_shift_scale=config.snr_shift_scale)

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
        """The velocity, noise minus data."""
        published = self._schedule.to_published(latents, timesteps)
        predicted = self._predict(published, self._schedule.steps(timesteps), conditions)
        return self._schedule.velocity(predicted, published, timesteps)

    def _predict(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        steps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
    ) -> Float[Tensor, "batch channels time height width"]:
        """What CogVideoX makes of its own latents at its own steps."""
        _, _, time, height, width = latents.shape
        grid, dtype = (time, height // _PATCH, width // _PATCH), self.proj_out.weight.dtype
        with self._as_published():
            (text,), images = self._read(conditions, clips=len(latents))
            frames = rearrange(latents.to(dtype), "batch channels time h w -> (batch time) channels h w")
            tokens = rearrange(self.patch_embed.proj(frames), "(batch time) c h w -> batch (time h w) c", time=time)
            if not self.config.is_rotary:
                tokens = tokens + self._sinusoids(grid, latents.device).to(tokens.dtype)
            rotation = self._rotation(grid, latents.device) if self.config.is_rotary else None
            timestep = self.time_embedding(self.time_proj(steps).to(dtype))
            for block, attended in zip(self.blocks, images, strict=True):
                tokens, text = block(tokens, text, timestep, rotation, attended)
            predicted = self.proj_out(self.norm_out(self.norm_final(tokens), temb=timestep))
        return rearrange(
            predicted.float(),
            "batch (time h w) (channels ph pw) -> batch channels time (h ph) (w pw)",
            time=time,
            h=grid[1],
            ph=_PATCH,
            pw=_PATCH,
        )

    def _embed_text(self, conditions: Conditions) -> Text:
        """Filled up with zeros; texts of its own encoder are full, and T5's padding counts."""
        filled, _ = filled_texts(conditions, self.config.text_tokens)
        return (self.patch_embed.text_proj(filled.to(self.proj_out.weight.dtype)),)

    def _sinusoids(self, grid: tuple[int, int, int], device: torch.device) -> Float[Tensor, "tokens width"]:
        """Of every token's place, by diffusers' own function; the grid is any."""
        time, height, width = grid
        found = get_3d_sincos_pos_embed(
            self.config.width, (width, height), time, *_SINUSOID_SCALES, device=device, output_type="pt"
        )
        return found.flatten(0, 1)

    def _rotation(self, grid: tuple[int, int, int], device: torch.device) -> Rotation:
        """Of every token's place, as `CogVideoXPipeline` lays it out: centred on the grid that it was trained at."""
        time, height, width = grid
        trained_height, trained_width = _TRAINED_GRID
        fitted: Any = get_resize_crop_region_for_grid  # diffusers types only a part of itself
        found = get_3d_rotary_pos_embed(
            embed_dim=self.config.head_channels,
            crops_coords=fitted((height, width), trained_width, trained_height),
            grid_size=(height, width),
            temporal_size=time,
            device=device,
        )
        return cast("Rotation", found)


class PersonalizedCogVideoXBlock(PersonalizedBlock, CogVideoXBlock):
    """CogVideoX's block with a personalization layer, which takes what it attends to as an argument."""

    def __init__(self, config: CogVideoXShape, *, is_personalized: bool) -> None:
        super().__init__(
            config.width, config.heads, config.head_channels, config.timestep_channels, attention_bias=True
        )
        self.add_layer(config, heads=config.heads, is_personalized=is_personalized)

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        timestep: Float[Tensor, "batch channels"],
        rotation: Rotation | None,
        images: Attended | None,
    ) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch text width"]]:
        """The video's tokens and the text's after the block; without images they are exactly the published ones."""
        return computed(self._forward, tokens, text, timestep, rotation, images, recomputes=self.recomputes_activations)

    def _forward(
        self, tokens: Tensor, text: Tensor, timestep: Tensor, rotation: Rotation | None, images: Attended | None
    ) -> tuple[Tensor, Tensor]:
        modulated, modulated_text, gate, text_gate = self.norm1(tokens, text, timestep)
        gathered, gathered_text = self.attn1(modulated, modulated_text, image_rotary_emb=rotation)
        tokens, text = tokens + gate * gathered, text + text_gate * gathered_text
        tokens = self.gathering(tokens, images)
        modulated, modulated_text, gate, text_gate = self.norm2(tokens, text, timestep)
        made_text, made = self.ff(torch.cat([modulated_text, modulated], dim=1)).split(
            [text.shape[1], tokens.shape[1]], dim=1
        )
        return tokens + gate * made, text + text_gate * made_text


def _shape(config: CogVideoXShape) -> dict[str, Any]:
    return {
        "num_attention_heads": config.heads,
        "attention_head_dim": config.head_channels,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "time_embed_dim": config.timestep_channels,
        "text_embed_dim": config.text_channels,
        "max_text_seq_length": config.text_tokens,
    }
