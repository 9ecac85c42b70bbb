"""Prints how many graphs the blocks of a model compile to: after each size was seen once, and after more of the same.

A script, because the tests' own run-time checks of shapes would be compiled with the blocks.
"""

import json
import sys
from pathlib import Path
from typing import cast

import torch
from torch._dynamo.testing import CompileCounter

sys.path.insert(0, str(Path(__file__).parents[3]))

from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.dit import Block, DiT, DiTConfig

SIZES = ((1, 4, 6), (2, 4, 6), (3, 8, 8))


def step(model: DiT, size: tuple[int, int, int]) -> None:
    """Forward and backward on clips of one size."""
    conditions = Conditions(
        text=torch.randn(2, 5, 16),
        is_text=torch.ones(2, 5, dtype=torch.bool),
        references=ReferenceTokens(
            image_tokens=torch.randn(2, 3, 4, 24),
            word_tokens=torch.randn(2, 3, 3, 16),
            is_present=torch.ones(2, 3, dtype=torch.bool),
        ),
    )
    model(torch.randn(2, 16, *size), torch.rand(2), conditions).square().mean().backward()


def main() -> None:
    """Count."""
    counter = CompileCounter()
    model = DiT(DiTConfig(width=32, blocks=3, heads=2, text_channels=16, image_channels=24, dropout=0.0))
    for block in cast("list[Block]", list(model.blocks)):
        block.recomputes_activations = True
        block.compile(fullgraph=True, backend=counter)
    counts = {}
    for name in ("after warm-up", "at the end"):
        for size in SIZES:
            step(model, size)
        counts[name] = counter.frame_count
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
