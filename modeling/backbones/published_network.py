"""What published models with personalization layers have in common (3.2), whatever their blocks are.

Without references, and with them as long as the new layers are as drawn, each computes bitwise what diffusers' class
does. Those classes pass their blocks no images, so their few lines around them are written here anew, one file a model.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import pad

from modeling.model.attention import Context, CrossAttention
from modeling.model.backbone import BackboneConfig, CachedConditions, VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.dit import Attended, Binding, attend, of_clips
from modeling.model.parts import Trainable
from modeling.model.precision import Float32LayerNorm, Precision, as_written, computing_in

# A text as a model reads it: its tokens, embedded, and with some models more about them; each begins with the batch.
Text = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedConditions:
    """Conditions as every block reads them; a batch may hold several branches of guidance, one after the other.

    Attributes:
        text: embedded, of each clip.
        null_text: what clips read whose text is dropped.
        images: what each block attends to; None is skipped.
        clips_with_text: of the batch; None is no clip.
    """

    text: Text
    null_text: Text
    images: tuple[Attended | None, ...]
    clips_with_text: slice | None

    def of_clips(self, text: slice | None, images: slice | None) -> "PublishedConditions":
        """See `CachedConditions`."""
        return replace(self, images=tuple(of_clips(each, images) for each in self.images), clips_with_text=text)

    def texts(self, clips: int) -> Text:
        """What each clip of a batch reads."""
        return tuple(self._texts(*each, clips) for each in zip(self.text, self.null_text, strict=True))

    def _texts(self, text: Tensor, null_text: Tensor, clips: int) -> Tensor:
        branches = clips // len(text)
        others = [1] * (text.ndim - 1)
        if self.clips_with_text == slice(None):
            return text.repeat(branches, *others)
        texts = null_text.repeat(branches, *others)
        if self.clips_with_text is not None:
            texts[self.clips_with_text] = text.repeat(len(texts[self.clips_with_text]) // len(text), *others)
        return texts


class PersonalizedBlock(nn.Module):
    """To be derived from before the block of a published model: what the personalization layer adds to it.

    Attributes:
        attn1: attention of the video's tokens to each other, where it has this name.
        recomputes_activations: as of `modeling.model.dit.Block`.
    """

    attn1: Any
    recomputes_activations: bool
    is_personalized: bool

    def add_layer(self, config: BackboneConfig, *, heads: int, is_personalized: bool) -> None:
        """At the end of its own `__init__`."""
        self.recomputes_activations = False
        self.is_personalized = is_personalized
        if is_personalized:
            self.personalization_norm = Float32LayerNorm(config.width, eps=1e-6)
            self.personalization_attention = CrossAttention(config.width, heads, config.image_channels)

    def gathering(
        self, tokens: Float[Tensor, "batch tokens width"], images: Attended | None
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens with what they gather from images; without any, the very same."""
        if images is None or not self.is_personalized:
            return tokens
        with in_precision_of(tokens):
            return attend(tokens, images, self.personalization_norm, self.personalization_attention)

    def keys_values(self, images: Context) -> Attended | None:
        """What the personalization layer attends to, as keys and values; None if the block has none."""
        if not self.is_personalized:
            return None
        with in_precision_of(self.published_weight()):
            return Attended(self.personalization_attention.keys_values(images).to_keep())

    def published_weight(self) -> Tensor:
        """One of the published ones, by which new layers compute in the same precision."""
        weight: Tensor = self.attn1.to_k.weight
        return weight

    def new_layers(self) -> dict[str, nn.Module]:
        """Those that are not published, by name."""
        return {name: layer for name, layer in self.named_children() if name.startswith("personalization_")}


class PublishedBackbone(VideoBackbone):
    """Weights have the names of the published ones; `binding` and `personalization_*` are new.

    The published weights decide what it computes in: where they are bfloat16, so are the tokens, as diffusers has it,
    and the new layers compute in bfloat16 too; where they are float32, everything is as the code around says.

    Attributes:
        proj_out: the last layer, which every one of them has.
    """

    proj_out: nn.Linear
    binding: Binding
    _keeps_float32: frozenset[str]

    def cache(self, conditions: Conditions) -> PublishedConditions:
        """The texts as embedded, and keys and values of the images for every block that attends to them."""
        with self._as_published():
            images = self._bind(conditions)
            images = None if images is None else images.without_idle_mask()
            return PublishedConditions(
                text=self._embed_text(conditions),
                null_text=self._embed_text(conditions.without_text()),
                images=tuple(None if images is None else block.keys_values(images) for block in self._own_blocks()),
                clips_with_text=slice(None),
            )

    def parts(self) -> Iterator[tuple[str, nn.Module]]:
        """The new layers."""
        yield "binding", self.binding
        for name, block in self.named_modules():
            if isinstance(block, PersonalizedBlock):
                yield from ((f"{name}.{inner}", layer) for inner, layer in block.new_layers().items())

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

    @abstractmethod
    def _embed_text(self, conditions: Conditions) -> Text:
        """The texts as every block reads them."""

    def _read(self, conditions: Conditions | CachedConditions, *, clips: int) -> tuple[Text, Sequence[Attended | None]]:
        """The texts of a batch of so many clips, and what every block attends to."""
        if not isinstance(conditions, Conditions):
            cached = cast("PublishedConditions", conditions)
            return cached.texts(clips), cached.images
        images = self._bind(conditions)
        attended = None if images is None else Attended(images)
        return self._embed_text(conditions), [attended] * len(self.blocks)

    def _bind(self, conditions: Conditions) -> Context | None:
        with in_precision_of(self.proj_out.weight):
            return None if conditions.references is None else self.binding(conditions.references)

    def _own_blocks(self) -> list[PersonalizedBlock]:
        return cast("list[PersonalizedBlock]", list(self.blocks))

    def _as_published(self) -> AbstractContextManager[object]:
        """Within it, bfloat16 weights compute as they would without autocast."""
        weight = self.proj_out.weight
        return as_written(weight.device) if weight.dtype is torch.bfloat16 else nullcontext()


def filled_texts(
    conditions: Conditions, count: int
) -> tuple[Float[Tensor, "batch count channels"], Bool[Tensor, "batch count"]]:
    """The texts filled up to so many tokens with zeros, and which tokens are none of these.

    Raises:
        ValueError: a text has more.
    """
    if conditions.text.shape[1] > count and conditions.is_text[:, count:].any():
        raise ValueError(f"text has {int(conditions.is_text.sum(1).max())} tokens, expected at most {count}")
    text = torch.where(conditions.is_text[..., None], conditions.text, 0.0)[:, :count]
    missing = count - text.shape[1]
    return pad(text, (0, 0, 0, missing)), pad(conditions.is_text[:, :count], (0, missing))


def in_precision_of(published: Tensor) -> AbstractContextManager[object]:
    """Within it, new layers, whose weights are float32 while they are trained, compute as the published ones do."""
    precision = Precision.BFLOAT16 if published.dtype is torch.bfloat16 else Precision.FLOAT32
    return computing_in(precision, published.device)
