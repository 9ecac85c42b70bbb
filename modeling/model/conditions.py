"""What the model is told about a clip: text tokens and reference images, as tensors."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTokens:
    """Condition images and the words they show (3.2). A slot that `is_present` denies contributes exactly nothing.

    Attributes:
        image_tokens: patch tokens of each image.
        word_tokens: the caption's tokens at the image's entity word; zeros where it has fewer than K.
        is_present: False for padding and for dropped images.
        is_padded: whether a clip may have images beside empty slots; attention is faster where none has.
    """

    image_tokens: Float[Tensor, "batch images patches image_channels"]
    word_tokens: Float[Tensor, "batch images words text_channels"]
    is_present: Bool[Tensor, "batch images"]
    is_padded: bool = True

    def first(self, clips: int) -> "ReferenceTokens":
        """Those of the first clips."""
        return replace(
            self,
            image_tokens=self.image_tokens[:clips],
            word_tokens=self.word_tokens[:clips],
            is_present=self.is_present[:clips],
        )

    def to(self, device: torch.device) -> "ReferenceTokens":
        """The same on another device."""
        return replace(
            self,
            image_tokens=self.image_tokens.to(device),
            word_tokens=self.word_tokens.to(device),
            is_present=self.is_present.to(device),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of a batch.

    Attributes:
        text: zeros where the text is dropped.
        is_text: False for padding.
        is_padded: whether a clip may have text beside padding; attention is faster where none has.
        references: None when no clip of the batch has any; the personalization layers are then skipped.
        null_text: what the model reads where a text is dropped; None is zeros.
        pooled: each text in one vector, for models that read that, too; None where the encoder gives none.
        null_pooled: the same of what is read where a text is dropped; None is zeros.
    """

    text: Float[Tensor, "batch tokens text_channels"]
    is_text: Bool[Tensor, "batch tokens"]
    references: ReferenceTokens | None
    is_padded: bool = True
    null_text: Float[Tensor, "null_tokens text_channels"] | None = None
    pooled: Float[Tensor, "batch pooled_channels"] | None = None
    null_pooled: Float[Tensor, " pooled_channels"] | None = None

    def first(self, clips: int) -> "Conditions":
        """Those of the first clips."""
        references = None if self.references is None else self.references.first(clips)
        return replace(
            self,
            text=self.text[:clips],
            is_text=self.is_text[:clips],
            references=references,
            pooled=None if self.pooled is None else self.pooled[:clips],
        )

    def to(self, device: torch.device) -> "Conditions":
        """The same on another device."""
        perhaps = ("references", "null_text", "pooled", "null_pooled")
        given = {name: getattr(self, name) for name in perhaps if getattr(self, name) is not None}
        moved = {name: each.to(device) for name, each in given.items()}
        return replace(self, text=self.text.to(device), is_text=self.is_text.to(device), **moved)

    def with_room_for_images(self, patches: int, words: int, channels: int) -> "Conditions":
        """The same, but with one absent image where there is none at all; it contributes exactly nothing."""
        if self.references is not None:
            return self
        batch, _, text_channels = self.text.shape
        absent = ReferenceTokens(
            image_tokens=self.text.new_zeros(batch, 1, patches, channels),
            word_tokens=self.text.new_zeros(batch, 1, words, text_channels),
            is_present=torch.zeros(batch, 1, dtype=torch.bool, device=self.text.device),
            is_padded=self.is_padded,
        )
        return replace(self, references=absent)

    def without_text(self, is_dropped: Bool[Tensor, " batch"] | None = None) -> "Conditions":
        """The same with the text dropped, in the clips that `is_dropped` names or in all.

        Our choice: the word tokens bound to reference images stay, because they are part of the image condition.
        Dropping in training and guidance in sampling both do it this way.
        """
        if is_dropped is None:
            is_dropped = torch.ones(len(self.text), dtype=torch.bool, device=self.text.device)
        pooled = self.pooled
        if pooled is not None:
            pooled = torch.where(is_dropped[:, None], 0.0 if self.null_pooled is None else self.null_pooled, pooled)
        if self.null_text is None:
            return replace(self, text=torch.where(is_dropped[:, None, None], 0.0, self.text), pooled=pooled)
        count = len(self.null_text)
        longest = max(count, self.text.shape[1])
        text, null_text = (pad(each, (0, 0, 0, longest - each.shape[-2])) for each in (self.text, self.null_text))
        is_text = pad(self.is_text, (0, longest - self.is_text.shape[1]))
        is_null_text = torch.arange(longest, device=text.device) < count
        return replace(
            self,
            text=torch.where(is_dropped[:, None, None], null_text, text),
            is_text=torch.where(is_dropped[:, None], is_null_text, is_text),
            is_padded=True,
            pooled=pooled,
        )

    def without_references(self) -> "Conditions":
        """The same with all reference images set to zero."""
        return replace(self, references=None)
