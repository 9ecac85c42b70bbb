"""Blocks stay compiled through all training phases, to few graphs, and what cannot be compiled is said."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataset_schema import write_shard
from tests.modeling.conftest import build_sample
from tests.modeling.training.small_runs import LONG, SMALL

# With gradients and, for self-conditioning, without: one each. In II-a tokens come to the first block without
# gradients, and leave it with them, which is one more.
GRAPHS = {"I": 2, "II-a": 3, "II-b": 2}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `compiled_runs.py` prints, and `log` with what it logged."""
    folder = tmp_path_factory.mktemp("compiled")
    samples = [build_sample(number, LONG, folder) for number in range(5)]
    write_shard(folder / "dataset" / "samples" / "part-00000.parquet", samples)
    script = Path(__file__).with_name("compiled_runs.py")
    command = [sys.executable, str(script), str(folder / "dataset"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "found.json").read_text()) | {"log": (folder / "log.txt").read_text()}


def test_every_block_call_of_three_phases_is_compiled_by_few_graphs(found: Any) -> None:
    phases = found["run"]["phases"]

    assert set(found["run"]["buckets"]) == {str(SMALL), str(LONG)}
    assert {name: phase["graphs"] for name, phase in phases.items()} == GRAPHS
    for phase in phases.values():
        assert phase["compiled"] == phase["calls"] >= 4 * 2  # steps and blocks; more where an estimate was shown
    calls = sum(phase["calls"] for phase in phases.values())
    assert 12 * 2 < calls < 12 * 4  # some steps showed an estimate, some did not


def test_compiled_blocks_train_what_eager_ones_train(found: Any) -> None:
    losses = found["run"]["losses"]

    assert len(losses["compiled"]) == 12
    # The same operations, so the first loss is the same number; gradients are summed in another order, which rounds.
    assert losses["compiled"][0] == losses["eager"][0]
    assert losses["compiled"] == pytest.approx(losses["eager"], rel=1e-5)


def test_calls_beyond_the_limit_are_right_and_said_once(found: Any) -> None:
    assert found["limit"]["found"] == [[4.0], [2.0], [10.0], [2.0], [6.0]]
    assert (found["limit"]["graphs"], found["limit"]["compiled"]) == (1, 3)
    ours = [line for line in found["log"].splitlines() if "execution.compiles" in line]
    assert len(ours) == 1
    assert "the blocks with gradients have compiled to 1 graphs, the most that torch keeps" in ours[0]
    assert "computed eagerly from now on" in ours[0]


def test_a_machine_that_cannot_compile_is_said_in_a_sentence_with_what_to_do(found: Any) -> None:
    assert "cannot compile on this machine" in found["no compiler"]
    assert "No working C++ compiler found. Install" in found["no compiler"]
    assert "execution.compiles = false" in found["no compiler"]
