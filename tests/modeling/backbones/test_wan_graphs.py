"""A tiny Wan's blocks stay compiled through training, to few graphs, and train what eager ones train."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataset_schema import Bucket, write_shard
from modeling.data.schedule import BatchingConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision
from modeling.training.config import RunConfig, TrainingPhase
from storage.configs import write_config
from tests.modeling.backbones.test_wan_training import wan_run
from tests.modeling.conftest import build_sample
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints

# Of 12 and 40 tokens: several clips at a time, and one, which is a kind of its own.
SEVERAL, ONE = Bucket(5, 32, 48), Bucket(5, 64, 80)
PHASES = (
    TrainingPhase(name="II-a", steps=6, trainable=Trainable.NEW_LAYERS),
    TrainingPhase(name="II-b", steps=6, trainable=Trainable.NEW_LAYERS_AND_ADAPTERS),
)

# Compilers are slow where a machine has other work.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("precision", list(Precision))
def test_every_block_call_is_compiled_by_few_graphs_and_trains_what_eager_ones_train(
    precision: Precision, tiny_wan: Path, paper_checkpoints: TinyCheckpoints, tmp_path: Path
) -> None:
    found = trained(wan_run(tiny_wan, paper_checkpoints), precision, tmp_path)

    assert set(found["buckets"]) == {str(SEVERAL), str(ONE)}
    for phase in found["phases"].values():
        assert phase["compiled"] == phase["calls"] >= 6 * 3
        assert phase["graphs"] <= 8  # one clip and several; tokens with gradients and without; for the gain, too
    assert found["losses"]["compiled"] == pytest.approx(found["losses"]["eager"], rel=1e-5)


def trained(run: RunConfig, precision: Precision, folder: Path) -> Any:
    """What `compiled_wan.py` finds."""
    data = replace(
        run.training.data,
        buckets=(SEVERAL, ONE),
        batching=BatchingConfig(tokens_per_device=40, devices_per_group=1),
        image_dropout=0.4,
    )
    training = replace(
        run.training,
        data=data,
        phases=PHASES,
        lora=LoraConfig(rank=2),
        reference_gain_every_steps=3,
        execution=replace(run.training.execution, precision=precision, recomputes_activations=True),
    )
    write_config(folder / "run.json", replace(run, training=training))
    samples = [build_sample(number, Bucket(9, 64, 80), folder) for number in range(4)]
    write_shard(folder / "dataset" / "samples" / "part-00000.parquet", samples)
    script = Path(__file__).with_name("compiled_wan.py")
    command = [sys.executable, str(script), str(folder / "run.json"), str(folder / "dataset"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "found.json").read_text())
