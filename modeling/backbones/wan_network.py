"""Wan 2.1 with personalization cross-attention between text cross-attention and MLP (3.2), on diffusers' own layers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from modeling.backbones.published_network import PersonalizedBlock, PublishedBackbone, Text, filled_texts
from modeling.backbones.wan_shape import WanShape
from modeling.model.backbone import CachedConditions
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding, varying_context
from modeling.model.precision import as_written
from modeling.model.recomputation import computed
from modeling.model.sequence import TokenSequence, WholeSequence

_PATCH: Final = 2

Rotation = tuple[Tensor, Tensor]


class WanBackbone(PublishedBackbone):
    """See the module.

    Attributes:
        sequence: where the tokens lie.
    """

    config: WanShape

    def __init__(self, config: WanShape) -> None:
        super().__init__()
        self.config = config
        self.sequence: TokenSequence = WholeSequence()
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
        timesteps: Float[Tensor, " batch"] | Float[Tensor, "batch time"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,  # noqa: ARG002  # it never sees one
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data; in Wan's own terms at timestep 1000 t."""
        dtype, (_, _, time, height, width) = self.proj_out.weight.dtype, latents.shape
        with self._as_published():
            (text,), images = self._read(conditions, clips=len(latents))
            rotation = self._rotary[0].to(latents.device)(latents)
            tokens = self.patch_embedding(latents.to(dtype)).flatten(2).transpose(1, 2).contiguous()
            tokens = self.sequence.part(tokens)
            timestep, modulation = self._embed(timesteps, dtype, grid=(time, height * width // _PATCH**2))
            for block, attended in zip(self.blocks, images, strict=True):
                tokens = block(tokens, text, modulation, rotation, attended)
            shift, scale = (self.scale_shift_table + timestep[:, :, None]).unbind(dim=2)
            velocity = self.proj_out((self.norm_out(tokens.float()) * (1 + scale) + shift).type_as(tokens))
            velocity = self.sequence.whole(velocity, length=rotation[0].shape[1])
        return rearrange(
            velocity.float(),
            "batch (time h w) (ph pw channels) -> batch channels time (h ph) (w pw)",
            h=height // _PATCH,
            w=width // _PATCH,
            ph=_PATCH,
            pw=_PATCH,
        )

    def divide(self, sequence: TokenSequence) -> None:
        """See `VideoBackbone`."""
        self.sequence = sequence
        for block in self._own_blocks():
            block.attn1.set_processor(DividedSelfAttention(sequence))

    def _embed_text(self, conditions: Conditions) -> Text:
        """Filled up with zeros, which count as in Wan's training: nothing is masked."""
        filled, _ = filled_texts(conditions, self.config.text_tokens)
        return (self.condition_embedder.text_embedder(filled.to(self.proj_out.weight.dtype)),)

    def _embed(
        self, timesteps: Tensor, dtype: torch.dtype, *, grid: tuple[int, int]
    ) -> tuple[Float[Tensor, "batch rows width"], Float[Tensor, "batch rows 6 width"]]:
        """The timestep embedded, and the six vectors that it modulates every block with; in float32, then rounded.

        One row of them is for all tokens, and otherwise each has its own. Where timesteps are expanded, each is
        embedded, as diffusers has it, whose rounding follows from how many there are; of equal ones one row is kept.
        """
        embedder, clips = self.condition_embedder, len(timesteps)
        each = timesteps.reshape(clips, -1, 1)
        if self.config.expands_timesteps:
            each = each.expand(clips, *grid)
        with as_written(timesteps.device):
            places = embedder.timesteps_proj(each.flatten() * 1000).unflatten(0, (clips, -1))
            timestep = embedder.time_embedder(places.to(embedder.time_embedder.linear_1.weight.dtype)).to(dtype)
            modulation = embedder.time_proj(embedder.act_fn(timestep)).unflatten(2, (6, -1))
        if timesteps.ndim == 1:
            return timestep[:, :1].clone(), modulation[:, :1].clone()  # no view, which would keep all rows
        return self.sequence.part(timestep), torch.unflatten(self.sequence.part(modulation.flatten(2)), 2, (6, -1))


class WanBlock(PersonalizedBlock, WanTransformerBlock):
    """Wan's block with a personalization layer, which takes what it attends to as an argument.

    Attributes:
        compiled: as of `modeling.model.dit.Block`.
    """

    def __init__(self, config: WanShape, *, is_personalized: bool) -> None:
        super().__init__(config.width, config.mlp_width, config.heads, cross_attn_norm=True)
        self.add_layer(config, heads=config.heads, is_personalized=is_personalized)
        self.compiled: Callable[..., Tensor] | None = None

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        modulation: Float[Tensor, "batch rows 6 width"],
        rotation: Rotation,
        images: Attended | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens after the block; without images it is exactly the published one.

        Args:
            tokens: all of each clip, or this device's part of them.
            text: embedded.
            modulation: of the timestep: one row, or one for each of the tokens.
            rotation: of all tokens of a clip.
            images: what clips attend to; None is skipped.
        """
        if self.compiled is None:
            return self.compute(tokens, text, modulation, rotation, images)
        return self.compiled(self, tokens, text, modulation, rotation, images)

    def compute(
        self, tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Tensor:
        """What `forward` gives: the part that is compiled."""
        return computed(
            self._forward, tokens, text, modulation, rotation, images, recomputes=self.recomputes_activations
        )

    @staticmethod
    def varying_sizes(
        tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Iterator[tuple[Tensor, Sequence[int]]]:
        """Of the arguments of `compute`, the axes that are others in the next call."""
        yield from ((tokens, (0, 1)), (text, (0,)), (modulation, (0,)))
        yield from ((each, (1,)) for each in rotation)
        yield from varying_context(images)

    def _forward(
        self, tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Tensor:
        vectors = (self.scale_shift_table + modulation.float()).unbind(dim=2)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = vectors
        modulated = (self.norm1(tokens.float()) * (1 + scale) + shift).type_as(tokens)
        tokens = (tokens.float() + self.attn1(modulated, None, None, rotation) * gate).type_as(tokens)
        tokens = tokens + self.attn2(self.norm2(tokens.float()).type_as(tokens), text, None, None)
        tokens = self.gathering(tokens, images)
        modulated = (self.norm3(tokens.float()) * (1 + mlp_scale) + mlp_shift).type_as(tokens)
        return (tokens.float() + self.ffn(modulated).float() * mlp_gate).type_as(tokens)


class DividedSelfAttention:
    """Wan's self-attention where each device holds a part of every clip's tokens, as a processor of diffusers.

    Queries stay on their device; keys and values of the whole clip are gathered for each layer (`DividedSequence`).
    """

    def __init__(self, sequence: TokenSequence) -> None:
        self._sequence = sequence

    def __call__(self, attention: Any, tokens: Tensor, _text: None, _mask: None, rotation: Rotation) -> Tensor:
        """What this device's tokens gather from all of their clip."""
        length = rotation[0].shape[1]
        own = [self._sequence.part(each.squeeze(2)).unsqueeze(2) for each in rotation]
        query, key, value = (
            each.unflatten(2, (attention.heads, -1))
            for each in (
                attention.norm_q(attention.to_q(tokens)),
                attention.norm_k(attention.to_k(tokens)),
                attention.to_v(tokens),
            )
        )
        query, key, value = (each.transpose(1, 2) for each in (_rotated(query, own), _rotated(key, own), value))
        key, value = (self._sequence.whole(each, length=length) for each in (key, value))
        gathered = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return attention.to_out[1](attention.to_out[0](gathered))


def _rotated(
    heads: Float[Tensor, "batch tokens heads channels"], rotation: Sequence[Float[Tensor, "1 tokens 1 channels"]]
) -> Float[Tensor, "batch tokens heads channels"]:
    """Pairs of neighbouring channels turned, as Wan has it; cosines and sines stand there twice, one for each."""
    cosines, sines = (each[..., ::2] for each in rotation)
    first, second = torch.unflatten(heads, -1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cosines - second * sines, first * sines + second * cosines], dim=-1)
    return turned.flatten(-2).type_as(heads)


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
