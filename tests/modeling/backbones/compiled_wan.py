"""Trains a tiny Wan with compiled blocks: `compiled_wan.py RUN.json DATASET FOLDER`.

A script, because the tests' own run-time checks of shapes would be compiled with the blocks. The compiler is one that
counts and makes no code (`benchmarks.block_graphs`). It writes to the folder what became of the blocks.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.block_graphs import graphs_by_phase
from modeling.backbones.wan_network import WanBlock
from modeling.training.config import RunConfig
from modeling.training.loop import train
from storage.configs import read_config
from tests.modeling.training.small_runs import metrics


def main() -> None:
    """Train compiled, then eagerly."""
    path, dataset, folder = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    eager = read_config(path, RunConfig)
    execution = replace(eager.training.execution, compiles=True)
    compiled = replace(eager, training=replace(eager.training, execution=execution))
    counts = graphs_by_phase(compiled, dataset, folder / "compiled", kind=WanBlock)
    train(eager, dataset=dataset, output=folder / "eager")
    found = {
        "phases": {name: vars(count) for name, count in counts.items()},
        "buckets": [line["bucket"] for line in metrics(folder / "compiled")],
        "losses": {name: [line["loss"] for line in metrics(folder / name)] for name in ("compiled", "eager")},
    }
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
