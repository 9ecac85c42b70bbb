"""CPU time and memory of the model's block, against the nearest block of diffusers.

    python -m benchmarks.model_block [--rounds 10]

`WanTransformerBlock` is like ours a video block with text and image cross-attention, but not the same: one query and
one output serve both of its cross-attentions, so it has fewer weights. Hence the goal is per weight that multiplies
tokens: all matrices but those that modulate, of which each clip uses one row (diffusers computes them outside).
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

import torch
from torch import Tensor, nn

from benchmarks.measuring import Run, cpu_seconds, machine, peak_mib, saved_mib, verdict
from modeling.model.attention import Context
from modeling.model.dit import Attended, Block, DiTConfig
from modeling.model.positions import rotary_embedding

SEED: Final = 0
WIDTH: Final = 512
HEADS: Final = 8
BATCH: Final = 2
GRID: Final = (5, 9, 16)  # of 17x144x256
TOKENS: Final = 720
CONTEXT_TOKENS: Final = 512  # of text and of images; diffusers takes no other number of text
GOAL_PER_WEIGHT: Final = 1.05
# In the names of weights that multiply one vector a clip.
_OF_CLIPS: Final = ("modulation", "timestep", "condition_embedder.time")

Forward = Callable[[], Tensor]


def build_ours() -> Block:
    """Our block."""
    torch.manual_seed(SEED)
    return Block(DiTConfig(width=WIDTH, heads=HEADS, text_channels=WIDTH, image_channels=WIDTH, dropout=0.0))


def build_theirs() -> nn.Module:
    """The block of diffusers."""
    torch.manual_seed(SEED)
    wan: Any = import_module("diffusers.models.transformers.transformer_wan")
    block: nn.Module = wan.WanTransformerBlock(
        dim=WIDTH, ffn_dim=4 * WIDTH, num_heads=HEADS, cross_attn_norm=True, eps=1e-6, added_kv_proj_dim=WIDTH
    )
    return block


def run_ours(block: Block, *, caches: bool) -> Forward:
    """Our forward pass; `caches` keeps the keys and values of text and images, as sampling does."""
    tokens, timestep, text, images = _inputs()
    rotation = rotary_embedding(GRID, head_channels=WIDTH // HEADS)
    contexts = [Context.masked(given, torch.ones(given.shape[:2], dtype=torch.bool)) for given in (text, images)]
    attended: tuple[Attended | None, Attended | None] = (Attended(contexts[0]), Attended(contexts[1]))
    if caches:
        with torch.no_grad():
            attended = block.keys_values(*(context.without_idle_mask() for context in contexts))
    return lambda: block(tokens, timestep, rotation, *attended)


def run_theirs(block: nn.Module) -> Forward:
    """The forward pass of diffusers."""
    tokens, _, text, images = _inputs()
    wan: Any = import_module("diffusers.models.transformers.transformer_wan")
    rotation = wan.WanRotaryPosEmbed(WIDTH // HEADS, (1, 1, 1), 64)(torch.zeros(1, 1, *GRID))
    modulation = torch.randn(BATCH, 6, WIDTH)
    return lambda: block(tokens, torch.cat([images, text], dim=1), modulation, rotation)


def weights_on_tokens(model: nn.Module) -> int:
    """The number of weights that multiply every token, or every token of a condition."""
    matrices = ((name, weight) for name, weight in model.named_parameters() if weight.ndim == 2)
    return sum(weight.numel() for name, weight in matrices if not any(word in name for word in _OF_CLIPS))


def forward_only(forward: Forward) -> Run:
    """Without gradients."""

    def run() -> None:
        with torch.no_grad():
            forward()

    return run


def with_backward(forward: Forward) -> Run:
    """With the gradients of all weights."""
    return lambda: torch.autograd.backward(forward().sum())


def prepare(*, is_ours: bool, trains: bool) -> Run:
    """One of the runs, built in the process that measures its memory."""
    forward = run_ours(build_ours(), caches=False) if is_ours else run_theirs(build_theirs())
    return with_backward(forward) if trains else forward_only(forward)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    ours, theirs = build_ours(), build_theirs()
    forwards = {"ours": run_ours(ours, caches=False), "diffusers": run_theirs(theirs)}
    weights = {"ours": weights_on_tokens(ours), "diffusers": weights_on_tokens(theirs)}
    print(machine(["torch", "diffusers"], seed=SEED))
    print(f"width {WIDTH}, {HEADS} heads, batch {BATCH}, {TOKENS} tokens, {CONTEXT_TOKENS} of text and of images each,")
    print(f"float32; median of {rounds} interleaved runs, CPU time\n")
    print(f"{'':24}{'ours':>12}{'diffusers':>12}{'ratio':>8}{'per weight':>12}")
    _print_row("weights on tokens", {name: count / 1e6 for name, count in weights.items()}, "M")
    for name, measured in (("forward", forward_only), ("forward and backward", with_backward)):
        found = cpu_seconds({which: measured(forward) for which, forward in forwards.items()}, rounds=rounds)
        per_weight = found["ours"] / found["diffusers"] * weights["diffusers"] / weights["ours"]
        goal = f"{per_weight:12.2f}  {verdict(per_weight, GOAL_PER_WEIGHT, at_most=True)}"
        _print_row(name, {which: 1000 * s for which, s in found.items()}, "ms", goal)
    cached = cpu_seconds({"ours": forward_only(run_ours(ours, caches=True))}, rounds=rounds)
    print(f"{'forward, cached K and V':24}{1000 * cached['ours']:10.0f}ms")
    _print_row("kept for backward", {which: saved_mib(forward) for which, forward in forwards.items()}, "MiB")
    for name, trains in (("peak of forward", False), ("peak of both", True)):
        peaks = {which: peak_mib(partial(prepare, is_ours=which == "ours", trains=trains)) for which in forwards}
        _print_row(name, peaks, "MiB")


def _print_row(name: str, values: Mapping[str, float], unit: str, remark: str = "") -> None:
    cells = "".join(f"{values[which]:{12 - len(unit)}.{2 if unit == 'M' else 0}f}{unit}" for which in values)
    print(f"{name:24}{cells}{values['ours'] / values['diffusers']:8.2f}{remark}")


def _inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens, timestep, text, images."""
    draw = torch.Generator().manual_seed(SEED)
    context = (BATCH, CONTEXT_TOKENS, WIDTH)
    sizes = ((BATCH, TOKENS, WIDTH), (BATCH, WIDTH), context, context)
    tokens, timestep, text, images = (torch.randn(size, generator=draw) for size in sizes)
    return tokens, timestep, text, images


if __name__ == "__main__":
    main()
