"""Wan 2.1 with personalization cross-attention between text cross-attention and MLP (3.2), on diffusers' own layers.

Without references, and with them as long as the new layers are as drawn, it computes bitwise what diffusers'
`WanTransformer3DModel` does. That class passes its blocks no images, so its few lines around them are written here.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import torch
from diffusers import WanTransformer3DModel
from diffusers.models.transformers.transformer_wan import WanRotaryPosEmbed, WanTransformerBlock
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from modeling.backbones.wan_shape import WanShape
from modeling.model.attention import Context, CrossAttention
from modeling.model.backbone import CachedConditions, VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding, attend, of_clips, varying_context
from modeling.model.parts import Trainable
from modeling.model.precision import Float32LayerNorm, Precision, as_written, computing_in
from modeling.model.sequence import TokenSequence, WholeSequence

_PATCH: Final = 2

Rotation = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class WanConditions:
    """Conditions as every block reads them; a batch may hold several branches of guidance, one after the other.

    Attributes:
        text: embedded, of each clip.
        null_text: what clips read whose text is dropped.
        images: what each block attends to; None is skipped.
        clips_with_text: of the batch; None is no clip.
    """

    text: Float[Tensor, "batch text width"]
    null_text: Float[Tensor, "batch text width"]
    images: tuple[Attended | None, ...]
    clips_with_text: slice | None

    def of_clips(self, text: slice | None, images: slice | None) -> "WanConditions":
        """See `CachedConditions`."""
        return replace(self, images=tuple(of_clips(each, images) for each in self.images), clips_with_text=text)

    def texts(self, clips: int) -> Float[Tensor, "clips text width"]:
        """What each clip of a batch reads."""
        branches = clips // len(self.text)
        if self.clips_with_text == slice(None):
            return self.text.repeat(branches, 1, 1)
        texts = self.null_text.repeat(branches, 1, 1)
        if self.clips_with_text is not None:
            texts[self.clips_with_text] = self.text.repeat(len(texts[self.clips_with_text]) // len(self.text), 1, 1)
        return texts


class WanBackbone(VideoBackbone):
    """See the module. Weights have the names of the published ones; `binding` and `personalization_*` are new.

    The published weights decide what it computes in: where they are bfloat16, so are the tokens, as diffusers has it,
    and the new layers compute in bfloat16 too; where they are float32, everything is as the code around says.

    Attributes:
        sequence: where the tokens lie.
    """

    config: WanShape

    def __init__(self, config: WanShape) -> None:
        super().__init__()
        self.config = config
        self.sequence: TokenSequence = WholeSequence()
        network: Any = WanTransformer3DModel
        published = network(**_shape(config), num_layers=0)
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
            text, images = self._read(conditions, clips=len(latents))
            rotation = self._rotary[0].to(latents.device)(latents)
            tokens = self.patch_embedding(latents.to(dtype)).flatten(2).transpose(1, 2).contiguous()
            tokens = self.sequence.part(tokens)
            timestep, modulation = self._embed(timesteps, dtype)
            for block, attended in zip(self.blocks, images, strict=True):
                tokens = block(tokens, text, modulation, rotation, attended)
            shift, scale = (self.scale_shift_table + timestep[:, None]).chunk(2, dim=1)
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

    def cache(self, conditions: Conditions) -> WanConditions:
        """The texts as embedded, and keys and values of the images for every block that attends to them."""
        with self._as_published():
            images = self._bind(conditions)
            images = None if images is None else images.without_idle_mask()
            return WanConditions(
                text=self._embed_text(conditions),
                null_text=self._embed_text(conditions.without_text()),
                images=tuple(None if images is None else block.keys_values(images) for block in self._wan_blocks()),
                clips_with_text=slice(None),
            )

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The new layers."""
        yield "binding", self.binding
        for number, block in enumerate(self._wan_blocks()):
            yield from ((f"blocks.{number}.{name}", layer) for name, layer in block.new_layers().items())

    def shrink(self, is_chosen: Callable[[str], bool]) -> None:
        """Of the published weights, all that diffusers makes bfloat16 when it loads them so."""
        for name, weight in self.named_parameters():
            is_published = not Trainable.NEW_LAYERS.admits(name)
            if is_published and is_chosen(name) and self._keeps_float32.isdisjoint(name.split(".")):
                weight.data = weight.data.to(torch.bfloat16)

    def halve(self) -> None:
        """As diffusers loads it in bfloat16; the new layers compute norms in float32 whatever their weights are."""
        self.shrink(lambda _: True)
        for _, part in self.parts():
            part.to(torch.bfloat16)

    def divide(self, sequence: TokenSequence) -> None:
        """See `VideoBackbone`."""
        self.sequence = sequence
        for block in self._wan_blocks():
            attention: Any = block.attn1  # diffusers lists the processors that it knows
            attention.set_processor(DividedSelfAttention(sequence))

    def _read(
        self, conditions: Conditions | CachedConditions, *, clips: int
    ) -> tuple[Tensor, Sequence[Attended | None]]:
        """The texts of a batch of so many clips, and what every block attends to."""
        if not isinstance(conditions, Conditions):
            cached = cast("WanConditions", conditions)
            return cached.texts(clips), cached.images
        images = self._bind(conditions)
        attended = None if images is None else Attended(images)
        return self._embed_text(conditions), [attended] * len(self.blocks)

    def _bind(self, conditions: Conditions) -> Context | None:
        with in_precision_of(self.proj_out.weight):
            return None if conditions.references is None else self.binding(conditions.references)

    def _wan_blocks(self) -> "list[WanBlock]":
        return cast("list[WanBlock]", list(self.blocks))

    def _embed_text(self, conditions: Conditions) -> Float[Tensor, "batch text width"]:
        """Filled up with zeros, which count as in Wan's training: nothing is masked."""
        most = self.config.text_tokens
        if conditions.text.shape[1] > most and conditions.is_text[:, most:].any():
            raise ValueError(f"text has {int(conditions.is_text.sum(1).max())} tokens, expected at most {most}")
        text = torch.where(conditions.is_text[..., None], conditions.text, 0.0)[:, :most]
        filled = pad(text, (0, 0, 0, most - text.shape[1])).to(self.proj_out.weight.dtype)
        return self.condition_embedder.text_embedder(filled)

    def _embed(self, timesteps: Float[Tensor, " batch"], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The timestep embedded, and the six vectors that it modulates every block with; in float32, then rounded."""
        embedder = self.condition_embedder
        with as_written(timesteps.device):
            places = embedder.timesteps_proj(timesteps * 1000)
            timestep = embedder.time_embedder(places.to(embedder.time_embedder.linear_1.weight.dtype)).to(dtype)
            return timestep, embedder.time_proj(embedder.act_fn(timestep)).unflatten(1, (6, -1))

    def _as_published(self) -> AbstractContextManager[object]:
        """Within it, bfloat16 weights compute as they would without autocast."""
        weight = self.proj_out.weight
        return as_written(weight.device) if weight.dtype is torch.bfloat16 else nullcontext()


class WanBlock(WanTransformerBlock):
    """Wan's block with a personalization layer, which takes what it attends to as an argument.

    Attributes:
        recomputes_activations: as of `modeling.model.dit.Block`; so is `compiled`.
    """

    def __init__(self, config: WanShape, *, is_personalized: bool) -> None:
        super().__init__(config.width, config.mlp_width, config.heads, cross_attn_norm=True)
        self.recomputes_activations = False
        self.compiled: Callable[..., Tensor] | None = None
        self.is_personalized = is_personalized
        if is_personalized:
            self.personalization_norm = Float32LayerNorm(config.width, eps=1e-6)
            self.personalization_attention = CrossAttention(config.width, config.heads, config.image_channels)

    def forward(  # type: ignore[override]  # it is told of images, too
        self,
        tokens: Float[Tensor, "batch tokens width"],
        text: Float[Tensor, "batch text width"],
        modulation: Float[Tensor, "batch 6 width"],
        rotation: Rotation,
        images: Attended | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens after the block; without images it is exactly the published one.

        Args:
            tokens: all of each clip, or this device's part of them.
            text: embedded.
            modulation: of the timestep.
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
        if self.recomputes_activations and torch.is_grad_enabled():
            return checkpoint(self._forward, tokens, text, modulation, rotation, images, use_reentrant=False)
        return self._forward(tokens, text, modulation, rotation, images)

    @staticmethod
    def varying_sizes(
        tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Iterator[tuple[Tensor, Sequence[int]]]:
        """Of the arguments of `compute`, the axes that are others in the next call."""
        yield from ((tokens, (0, 1)), (text, (0,)), (modulation, (0,)))
        yield from ((each, (1,)) for each in rotation)
        yield from varying_context(images)

    def keys_values(self, images: Context) -> Attended | None:
        """What the personalization layer attends to, as keys and values; None if the block has none."""
        if not self.is_personalized:
            return None
        with in_precision_of(self.attn2.to_k.weight):
            return Attended(self.personalization_attention.keys_values(images).to_keep())

    def new_layers(self) -> dict[str, nn.Module]:
        """Those that are not Wan's, by name."""
        return {name: layer for name, layer in self.named_children() if name.startswith("personalization_")}

    def _forward(
        self, tokens: Tensor, text: Tensor, modulation: Tensor, rotation: Rotation, images: Attended | None
    ) -> Tensor:
        vectors = (self.scale_shift_table + modulation.float()).chunk(6, dim=1)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = vectors
        modulated = (self.norm1(tokens.float()) * (1 + scale) + shift).type_as(tokens)
        tokens = (tokens.float() + self.attn1(modulated, None, None, rotation) * gate).type_as(tokens)
        tokens = tokens + self.attn2(self.norm2(tokens.float()).type_as(tokens), text, None, None)
        if images is not None and self.is_personalized:
            with in_precision_of(tokens):
                tokens = attend(tokens, images, self.personalization_norm, self.personalization_attention)
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


def in_precision_of(published: Tensor) -> AbstractContextManager[object]:
    """Within it, new layers, whose weights are float32 while they are trained, compute as the published ones do."""
    precision = Precision.BFLOAT16 if published.dtype is torch.bfloat16 else Precision.FLOAT32
    return computing_in(precision, published.device)


def _shape(config: WanShape) -> dict[str, Any]:
    return {
        "num_attention_heads": config.heads,
        "attention_head_dim": config.head_channels,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "text_dim": config.text_channels,
        "freq_dim": config.timestep_channels,
        "ffn_dim": config.mlp_width,
    }
