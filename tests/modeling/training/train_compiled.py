"""Trains a run alone, and prints how many graphs it compiled: `python train_compiled.py DEVICE CONFIG DATASET OUTPUT`.

A script, because the tests' own run-time checks of shapes would be compiled with the blocks.
"""

import sys
from pathlib import Path

from torch._dynamo.utils import counters

from modeling.training.config import RunConfig
from modeling.training.loop import train
from storage.configs import read_config

if __name__ == "__main__":
    device, config, dataset, output = sys.argv[1:]
    train(read_config(Path(config), RunConfig), dataset=Path(dataset), output=Path(output), device=device)
    sys.stdout.write(f"{counters['stats']['unique_graphs']}")
