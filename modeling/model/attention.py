"""The two attentions of a block: of latent tokens to each other, and to a condition (3.2)."""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from modeling.model.positions import Rotation, rotate
from modeling.model.precision import Float32RMSNorm
from modeling.model.sequence import TokenSequence, WholeSequence


class Context(NamedTuple):
    """Tokens of a condition. Build it with `masked`, so that padding is zero whatever the encoder left there.

    Attributes:
        is_token: False for padding; None where there is none.
    """

    tokens: Float[Tensor, "batch context channels"]
    is_token: Bool[Tensor, "batch context"] | None

    @classmethod
    def masked(
        cls, tokens: Float[Tensor, "batch context channels"], is_token: Bool[Tensor, "batch context"]
    ) -> "Context":
        """The context with everything that `is_token` denies set to zero."""
        return cls(torch.where(is_token[..., None], tokens, 0.0), is_token)

    def without_idle_mask(self) -> "Context":
        """The same, without a mask that admits everything: attention is faster so. Waits for the device."""
        return self if self.is_token is None or not self.is_token.all() else self._replace(is_token=None)


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
        self, tokens: Float[Tensor, "batch tokens width"], rotation: Rotation, *, length: int
    ) -> Float[Tensor, "batch tokens width"]:
        """What each token gathers from all `length` tokens of the clip."""
        query, key, value = rearrange(
            self.to_qkv(tokens),
            "batch tokens (three heads channels) -> three batch tokens heads channels",
            three=3,
            heads=self.heads,
        )
        query = rotate(self.query_norm(query), rotation).to(value.dtype)
        key = rotate(self.key_norm(key), rotation).to(value.dtype)
        # Until here tokens are as they lie in memory; now heads change places in the strides alone, without a copy.
        query, key, value = (_heads_first(each) for each in (query, key, value))
        gathered = scaled_dot_product_attention(
            query, self.sequence.whole(key, length=length), self.sequence.whole(value, length=length)
        )
        return self.to_out(rearrange(gathered, "batch heads tokens channels -> batch tokens (heads channels)"))


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
    ) -> Float[Tensor, "branches_batch tokens width"]:
        """What each token gathers from the context.

        Args:
            tokens: of one clip for each of the context's, or of several branches, each of them a whole batch; branches
                share the keys and values.
            context: as encoded, or what `keys_values` made of it.
        """
        key, value, mask = self.keys_values(context) if isinstance(context, Context) else context
        query = rearrange(
            self.to_query(tokens), "batch tokens (heads channels) -> batch tokens heads channels", heads=self.heads
        )
        query = rearrange(
            self.query_norm(query).to(value.dtype),
            "(branches batch) tokens heads channels -> batch heads (branches tokens) channels",
            batch=len(key),
        )
        gathered = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        gathered = rearrange(
            gathered,
            "batch heads (branches tokens) channels -> (branches batch) tokens (heads channels)",
            tokens=tokens.shape[1],
        )
        return self.to_out(gathered)

    def keys_values(self, context: Context) -> KeyValue:
        """The keys and values of a context, to be used again for every step of sampling."""
        key, value = rearrange(
            self.to_key_value(context.tokens),
            "batch context (two heads channels) -> two batch context heads channels",
            two=2,
            heads=self.heads,
        )
        key = self.key_norm(key).to(value.dtype)
        mask = None if context.is_token is None else _attention_mask(context.is_token)
        return KeyValue(_heads_first(key), _heads_first(value), mask)


def _heads_first(
    tokens: Float[Tensor, "batch tokens heads channels"],
) -> Float[Tensor, "batch heads tokens channels"]:
    return rearrange(tokens, "batch tokens heads channels -> batch heads tokens channels")


def _attention_mask(is_token: Bool[Tensor, "batch context"]) -> Bool[Tensor, "batch 1 1 context"]:
    """Admits the context. A clip without any admits its padding: all zeros, so the sum is zero and never 0 / 0."""
    has_none = ~is_token.any(dim=1, keepdim=True)
    return rearrange(is_token | has_none, "batch context -> batch 1 1 context")
