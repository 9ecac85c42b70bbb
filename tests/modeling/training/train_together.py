"""Trains several runs in one process of a team: `torchrun train_together.py DEVICE RUNS.json`.

RUNS.json lists objects with the paths `config` (as `write_config` writes it), `dataset` and `output`.
"""

import json
import sys
import warnings
from pathlib import Path

import torch

from modeling.training.config import RunConfig
from modeling.training.loop import train
from pipelines.verbs.train import launched_together
from storage.configs import read_config

if __name__ == "__main__":
    device, runs = sys.argv[1:]
    if device == "cpu":
        warnings.simplefilter("error")
    torch.set_num_threads(1)
    with launched_together(device) as own_device:
        for run in json.loads(Path(runs).read_text()):
            config = read_config(Path(run["config"]), RunConfig)
            train(config, dataset=Path(run["dataset"]), output=Path(run["output"]), device=own_device)
