"""Blocks stay compiled through all training phases, to few graphs, and what cannot be compiled is said."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataset_schema import write_shard
from tests.modeling.conftest import build_sample
from tests.modeling.training.small_runs import LONG, SMALL

ROOT = Path(__file__).parents[3]

# Compilers are slow where a machine has other work.
pytestmark = pytest.mark.timeout(900)

# With gradients and, for self-conditioning, without: one each. In II-a tokens come to the first block without
# gradients, and leave it with them, which is one more.
GRAPHS = {"I": 2, "II-a": 3, "II-b": 2}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips that fill two buckets."""
    folder = tmp_path_factory.mktemp("clips")
    samples = [build_sample(number, LONG, folder) for number in range(5)]
    write_shard(folder / "dataset" / "samples" / "part-00000.parquet", samples)
    return folder / "dataset"


@pytest.fixture(scope="module")
def found(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `compiled_runs.py` finds, and `log` with what it logs."""
    return run(dataset, tmp_path_factory.mktemp("compiled"))


def run(dataset: Path, folder: Path, *arguments: str) -> Any:
    """Run the script."""
    script = Path(__file__).with_name("compiled_runs.py")
    command = [sys.executable, str(script), str(dataset), str(folder), *arguments]
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
    # The same operations, so the first loss is the same number; later ones may differ by rounding.
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


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_clip_adapters_kept_activations_the_gain_and_samples_take_few_graphs_too() -> None:
    budget = {"I": 5, "II-a": 9, "II-b": 7, "adapters": 9}

    command = [sys.executable, "-m", "benchmarks.block_graphs", "--steps", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.returncode == 0, done.stderr[-4000:]
    rows = re.findall(r" (I|II-a|II-b|adapters) +(\d+) +(\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert [phase for phase, *_ in rows] == ["I", "II-a", "II-b"] * 2 + ["adapters"]
    for phase, calls, compiled, graphs in rows:
        assert int(compiled) == int(calls) > 0
        assert int(graphs) <= budget[phase]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch's compiler needs a C++ compiler")
def test_the_real_compiler_trains_what_eager_blocks_train(dataset: Path, tmp_path: Path) -> None:
    losses = run(dataset, tmp_path, "--really-compiles")["run"]["losses"]

    assert len(losses["compiled"]) == 12
    # Its sums are in another order too, in every layer.
    assert losses["compiled"][0] == pytest.approx(losses["eager"][0], rel=1e-6)
    assert losses["compiled"] == pytest.approx(losses["eager"], rel=1e-4)
