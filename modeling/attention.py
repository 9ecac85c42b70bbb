"""The two attentions of a block: of latent tokens to each other, and to a condition (3.2)."""

from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from modeling.positions import Rotation, rotate


class Context(NamedTuple):
    """Tokens of a condition. Build it with `masked`, so that padding is zero whatever the encoder left there."""

    tokens: Float[Tensor, "batch context channels"]
    is_token: Bool[Tensor, "batch context"]

    @classmethod
    def masked(
        cls, tokens: Float[Tensor, "batch context channels"], is_token: Bool[Tensor, "batch context"]
    ) -> "Context":
        """The context with everything that `is_token` denies set to zero."""
        return cls(torch.where(is_token[..., None], tokens, 0.0), is_token)


class SelfAttention(nn.Module):
    """Attention among latent tokens, with rotary positions and RMS-normalised queries and keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"], rotation: Rotation
    ) -> Float[Tensor, "batch tokens width"]:
        """What each token gathers from all others."""
        query, key, value = rearrange(
            self.to_qkv(tokens),
            "batch tokens (three heads channels) -> three batch heads tokens channels",
            three=3,
            heads=self.heads,
        )
        query = rotate(self.query_norm(query), rotation)
        key = rotate(self.key_norm(key), rotation)
        gathered = scaled_dot_product_attention(query, key, value)
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
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.to_out = nn.Linear(width, width, bias=False)

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens width"],
        context: Context,
    ) -> Float[Tensor, "batch tokens width"]:
        """What each token gathers from the context."""
        query = rearrange(
            self.to_query(tokens), "batch tokens (heads channels) -> batch heads tokens channels", heads=self.heads
        )
        key, value = rearrange(
            self.to_key_value(context.tokens),
            "batch context (two heads channels) -> two batch heads context channels",
            two=2,
            heads=self.heads,
        )
        gathered = scaled_dot_product_attention(
            self.query_norm(query), self.key_norm(key), value, attn_mask=_attention_mask(context.is_token)
        )
        return self.to_out(rearrange(gathered, "batch heads tokens channels -> batch tokens (heads channels)"))


def _attention_mask(is_token: Bool[Tensor, "batch context"]) -> Bool[Tensor, "batch 1 1 context"]:
    """Admits the context. A clip without any admits its padding: all zeros, so the sum is zero and never 0 / 0."""
    has_none = ~is_token.any(dim=1, keepdim=True)
    return rearrange(is_token | has_none, "batch context -> batch 1 1 context")
