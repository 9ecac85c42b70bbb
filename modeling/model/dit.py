"""The video model (3.2, B.1, Table 5): read `DiT.forward` first, then `Block.forward`, then `Binding.forward`.

Time and shape follow `flow.py`: timestep 1 is noise, latents are (batch, 16, time, height, width).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from modeling.model.attention import Context, CrossAttention, KeyValue, SelfAttention
from modeling.model.backbone import BackboneConfig, CachedConditions, VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.costs import PATCH_AREA, Flops, Workload, flops_of
from modeling.model.parts import Part
from modeling.model.positions import Rotation, grid_code, rotary_embedding, sinusoids
from modeling.model.precision import Float32LayerNorm, Float32Linear, shrink_matrices
from modeling.model.recomputation import computed
from modeling.model.sequence import TokenSequence, WholeSequence
from storage.configs import strict
from storage.numbers import expect_at_least, expect_share

_PATCH = 2
_TIMESTEP_CHANNELS = 256

# Of the index embedding at first: small beside image tokens of unit variance, as the embedded encoders give them. What
# the scales of DINOv2 and T5 do to binding, whose inputs are not normalised, is not known: that needs their weights.
_INDEX_DEVIATION = 0.02

_ZERO_AT_FIRST = ("final_modulation", "to_velocity")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class DiTConfig(BackboneConfig):
    """The model of Table 5; the defaults are the paper's.

    Attributes:
        width: latent token channels.
        text_channels: conditioning channels of text; so are `image_channels` of images.
        max_images: conditioning images; more are an error.
        words_per_image: K, the caption tokens bound to each image. Our choice: 3, as Figure 3 draws it.
        binds_words: whether the images come with their entity words. False is the ablation "no word token" of Table 3:
            the model is told which images there are, and not which word each of them shows.
        mlp_ratio: Our choice: 4, as in the authors' sibling model; the paper does not mention the layer.
        dropout: of the MLP. Our choice: Table 6 says 0.1 but not where; the authors' earlier model has it there.
        self_conditions: whether the model also sees its own last estimate of the data, as 16 more input channels.
        absolute_positions: whether tokens also carry sinusoids of their place. Our choice: no, the paper has rotary
            embeddings alone; but a small model that is trained briefly does not find the middle of a picture by them.
    """

    profile: Literal["dit"] = "dit"
    latent_channels: int = 16
    width: int = 4096
    blocks: int = 32
    heads: int = 32
    text_channels: int = 1024
    image_channels: int = 1024
    max_images: int = 6
    words_per_image: int = 3
    binds_words: bool = True
    mlp_ratio: int = 4
    dropout: float = 0.1
    self_conditions: bool = True
    absolute_positions: bool = False

    def __post_init__(self) -> None:
        sizes = ("latent_channels", "width", "blocks", "heads", "text_channels", "image_channels", "mlp_ratio")
        expect_at_least(1, "model", self, *sizes, "max_images", "words_per_image")
        expect_share("model", self, "dropout")
        if self.width % self.heads or self.head_channels % 8:
            raise ValueError(
                f"model has width {self.width} and {self.heads} heads, expected head channels that are a multiple of 8"
            )

    @property
    def head_channels(self) -> int:
        """Channels of one attention head."""
        return self.width // self.heads

    @property
    def input_channels(self) -> int:
        """Latent channels that enter the patch embedding."""
        return self.latent_channels * (2 if self.self_conditions else 1)

    @property
    def mlp_width(self) -> int:
        """Channels inside the MLP of a block."""
        return self.mlp_ratio * self.width

    def build(self) -> "DiT":
        """See `BackboneConfig`."""
        return DiT(self)

    def forward_flops(self, workload: Workload) -> Flops:
        """See `BackboneConfig`."""
        tokens, text, images = workload.tokens, workload.text_tokens, workload.image_tokens
        width, blocks = self.width, self.blocks
        bound_channels = self.image_channels + self.words_per_image * self.text_channels
        attended = {Part.SELF_ATTENTION: tokens, Part.TEXT_ATTENTION: text, Part.PERSONALIZATION: images}
        products = {
            Part.PATCH_EMBEDDING: tokens * PATCH_AREA * self.input_channels * width,
            Part.SELF_ATTENTION: blocks * tokens * 4 * width**2,
            Part.TEXT_ATTENTION: blocks * (tokens * 2 * width**2 + text * 2 * self.text_channels * width),
            Part.PERSONALIZATION: blocks * (tokens * 2 * width**2 + images * 2 * self.image_channels * width)
            if images
            else 0,
            Part.MLP: blocks * tokens * 2 * self.mlp_ratio * width**2,
            Part.MODULATION: blocks * 6 * width**2,
            Part.BINDING: images * bound_channels * self.image_channels,
            Part.REST: (_TIMESTEP_CHANNELS + 3 * width + tokens * PATCH_AREA * self.latent_channels) * width,
        }
        scores = {part: blocks * tokens * keys * width for part, keys in attended.items()}
        return flops_of(workload, products=products, scores=scores)


class Attended(NamedTuple):
    """A context, and the clips of the batch that attend to it; for the others it is skipped.

    Attributes:
        branches: of guidance, which these clips are laid out in; all attend to the same context.
    """

    context: Context | KeyValue
    clips: slice = slice(None)
    branches: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DiTConditions:
    """Conditions as keys and values of every block, for all steps of sampling. `DiT.cache` makes them.

    A batch may hold several branches of guidance, one after the other, which share the keys and values. Branches with
    text follow each other, and so do branches with images; what a branch lacks is skipped, which is exactly what zeros
    in its place come to.

    Attributes:
        blocks: what each block attends to, text and images; None is skipped.
    """

    blocks: tuple[tuple[Attended | None, Attended | None], ...]

    def of_clips(self, text: slice | None, images: slice | None) -> "DiTConditions":
        """The same for a batch in which only these clips have text, and only these have images; None is no clip."""
        return DiTConditions(
            blocks=tuple((of_clips(words, text), of_clips(pictures, images)) for words, pictures in self.blocks)
        )


class DiT(VideoBackbone):
    """Predicts the velocity of noisy latents under text and reference images.

    Attributes:
        sequence: where the tokens lie; `parallel.py` changes it.
    """

    config: DiTConfig

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.sequence: TokenSequence = WholeSequence()
        self.patch_embedding = nn.Linear(config.input_channels * _PATCH**2, config.width)
        self.timestep_embedding = nn.Sequential(
            Float32Linear(_TIMESTEP_CHANNELS, config.width), nn.SiLU(), Float32Linear(config.width, config.width)
        )
        self.binding = Binding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.final_norm = Float32LayerNorm(config.width, eps=1e-6, elementwise_affine=False)
        self.final_modulation = Float32Linear(config.width, 2 * config.width)
        self.to_velocity = Float32Linear(config.width, config.latent_channels * _PATCH**2)
        for name, part in self.parts():
            initialize(name, part)

    def forward(
        self,
        latents: Float[Tensor, "batch channels time height width"],
        timesteps: Float[Tensor, " batch"],
        conditions: Conditions | CachedConditions,
        estimate: Float[Tensor, "batch channels time height width"] | None = None,
    ) -> Float[Tensor, "batch channels time height width"]:
        """The velocity, noise minus data.

        Args:
            latents: noisy ones; height and width even.
            timesteps: 1 is noise, 0 is data.
            conditions: text and reference images.
            estimate: the last estimate of the data, for self-conditioning; None is zeros.
        """
        _, _, time, height, width = latents.shape
        tokens = self.patch_embedding(patchify(self._with_estimate(latents, estimate)))
        grid = (time, height // _PATCH, width // _PATCH)
        if self.config.absolute_positions:
            tokens = tokens + grid_code(grid, channels=self.config.width, device=tokens.device).to(tokens)
        rotation = rotary_embedding(grid, head_channels=self.config.head_channels, device=tokens.device)
        tokens = self.sequence.part(tokens)
        timestep = self.timestep_embedding(sinusoids(timesteps * 1000, channels=_TIMESTEP_CHANNELS))
        for block, (text, images) in zip(self.blocks, self._attended(conditions), strict=True):
            tokens = block(tokens, timestep, rotation, text, images)
        shift, scale = self.final_modulation(functional.silu(timestep))[:, None].chunk(2, dim=-1)
        velocity = self.to_velocity(_modulate(self.final_norm(tokens), shift, scale))
        velocity = self.sequence.whole(velocity, length=rotation.shape[1])
        return unpatchify(velocity, time=time, height=height, width=width)

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The model in parts of at most one block, by name, so that none needs the whole model in one memory."""
        for name, part in self.named_children():
            if part is self.blocks:
                yield from ((f"{name}.{place}", block) for place, block in self.blocks.named_children())
            else:
                yield name, part

    def cache(self, conditions: Conditions) -> DiTConditions:
        """What every block makes of the conditions; no step of sampling changes it."""
        text, images = self._contexts(conditions)
        text, images = text.without_idle_mask(), None if images is None else images.without_idle_mask()
        return DiTConditions(blocks=tuple(cast("Block", block).keys_values(text, images) for block in self.blocks))

    def shrink(self, is_chosen: Callable[[str], bool]) -> None:
        """Make some matrices bfloat16, which computing in bfloat16 rounds in every product anyway."""
        shrink_matrices(self, is_chosen)

    def halve(self) -> None:
        """Make all weights bfloat16; what is computed in float32 by name stays so."""
        self.to(torch.bfloat16)

    def divide(self, sequence: TokenSequence) -> None:
        """See `VideoBackbone`."""
        self.sequence = sequence
        for block in cast("list[Block]", list(self.blocks)):
            block.self_attention.sequence = sequence

    def _attended(self, conditions: Conditions | CachedConditions) -> Sequence[tuple[Attended | None, Attended | None]]:
        """What each block attends to: text, and images if there are any."""
        if not isinstance(conditions, Conditions):
            return cast("DiTConditions", conditions).blocks
        text, images = self._contexts(conditions)
        return [(Attended(text), None if images is None else Attended(images))] * len(self.blocks)

    def _contexts(self, conditions: Conditions) -> tuple[Context, Context | None]:
        references = conditions.references
        images = None if references is None else self.binding(references)
        return Context.masked(conditions.text, conditions.is_text, is_padded=conditions.is_padded), images

    def _with_estimate(
        self, latents: Float[Tensor, "batch channels time height width"], estimate: Tensor | None
    ) -> Float[Tensor, "batch inputs time height width"]:
        if not self.config.self_conditions:
            return latents
        return torch.cat([latents, torch.zeros_like(latents) if estimate is None else estimate], dim=1)


class Block(nn.Module):
    """Self-attention, text cross-attention, personalization cross-attention, MLP (3.2).

    Our choice: the timestep modulates self-attention and MLP (adaLN-Zero with six vectors). It leaves the
    cross-attentions alone: the parameter count of the authors' sibling model fits this, and does not fit twelve.

    Attributes:
        recomputes_activations: whether training keeps only the tokens that enter, and computes the rest again when it
            needs gradients.
        compiled: computes the block in place of `compute`, with the block as its first argument; None is `compute`.
    """

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width, heads = config.width, config.heads
        self.recomputes_activations = False
        self.compiled: Callable[..., Tensor] | None = None
        self.modulation = Float32Linear(width, 6 * width)
        self.self_norm = Float32LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.self_attention = SelfAttention(width, heads)
        self.text_norm = Float32LayerNorm(width, eps=1e-6)
        self.text_attention = CrossAttention(width, heads, config.text_channels)
        self.personalization_norm = Float32LayerNorm(width, eps=1e-6)
        self.personalization_attention = CrossAttention(width, heads, config.image_channels)
        self.mlp_norm = Float32LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.mlp_ratio * width),
            nn.GELU(approximate="tanh"),
            nn.Dropout(config.dropout),
            nn.Linear(config.mlp_ratio * width, width),
        )

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens width"],
        timestep: Float[Tensor, "batch width"],
        rotation: Rotation,
        text: Attended | None,
        images: Attended | None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens after one block.

        Args:
            tokens: all of each clip, or this device's part of them.
            timestep: embedded.
            rotation: of all tokens of a clip.
            text: what clips attend to; None is skipped.
            images: likewise.
        """
        if self.compiled is None:
            return self.compute(tokens, timestep, rotation, text, images)
        return self.compiled(self, tokens, timestep, rotation, text, images)

    def compute(
        self,
        tokens: Tensor,
        timestep: Tensor,
        rotation: Rotation,
        text: Attended | None,
        images: Attended | None,
    ) -> Tensor:
        """What `forward` gives: the part that is compiled."""
        return computed(self._forward, tokens, timestep, rotation, text, images, recomputes=self.recomputes_activations)

    @staticmethod
    def varying_sizes(
        tokens: Tensor, timestep: Tensor, rotation: Rotation, text: Attended | None, images: Attended | None
    ) -> Iterator[tuple[Tensor, Sequence[int]]]:
        """Of the arguments of `compute`, the axes that are others in the next call."""
        yield from ((tokens, (0, 1)), (timestep, (0,)), (rotation, (1,)))
        yield from varying_context(text)
        yield from varying_context(images)

    def keys_values(self, text: Context, images: Context | None) -> tuple[Attended, Attended | None]:
        """What the two cross-attentions attend to, as keys and values."""
        return (
            Attended(self.text_attention.keys_values(text).to_keep()),
            None if images is None else Attended(self.personalization_attention.keys_values(images).to_keep()),
        )

    def _forward(
        self,
        tokens: Tensor,
        timestep: Tensor,
        rotation: Rotation,
        text: Attended | None,
        images: Attended | None,
    ) -> Tensor:
        modulation = self.modulation(functional.silu(timestep))[:, None].chunk(6, dim=-1)
        attention_shift, attention_scale, attention_gate, mlp_shift, mlp_scale, mlp_gate = modulation
        modulated = _modulate(self.self_norm(tokens), attention_shift, attention_scale)
        tokens = tokens + attention_gate * self.self_attention(modulated, rotation)
        tokens = attend(tokens, text, self.text_norm, self.text_attention)
        tokens = attend(tokens, images, self.personalization_norm, self.personalization_attention)
        modulated = _modulate(self.mlp_norm(tokens), mlp_shift, mlp_scale)
        return tokens + mlp_gate * self.mlp(modulated)


class Binding(nn.Module):
    """Ties each reference image to its entity word (3.2, Figure 3): `f_n = Linear([x_n; c_n]) + x_n + index_n`.

    Without binding, `c_n` is zero. The layer keeps its shape, so that weights trained either way fit both.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self._binds_words = config.binds_words
        bound_channels = config.image_channels + config.words_per_image * config.text_channels
        self.to_image = nn.Linear(bound_channels, config.image_channels, bias=False)
        self.index_embedding = nn.Parameter(torch.empty(config.max_images, config.image_channels))

    def forward(self, references: ReferenceTokens) -> Context:
        """The tokens of all images, one after the other; those of absent images are zero and not attended to.

        Raises:
            ValueError: more images than the model has index embeddings for.
        """
        _, images, patches, _ = references.image_tokens.shape
        most = len(self.index_embedding)
        if images > most:
            raise ValueError(f"batch has {images} reference images a clip, expected at most {most}")
        words = repeat(
            references.word_tokens if self._binds_words else torch.zeros_like(references.word_tokens),
            "batch images words channels -> batch images patches (words channels)",
            patches=patches,
        )
        bound = self.to_image(torch.cat([references.image_tokens, words], dim=-1)) + references.image_tokens
        bound = bound + self.index_embedding[:images, None]
        return Context.masked(
            rearrange(bound, "batch images patches channels -> batch (images patches) channels"),
            repeat(references.is_present, "batch images -> batch (images patches)", patches=patches),
            is_padded=references.is_padded,
        )


def initialize(name: str, part: nn.Module) -> None:
    """Draw the first weights of one of `DiT.parts`: blocks start as the identity, the velocity as zero (adaLN-Zero)."""
    for module in part.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.reset_parameters()
        elif isinstance(module, Binding):
            nn.init.normal_(module.index_embedding, std=_INDEX_DEVIATION)
    zero = [part] if name in _ZERO_AT_FIRST else []
    zero += [module.modulation for module in part.modules() if isinstance(module, Block)]
    zero += [module.to_out for module in part.modules() if isinstance(module, CrossAttention)]
    for module in zero:
        nn.init.zeros_(module.get_parameter("weight"))


def patchify(
    latents: Float[Tensor, "batch channels time height width"],
) -> Float[Tensor, "batch tokens patch"]:
    """Latents as 1x2x2 patches, in the order time, height, width."""
    return rearrange(
        latents, "batch channels time (h ph) (w pw) -> batch (time h w) (channels ph pw)", ph=_PATCH, pw=_PATCH
    )


def unpatchify(
    tokens: Float[Tensor, "batch tokens patch"], *, time: int, height: int, width: int
) -> Float[Tensor, "batch channels time height width"]:
    """The inverse of `patchify` for a latent grid of the given size."""
    return rearrange(
        tokens,
        "batch (time h w) (channels ph pw) -> batch channels time (h ph) (w pw)",
        time=time,
        h=height // _PATCH,
        w=width // _PATCH,
        ph=_PATCH,
        pw=_PATCH,
    )


def of_clips(attended: Attended | None, clips: slice | None) -> Attended | None:
    """The same for a batch in which only these clips attend to it; None is no clip."""
    if attended is None or clips is None:
        return None
    batch = len(attended.context[0])
    return attended._replace(clips=clips, branches=(clips.stop - clips.start) // batch)


def varying_context(attended: Attended | None) -> Iterator[tuple[Tensor, Sequence[int]]]:
    """Its axes that are others in the next call; keys and values for sampling keep theirs."""
    if attended is not None and isinstance(attended.context, Context):
        yield attended.context.tokens, (0, 1)
        if attended.context.mask is not None:
            yield attended.context.mask, (0, 3)


def attend(tokens: Tensor, attended: Attended | None, norm: nn.Module, attention: nn.Module) -> Tensor:
    """The tokens with what those of the attending clips gather."""
    if attended is None:
        return tokens
    context, clips, branches = attended
    attending = tokens[clips]
    gathered = attending + attention(norm(attending), context, branches=branches)
    if len(attending) == len(tokens):
        return gathered
    return torch.cat([tokens[: clips.start], gathered, tokens[clips.stop :]])


def _modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return tokens * (1 + scale) + shift
