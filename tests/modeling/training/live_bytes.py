"""Counts what one step leaves alive on each process: `[torchrun] live_bytes.py RUNS.json`.

RUNS.json lists objects with the paths `config` (of `write_config`), `dataset`, `output`, `start` and `counts`;
every process writes its bytes of weights, gradients, moments and average to `counts/RANK.json`.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from modeling.data.store import SampleStore
from modeling.training.config import RunConfig
from modeling.training.ema import own_part
from modeling.training.loop import Trainer
from modeling.training.parallel import Team
from storage.configs import read_config


def alive(tensors: Iterable[torch.Tensor | None]) -> int:
    """Bytes of what this process holds of the tensors, each storage once."""
    storages = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in _parts(tensors)}
    return sum(storages.values())


def _parts(tensors: Iterable[torch.Tensor | None]) -> list[torch.Tensor]:
    return [own_part(tensor) for tensor in tensors if tensor is not None]


def count(run: dict[str, str]) -> dict[str, int]:
    """The bytes of one run after its first step."""
    store = SampleStore(Path(run["dataset"]), ())
    config, output = read_config(Path(run["config"]), RunConfig), Path(run["output"])
    trainer = Trainer(config, store, output=output, team=Team(torch.device("cpu")), start=Path(run["start"]))
    weights, found = list(trainer.model.parameters()), {"gradients": 0, "moments": 0}

    def before(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        found["gradients"] += alive(weight.grad for group in optimizer.param_groups for weight in group["params"])

    def after(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        found["moments"] += alive(part for state in optimizer.state.values() for part in state.values())

    hooks = [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    trainer.step(trainer.loader.batch(0))
    for hook in hooks:
        hook.remove()
    average = trainer._state.average
    trainer.close()
    return {**found, "weights": alive(weights), "average": alive(average.weights.values() if average else ())}


if __name__ == "__main__":
    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
    for listed in json.loads(Path(sys.argv[1]).read_text()):
        counted = count(listed)
        (Path(listed["counts"]) / f"{rank}.json").write_text(json.dumps(counted))
    if dist.is_initialized():
        dist.destroy_process_group()
