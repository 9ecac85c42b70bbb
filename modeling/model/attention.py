"""The two attentions of a block: of latent tokens to each other, and to a condition (3.2).

Without einops, here and in `rotate`: a compiler would read its patterns again for every graph of a block, for seconds.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from modeling.model.positions import Rotation, rotate
from modeling.model.precision import Float32RMSNorm
from modeling.model.sequence import TokenSequence, WholeSequence


class Context(NamedTuple):
    """Tokens of a condition. Build it with `masked`, so that padding is zero whatever the encoder left there.

    Attributes:
        mask: False for padding, the same for every layer; None where attention need not know it.
    """

    tokens: Float[Tensor, "batch context channels"]
    mask: Bool[Tensor, "batch 1 1 context"] | None

    @classmethod
    def masked(
        cls,
        tokens: Float[Tensor, "batch context channels"],
        is_token: Bool[Tensor, "batch context"],
        *,
        is_padded: bool = True,
    ) -> "Context":
        """The context with everything that `is_token` denies set to zero.

        Args:
            tokens: of each clip.
            is_token: False for padding.
            is_padded: whether a clip may have tokens beside padding. A clip of tokens alone needs no mask, nor does one
                of padding alone, because a context of zeros contributes exactly nothing.
        """
        return cls(torch.where(is_token[..., None], tokens, 0.0), _attention_mask(is_token) if is_padded else None)

    def without_idle_mask(self) -> "Context":
        """The same, without a mask that admits everything: attention is faster so. Waits for the device."""
        return self if self.mask is None or not self.mask.all() else self._replace(mask=None)


class KeyValue(NamedTuple):
    """What one layer attends to in a context. It does not change while a video is sampled."""

    key: Float[Tensor, "batch heads context channels"]
    value: Float[Tensor, "batch heads context channels"]
    mask: Bool[Tensor, "batch 1 1 context"] | None

    def to_keep(self) -> "KeyValue":
        """The same in memory of its own: a value is half of what its layer computed, and keeps the other half alive."""
        return self._replace(value=self.value.contiguous())


class SelfAttention(nn.Module):
    """Attention among latent tokens, with rotary positions and RMS-normalised queries and keys.

    Attributes:
        sequence: where the tokens lie; `parallel.py` changes it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.sequence: TokenSequence = WholeSequence()
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = Float32RMSNorm(width // heads, eps=1e-6)
        self.key_norm = Float32RMSNorm(width // heads, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"], rotation: Rotation
    ) -> Float[Tensor, "batch tokens width"]:
        """What each token gathers from all tokens of its clip.

        Args:
            tokens: all of each clip, or this device's part of them.
            rotation: of all.
        """
        query, key, value = self.to_qkv(tokens).unflatten(2, (3, self.heads, -1)).unbind(2)
        own = self.sequence.part(rotation)
        query = rotate(self.query_norm(query), own).to(value.dtype)
        key = rotate(self.key_norm(key), own).to(value.dtype)
        # Until here tokens are as they lie in memory; now heads change places in the strides alone, without a copy.
        query, key, value = (_heads_first(each) for each in (query, key, value))
        key, value = (self.sequence.whole(each, length=rotation.shape[1]) for each in (key, value))
        gathered = scaled_dot_product_attention(query, key, value)
        return self.to_out(_heads_first(gathered).flatten(2))


class CrossAttention(nn.Module):
    """Attention to the tokens of a condition, text or images.

    Without biases, so that a condition set to zero contributes exactly nothing; with a zero-initialised output, so
    that adding the layer to a trained model changes nothing at first.
    """

    def __init__(self, width: int, heads: int, context_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=False)
        self.to_key_value = nn.Linear(context_channels, 2 * width, bias=False)
        self.query_norm = Float32RMSNorm(width // heads, eps=1e-6)
        self.key_norm = Float32RMSNorm(width // heads, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        tokens: Float[Tensor, "branches_batch tokens width"],
        context: Context | KeyValue,
        *,
        branches: int = 1,
    ) -> Float[Tensor, "branches_batch tokens width"]:
        """What each token gathers from the context.

        Args:
            tokens: of one clip for each of the context's, or of several branches, each of them a whole batch; branches
                share the keys and values.
            context: as encoded, or what `keys_values` made of it.
            branches: how many there are.
        """
        key, value, mask = self.keys_values(context) if isinstance(context, Context) else context
        query = self.query_norm(self.to_query(tokens).unflatten(2, (self.heads, -1))).to(value.dtype)
        query = _heads_first(_branches_side_by_side(query, branches))
        gathered = _heads_first(scaled_dot_product_attention(query, key, value, attn_mask=mask))
        return self.to_out(_branches_in_batch(gathered, branches).flatten(2))

    def keys_values(self, context: Context) -> KeyValue:
        """The keys and values of a context, to be used again for every step of sampling."""
        key, value = self.to_key_value(context.tokens).unflatten(2, (2, self.heads, -1)).unbind(2)
        key = self.key_norm(key).to(value.dtype)
        return KeyValue(_heads_first(key), _heads_first(value), context.mask)


def _heads_first(
    tokens: Float[Tensor, "batch tokens heads channels"],
) -> Float[Tensor, "batch heads tokens channels"]:
    """Also the other way."""
    return tokens.transpose(1, 2)


def _branches_side_by_side(
    tokens: Float[Tensor, "branches_batch tokens heads channels"], branches: int
) -> Float[Tensor, "batch branches_tokens heads channels"]:
    return torch.unflatten(tokens, 0, (branches, -1)).transpose(0, 1).flatten(1, 2)


def _branches_in_batch(
    tokens: Float[Tensor, "batch branches_tokens heads channels"], branches: int
) -> Float[Tensor, "branches_batch tokens heads channels"]:
    return torch.unflatten(tokens, 1, (branches, -1)).transpose(0, 1).flatten(0, 1)


def _attention_mask(is_token: Bool[Tensor, "batch context"]) -> Bool[Tensor, "batch 1 1 context"]:
    """Admits the context. A clip without any admits its padding: all zeros, so the sum is zero and never 0 / 0."""
    row = is_token[:, None, None]
    return row | ~row.any(dim=-1, keepdim=True)
