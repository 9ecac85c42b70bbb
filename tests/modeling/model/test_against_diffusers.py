"""The mathematics of the model against diffusers, an implementation that shares no line with it."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange
from torch import nn

from modeling.model.attention import Context
from modeling.model.dit import Attended, Block, DiTConfig
from modeling.model.positions import Rotation, rotary_embedding, rotate
from modeling.sampling.flow import TimestepDistribution, draw_timesteps, integrate, timestep_schedule
from modeling.sampling.solvers import Euler

# By name, because its annotations are not those of a typed library.
diffusers: Any = import_module("diffusers")
embeddings: Any = import_module("diffusers.models.embeddings")
wan: Any = import_module("diffusers.models.transformers.transformer_wan")
training_utils: Any = import_module("diffusers.training_utils")

# Time x height x width of the latent tokens; no side is another's.
GRID = (3, 4, 5)
TOKENS = 60
# WanTransformerBlock takes everything but the last 512 tokens for images.
TEXT_TOKENS = 512


def scheduler(steps: int, shift: float) -> Any:
    """Theirs, with explicit sigmas: its own grid does not end at one step from zero."""
    theirs = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(sigmas=np.linspace(1, 0, steps + 1)[:-1])
    return theirs


@pytest.mark.parametrize("steps", [4, 50, 256])
@pytest.mark.parametrize("shift", [1.0, 2.0, 4.0])
def test_schedule_is_that_of_the_flow_matching_scheduler(steps: int, shift: float) -> None:
    ours = timestep_schedule(steps, shift=shift)

    torch.testing.assert_close(ours.float(), scheduler(steps, shift).sigmas, atol=1e-6, rtol=0)


def test_euler_steps_are_those_of_the_flow_matching_scheduler() -> None:
    theirs, latents = scheduler(8, 3.0), torch.randn(1, 16, 2, 4, 4, generator=torch.Generator().manual_seed(0))

    def velocity(at: torch.Tensor, timestep: float) -> torch.Tensor:
        return torch.sin(3 * at) + timestep * at

    expected = latents
    for sigma, timestep in zip(theirs.sigmas[:-1], theirs.timesteps, strict=True):
        expected = theirs.step(velocity(expected, float(sigma)), timestep, expected).prev_sample

    found = integrate(velocity, latents, timestep_schedule(8, shift=3.0), solver=Euler())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("distribution", "scheme"),
    [(TimestepDistribution.UNIFORM, "none"), (TimestepDistribution.LOGIT_NORMAL, "logit_normal")],
)
def test_training_timesteps_are_drawn_like_theirs(distribution: TimestepDistribution, scheme: str) -> None:
    ours = draw_timesteps(distribution, shift=1.0, count=1000, generator=torch.Generator().manual_seed(7))

    theirs = training_utils.compute_density_for_timestep_sampling(
        scheme, 1000, logit_mean=0.0, logit_std=1.0, generator=torch.Generator().manual_seed(7)
    )

    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def wan_angles(head_channels: int) -> torch.Tensor:
    """Cosine and sine of every token of the grid and every pair of channels, in their split of channels."""
    cosine, sine = wan.WanRotaryPosEmbed(head_channels, (1, 1, 1), 64)(torch.zeros(1, 1, *GRID))
    return torch.stack([cosine[0, :, 0, ::2], sine[0, :, 0, ::2]])


def test_rotary_angles_are_theirs_axis_by_axis() -> None:
    ours = rotary_embedding(GRID, head_channels=32)

    # Their split of n channels: height and width have 2 (n // 6) each, time has the rest. So 16 channels follow time
    # where n is 40, and 8 follow height, and 8 width, where it is 24: our split of 32.
    time, rest = wan_angles(40)[..., :8], wan_angles(24)[..., 4:]
    expected = torch.cat([time, rest], dim=2).to(ours.dtype)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def real_pairs(rotation: Rotation) -> tuple[torch.Tensor, torch.Tensor]:
    """The rotation as their functions take it: cosine and sine, each twice for the two channels of a pair."""
    cosine, sine = rotation.repeat_interleave(2, dim=2)
    return cosine, sine


def test_channels_are_rotated_in_the_same_pairs_as_theirs() -> None:
    heads = torch.randn(2, TOKENS, 3, 32, generator=torch.Generator().manual_seed(0))
    rotation = rotary_embedding(GRID, head_channels=32)

    theirs = embeddings.apply_rotary_emb(heads, real_pairs(rotation), sequence_dim=1)

    torch.testing.assert_close(rotate(heads, rotation), theirs, atol=1e-5, rtol=1e-5)


class NormOfEachHead(nn.Module):
    """Their norm takes all heads of a token together; ours takes each by itself."""

    def __init__(self, norm: nn.RMSNorm, heads: int) -> None:
        super().__init__()
        self.norm = norm
        self.heads = heads

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        normed = self.norm(rearrange(tokens, "b t (heads channels) -> b t heads channels", heads=self.heads))
        joined: torch.Tensor = rearrange(normed, "b t heads channels -> b t (heads channels)")
        return joined


def wan_block(ours: Block, *, width: int, heads: int) -> Any:
    """Theirs with the weights of ours: no biases in attention, no learned table of modulation."""
    theirs = wan.WanTransformerBlock(dim=width, ffn_dim=4 * width, num_heads=heads, cross_attn_norm=True, eps=1e-6)
    for attention in (theirs.attn1, theirs.attn2):
        for linear in (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0]):
            nn.init.zeros_(linear.bias)
    nn.init.zeros_(theirs.scale_shift_table)
    own, text = ours.self_attention, ours.text_attention
    query, key, value = own.to_qkv.weight.chunk(3)
    text_key, text_value = text.to_key_value.weight.chunk(2)
    pairs = [
        *((theirs.attn1.to_q.weight, query), (theirs.attn1.to_k.weight, key), (theirs.attn1.to_v.weight, value)),
        (theirs.attn1.to_out[0].weight, own.to_out.weight),
        *((theirs.attn2.to_q.weight, text.to_query.weight), (theirs.attn2.to_k.weight, text_key)),
        *((theirs.attn2.to_v.weight, text_value), (theirs.attn2.to_out[0].weight, text.to_out.weight)),
        *((theirs.norm2.weight, ours.text_norm.weight), (theirs.norm2.bias, ours.text_norm.bias)),
        *zip(theirs.ffn.parameters(), ours.mlp.parameters(), strict=True),
    ]
    for target, source in pairs:
        target.data.copy_(source)
    theirs.attn1.norm_q, theirs.attn1.norm_k, theirs.attn2.norm_q, theirs.attn2.norm_k = (
        NormOfEachHead(norm, heads) for norm in (own.query_norm, own.key_norm, text.query_norm, text.key_norm)
    )
    return theirs


def random_block(*, width: int, heads: int) -> Block:
    block = Block(DiTConfig(width=width, heads=heads, text_channels=width, image_channels=width, dropout=0.0)).eval()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(parameter + 0.15 * torch.randn(parameter.shape, generator=draw))
    return block


@pytest.mark.parametrize("heads", [1, 4])
def test_block_without_images_is_theirs_with_the_same_weights(heads: int) -> None:
    width = 64
    block = random_block(width=width, heads=heads)
    theirs = wan_block(block, width=width, heads=heads).eval()
    draw = torch.Generator().manual_seed(1)
    tokens, text = torch.randn(2, TOKENS, width, generator=draw), torch.randn(2, TEXT_TOKENS, width, generator=draw)
    timestep = torch.randn(2, width, generator=draw)
    rotation = rotary_embedding(GRID, head_channels=width // heads)
    attended = Attended(Context.masked(text, torch.ones(2, TEXT_TOKENS, dtype=torch.bool)))

    with torch.no_grad():
        ours = block(tokens, timestep, rotation, attended, None)
        modulation = block.modulation(nn.functional.silu(timestep)).unflatten(1, (6, width))
        cosine, sine = (part[None, :, None] for part in real_pairs(rotation))
        expected = theirs(tokens, text, modulation, (cosine, sine))

    assert (expected - tokens).abs().mean() > 0.1
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
