"""What `describe` says that weights and all that belongs to them occupy is what lies in memory after a step."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import Bucket
from modeling.data.batches import DataConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.weights import fresh_weights
from modeling.sampling.pipeline import write_pipeline
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.parallel import ExecutionConfig
from modeling.training.run_costs import Devices, bucket_costs
from storage.configs import write_config
from tests.modeling.training.small_runs import run_config

ROOT = Path(__file__).parents[3]
BUCKET = Bucket(5, 32, 48)
PARTS = ("weights", "gradients", "moments", "average")
KINDS = {
    "LoRA": (Trainable.ADAPTERS, LoraConfig(rank=4)),
    "II-a": (Trainable.NEW_LAYERS, None),
    "full": (Trainable.ALL, None),
}


def config_of(kind: str) -> RunConfig:
    """A model of a million weights: so large that its norms, which are float32 everywhere, hardly count."""
    trainable, lora = KINDS[kind]
    config = run_config(
        TrainingPhase(name=kind, steps=4, trainable=trainable),
        data=DataConfig(batching=BatchingConfig(tokens_per_device=2 * 12, devices_per_group=2)),
        execution=ExecutionConfig(compiles=False),
        reference_gain_every_steps=0,
        lora=lora,
    )
    return replace(config, pipeline=replace(config.pipeline, model=replace(config.pipeline.model, width=128)))


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_state_of_a_run_occupies_what_describe_says(
    devices: int, make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    dataset, runs = make_dataset({BUCKET: 5}), []
    for kind in KINDS:
        folder, config = tmp_path / kind, config_of(kind)
        write_pipeline(folder / "start", config.pipeline, fresh_weights(config.pipeline.model, seed=0))
        write_config(folder / "run.json", config)
        (folder / "counts").mkdir()
        paths = {"start": "start", "config": "run.json", "output": "output", "counts": "counts"}
        runs.append({"dataset": str(dataset), **{name: str(folder / path) for name, path in paths.items()}})
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if devices == 2 else []

    done = subprocess.run(
        [sys.executable, *launcher, str(Path(__file__).with_name("live_bytes.py")), str(tmp_path / "runs.json")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    for kind in KINDS:
        expected = bucket_costs(config_of(kind), BUCKET, Devices(count=devices, memory_bytes=2**30)).memory
        counts = [json.loads(path.read_text()) for path in sorted((tmp_path / kind / "counts").iterdir())]
        assert len(counts) == devices
        for found in counts:
            assert found == {part: pytest.approx(getattr(expected, part), rel=0.02) for part in PARTS}
