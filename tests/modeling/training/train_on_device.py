"""Trains a run in a process of a team on a device: `torchrun train_on_device.py DEVICE CONFIG DATASET OUTPUT`."""

import sys
from pathlib import Path

from modeling.training.config import RunConfig
from modeling.training.loop import train
from pipelines.verbs.train import launched_together
from storage.configs import read_config

if __name__ == "__main__":
    device, config, dataset, output = sys.argv[1:]
    with launched_together(device) as own:
        train(read_config(Path(config), RunConfig), dataset=Path(dataset), output=Path(output), device=own)
