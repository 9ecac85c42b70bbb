"""Trains several runs in one process of a team: `torchrun train_together.py RUNS.json`.

RUNS.json lists objects with the paths `config` (as `write_config` writes it), `dataset`, `output` and, or null,
`start`.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist

from modeling.training.config import RunConfig
from modeling.training.loop import train
from storage.configs import read_config

if __name__ == "__main__":
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for run in json.loads(Path(sys.argv[1]).read_text()):
        config = read_config(Path(run["config"]), RunConfig)
        train(config, dataset=Path(run["dataset"]), output=Path(run["output"]), start=run["start"])
    dist.destroy_process_group()
