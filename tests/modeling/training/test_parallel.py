"""One process and two that share its work end with the same weights."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

from dataset_schema import Bucket
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.sampling.denoising import DenoisingConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import HeldOutConfig, RunConfig, TrainingPhase, ValidationConfig
from modeling.training.loop import train
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig, Team
from storage.configs import write_config
from tests.modeling.training.small_runs import (
    PHASES,
    PLAIN,
    checkpoint,
    largest_difference,
    metrics,
    run_config,
    same,
    weights,
)

ROOT = Path(__file__).parents[3]
# 3 x 3 x 3 latent tokens, so that two devices cannot share them equally.
ODD = Bucket(9, 48, 48)
SHARDED = replace(PLAIN, recomputes_activations=True)
DIVIDED = replace(PLAIN, devices_per_clip=2)
HALF = replace(PLAIN, precision=Precision.BFLOAT16)
ADAMW = OptimizerConfig(learning_rate=1e-3, gradient_clip=0.05)
MUON = replace(ADAMW, matrix_learning_rate=1e-3)


def config_of(
    execution: ExecutionConfig,
    optimizer: OptimizerConfig = ADAMW,
    *,
    phases: tuple[TrainingPhase, ...] = PHASES,
    lora: LoraConfig | None = None,
) -> RunConfig:
    """Without dropout, whose draws belong to a device; with images dropped often, so that some clips have none."""
    return run_config(
        *phases,
        dropout=0.0,
        data=DataConfig(batching=BatchingConfig(tokens_per_device=27, devices_per_group=2), image_dropout=0.4),
        optimizer=optimizer,
        lora=lora,
        reference_gain_every_steps=3,
        checkpoint_every_steps=4 if phases == PHASES else 2,
        execution=execution,
        held_out=HeldOutConfig(share=0.45, every_steps=4, clips=3) if phases == PHASES else HeldOutConfig(),
        validation=ValidationConfig(every_steps=8, sampling=DenoisingConfig(steps=2), clips=1),
    )


class Run(NamedTuple):
    config: RunConfig
    output: Path
    start: Path | None = None


def train_together(runs: Iterable[Run], dataset: Path, folder: Path) -> None:
    """Train on two processes, as torchrun starts them."""
    listed = []
    for number, run in enumerate(runs):
        config = folder / f"run-{number}.json"
        write_config(config, run.config)
        start = None if run.start is None else str(run.start)
        listed.append({"config": str(config), "dataset": str(dataset), "output": str(run.output), "start": start})
    (folder / "runs.json").write_text(json.dumps(listed))
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(ROOT / "tests/modeling/training/train_together.py"), str(folder / "runs.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def column(output: Path, name: str) -> list[Any]:
    return [line[name] for line in metrics(output)]


def matrices_of_blocks(output: Path, step: int) -> torch.Tensor:
    """All of them in one row."""
    found = weights(checkpoint(output, step))
    names = [
        name for name in found if name.startswith("blocks.") and found[name].ndim == 2 and "modulation" not in name
    ]
    return torch.cat([found[name].flatten() for name in sorted(names)])


def test_two_devices_train_what_one_trains_sharded_or_sharing_each_clip_and_continue_its_run(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    dataset = make_dataset({ODD: 9})
    names = ("alone", "sharded", "divided", "continued", "half", "muon", "sharded muon", "continued muon")
    runs = {name: tmp_path / name for name in names}
    train(config_of(PLAIN), dataset=dataset, output=runs["alone"])
    train(config_of(PLAIN, MUON), dataset=dataset, output=runs["muon"])
    shutil.copytree(checkpoint(runs["alone"], 4), checkpoint(runs["continued"], 4))
    shutil.copytree(checkpoint(runs["muon"], 4), checkpoint(runs["continued muon"], 4))

    train_together(
        [
            Run(config_of(SHARDED), runs["sharded"]),
            Run(config_of(DIVIDED), runs["divided"]),
            Run(config_of(SHARDED), runs["continued"]),
            Run(config_of(HALF), runs["half"]),
            Run(config_of(SHARDED, MUON), runs["sharded muon"]),
            Run(config_of(SHARDED, MUON), runs["continued muon"]),
        ],
        dataset,
        tmp_path,
    )

    whole = read_tensors(checkpoint(runs["alone"], 8))
    for name in ("sharded", "divided", "continued"):
        assert largest_difference(whole, read_tensors(checkpoint(runs[name], 8))) < 5e-6
        pipelines = [load_file(output / "pipeline" / "model.safetensors") for output in (runs["alone"], runs[name])]
        assert largest_difference(*pipelines) < 5e-6
        assert len(list((runs[name] / "samples" / "step-00000008").glob("*.mp4"))) == (1 if name == "divided" else 2)
    for name in ("sharded", "divided"):
        assert column(runs[name], "loss") == pytest.approx(column(runs["alone"], "loss"), rel=1e-5)
        assert column(runs[name], "gradient_norm") == pytest.approx(column(runs["alone"], "gradient_norm"), rel=1e-5)
    # Muon's matrices, whose rounding to bfloat16 depends on how they are divided; halves of a matrix, each made
    # orthogonal by itself, would move another way.
    matrices, moved = matrices_of_blocks(runs["muon"], 8), matrices_of_blocks(runs["muon"], 4)
    for name in ("sharded muon", "continued muon"):
        difference = (matrices_of_blocks(runs[name], 8) - matrices).norm()
        assert difference < 0.2 * (matrices - moved).norm()
        assert column(runs[name], "loss")[-1] == pytest.approx(column(runs["muon"], "loss")[-1], rel=1e-4)
    assert (matrices_of_blocks(runs["alone"], 8) - matrices).norm() > 2 * (matrices - moved).norm()
    gains = [[gain for gain in column(runs[name], "reference_gain") if gain] for name in ("alone", "divided")]
    assert len(gains[0]) == 3
    assert gains[1] == [pytest.approx(gain, abs=1e-6) for gain in gains[0]]
    for name in ("sharded", "divided"):  # of three clips, which two devices cannot share equally
        unseen = [[losses for losses in column(runs[each], "held_out_losses") if losses] for each in ("alone", name)]
        assert [list(losses) for losses in unseen[1]] == [[str(ODD)]] * 5  # the first of each phase, and steps 4 and 8
        for one, two in zip(*unseen, strict=True):
            for timestep, losses in one[str(ODD)].items():
                assert two[str(ODD)][timestep] == pytest.approx(losses, rel=1e-5)
    assert column(runs["half"], "loss") == pytest.approx(column(runs["alone"], "loss"), rel=2e-2)
    assert column(runs["half"], "loss") != column(runs["alone"], "loss")
    assert {tensor.dtype for tensor in read_tensors(checkpoint(runs["half"], 8)).values()} == {torch.float32}


NEW_LAYERS = TrainingPhase(name="II-a", steps=4, trainable=Trainable.NEW_LAYERS)
PERSONAL = TrainingPhase(name="personal", steps=4, trainable=Trainable.ADAPTERS)


@pytest.mark.slow
@pytest.mark.timeout(900)  # five runs of two processes, which a busy machine lets wait for each other
def test_two_devices_keep_frozen_matrices_in_bfloat16_and_train_what_one_trains(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    dataset = make_dataset({ODD: 5})
    base = train(
        run_config(replace(NEW_LAYERS, steps=2, trainable=Trainable.ALL), dropout=0.0),
        dataset=dataset,
        output=tmp_path / "base",
    )
    before = load_file(base / "model.safetensors")
    half = config_of(HALF, phases=(NEW_LAYERS,))
    followed = config_of(HALF, phases=(NEW_LAYERS, replace(NEW_LAYERS, name="II-b", trainable=Trainable.ALL)))
    personal = config_of(HALF, phases=(PERSONAL,), lora=LoraConfig(rank=2))
    for name, config in (("half alone", half), ("personal alone", personal)):
        train(config, dataset=dataset, output=tmp_path / name, start=base)

    names = ("half", "followed", "personal")
    runs = [Run(config, tmp_path / name, base) for name, config in zip(names, (half, followed, personal), strict=True)]
    train_together(runs, dataset, tmp_path)
    for name in ("half", "personal"):
        shutil.copytree(checkpoint(tmp_path / name, 2), checkpoint(tmp_path / f"{name} resumed", 2))
    resumed = [run._replace(output=tmp_path / f"{run.output.name} resumed") for run in (runs[0], runs[2])]
    train_together(resumed, dataset, tmp_path)

    # What is not trained until later is float32, and no step is another for it.
    assert column(tmp_path / "half", "loss") == column(tmp_path / "followed", "loss")[:4]
    for name in ("half", "personal"):
        assert column(tmp_path / name, "loss") == pytest.approx(column(tmp_path / f"{name} alone", "loss"), rel=1e-5)
        norms = (column(tmp_path / each, "gradient_norm") for each in (name, f"{name} alone"))
        assert next(norms) == pytest.approx(next(norms), rel=2e-3)
        ends = (read_tensors(checkpoint(tmp_path / each, 4)) for each in (name, f"{name} resumed"))
        assert same(*ends)
        pipelines = [load_file(tmp_path / each / "pipeline/model.safetensors") for each in (name, f"{name} resumed")]
        assert same(*pipelines)
        for weight in ("blocks.0.mlp.0.weight", "patch_embedding.weight"):
            assert torch.equal(pipelines[0][weight], before[weight])  # as precise as it was


def test_devices_that_cannot_share_a_batch_or_a_clip_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot share a batch for 16; set .*devices_per_group to a multiple of 6"):
        BatchingConfig().check_ranks(6)
    with pytest.raises(ValueError, match="1 processes cannot share clips by 2"):
        Team(torch.device("cpu"), devices_per_clip=2)
