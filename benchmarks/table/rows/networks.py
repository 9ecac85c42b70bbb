"""The model library: a block's training step against diffusers' nearest one, sampling against the loop as written."""

from collections.abc import Iterator
from typing import Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.model_block import (
    BATCH,
    CONTEXT_TOKENS,
    GOAL_PER_WEIGHT,
    TOKENS,
    WIDTH,
    build_ours,
    build_theirs,
    run_ours,
    run_theirs,
    weights_on_tokens,
    with_backward,
)
from benchmarks.sampling import BUCKET, CONFIG, samplers
from benchmarks.sampling import GOAL as SAMPLING_SPEED_UP
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.products import matrix_products
from benchmarks.table.timed import Work

_PASSES: Final = 8
_STEPS: Final = 2


def block(whose: str) -> Work:
    """Forward and backward, several times after one that does not count."""
    torch.set_num_threads(1)
    run = with_backward(run_ours(build_ours(), caches=False) if whose == "ours" else run_theirs(build_theirs()))
    run()

    def work() -> str:
        for _ in range(_PASSES):
            run()
        return f"{_PASSES} passes"

    return work


def block_floor() -> Work:
    """The multiplications of our block, there and back."""
    forward = run_ours(build_ours(), caches=False)
    with FlopCounterMode(display=False) as counter:
        with_backward(forward)()
    return matrix_products(counter.get_total_flops() * _PASSES)


def sample(way: str) -> Work:
    """A few steps; the ways are those of `benchmarks.sampling`."""
    torch.set_num_threads(1)
    run = samplers(_STEPS)[way]

    def work() -> str:
        run()
        return f"{_STEPS} steps"

    return work


def sampling_floor() -> Work:
    """The multiplications of the batched way."""
    run = samplers(1)["cached, one batch"]
    with FlopCounterMode(display=False) as counter:
        run()
    return matrix_products(counter.get_total_flops() * _STEPS)


def rows(inputs: Inputs) -> Iterator[Row]:
    """Two."""
    del inputs  # drawn where they are used
    weights = weights_on_tokens(build_ours()) / weights_on_tokens(build_theirs())
    yield Row(
        what="a block, forward and backward",
        on=f"width {WIDTH}, batch {BATCH}, {TOKENS} tokens, {CONTEXT_TOKENS} of text and of images, one thread",
        ours=Side(name="ours", command=ours("networks:block", "ours")),
        others=(
            Side(
                name="diffusers, WanTransformerBlock",
                command=ours("networks:block", "theirs"),
                goal=Goal(most=round(GOAL_PER_WEIGHT * weights, 2), why=f"{GOAL_PER_WEIGHT} a weight"),
            ),
            Side(name="floor: our products", command=ours("networks:block_floor")),
        ),
    )
    yield Row(
        what="sampling, six images and a text",
        on=f"{BUCKET}, width {CONFIG.width}, {CONFIG.blocks} blocks, {_STEPS} steps, one thread",
        ours=Side(name="ours, cached, one batch", command=ours("networks:sample", "cached, one batch")),
        others=(
            Side(
                name="the loop as the paper writes it",
                command=ours("networks:sample", "naive loop"),
                goal=Goal(most=round(1 / SAMPLING_SPEED_UP, 2)),
            ),
            Side(name="floor: our products", command=ours("networks:sampling_floor")),
        ),
    )
