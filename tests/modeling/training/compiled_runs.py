"""Trains with compiled blocks and writes what became of them: `compiled_runs.py DATASET FOLDER [--really-compiles]`.

A script, because the tests' own run-time checks of shapes would be compiled with the blocks. The compiler is one that
counts: it makes no code, so that it needs no C++ compiler and does the blocks' own operations. With
`--really-compiles` the three phases alone run with torch's own.
"""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.block_graphs import counting, graphs_by_phase
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.dit import Block, DiTConfig
from modeling.model.parts import Trainable
from modeling.model.positions import Rotation
from modeling.training.block_graphs import BlockGraphs
from modeling.training.config import TrainingPhase
from modeling.training.loop import train
from tests.modeling.training.small_runs import LONG, PLAIN, SMALL, metrics, run_config

PHASES = (
    TrainingPhase(name="I", steps=4, trainable=Trainable.BACKBONE, uses_references=False),
    TrainingPhase(name="II-a", steps=4, trainable=Trainable.NEW_LAYERS),
    TrainingPhase(name="II-b", steps=4, trainable=Trainable.ALL),
)


class Doubling(Block):
    """A block that compiles at once."""

    def compute(self, tokens: torch.Tensor, *_: object) -> torch.Tensor:
        """Twice the tokens."""
        return 2 * tokens


def three_phases(dataset: Path, folder: Path, *, really_compiles: bool) -> dict[str, Any]:
    """Train the same compiled and eagerly."""
    config = run_config(
        *PHASES,
        dropout=0.0,  # a compiler draws other numbers, and one that counts others again when it recomputes
        data=DataConfig(buckets=(SMALL, LONG), batching=BatchingConfig(tokens_per_device=4 * 12, devices_per_group=1)),
        reference_gain_every_steps=0,
        execution=replace(PLAIN, recomputes_activations=True),
    )
    compiled = replace(
        config, training=replace(config.training, execution=replace(config.training.execution, compiles=True))
    )
    counts = {}
    if really_compiles:
        train(compiled, dataset=dataset, output=folder / "compiled")
    else:
        counts = graphs_by_phase(compiled, dataset, folder / "compiled")
    train(config, dataset=dataset, output=folder / "eager")
    return {
        "phases": {name: vars(count) for name, count in counts.items()},
        "buckets": [line["bucket"] for line in metrics(folder / "compiled")],
        "losses": {name: [line["loss"] for line in metrics(folder / name)] for name in ("compiled", "eager")},
    }


def call(graphs: BlockGraphs, clips: int) -> list[float]:
    """A call of a block for so many clips, with a number of its own."""
    block = Doubling(DiTConfig(width=8, blocks=1, heads=1))
    block.compiled = graphs
    tokens = torch.full((clips, 3, 8), float(clips))
    rotation: Rotation = torch.zeros(2, 3, 4)
    found: torch.Tensor = block(tokens, torch.zeros(clips, 8), rotation, None, None)
    return sorted(set(found.flatten().tolist()))


def full_limit() -> dict[str, Any]:
    """Two kinds of calls, one clip and several, where torch keeps one graph."""
    torch.compiler.config.recompile_limit = 1
    with counting() as counts:
        graphs = BlockGraphs()
        found = [call(graphs, clips) for clips in (2, 1, 5, 1, 3)]
    return {"found": found, "graphs": counts.total.graphs, "compiled": counts.total.compiled}


def no_compiler() -> str:
    """What the user reads where torch finds nothing to compile with."""

    def fail(*_: object) -> None:
        raise RuntimeError("No working C++ compiler found\nin any of the places")

    torch.compiler.set_default_backend(fail)
    try:
        call(BlockGraphs(), 2)
    except RuntimeError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def main() -> None:
    """Run all."""
    dataset, folder, really_compiles = Path(sys.argv[1]), Path(sys.argv[2]), "--really-compiles" in sys.argv
    torch.set_num_threads(1)
    logging.basicConfig(filename=folder / "log.txt", level=logging.WARNING)
    found: dict[str, Any] = {"run": three_phases(dataset, folder, really_compiles=really_compiles)}
    if not really_compiles:
        found |= {"limit": full_limit(), "no compiler": no_compiler()}
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
