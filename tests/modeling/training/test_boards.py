"""W&B, held against a module of the same name that writes down what it is asked; the real one is not installed here."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modeling.training.config import HeldOutConfig, WandbConfig
from modeling.training.loop import train
from tests.modeling.training.small_runs import SMALL, KilledError, kill_after, metrics, run_config

MakeDataset = Callable[..., Path]

# The part of W&B's documented interface that training uses: `init`, and of the run it gives `id`, `log` and `finish`.
FAKE = """
import json, os, pathlib

CALLS = pathlib.Path(os.environ["FAKE_WANDB_CALLS"])

def tell(call, /, **said):
    with CALLS.open("a") as file:
        file.write(json.dumps({"call": call, **said}) + "\\n")

class Run:
    def __init__(self, id):
        self.id = id

    def log(self, data, step=None):
        tell("log", data=data, step=step)

    def finish(self):
        tell("finish")

def init(*, entity=None, project=None, dir=None, id=None, name=None, config=None, mode=None, resume=None):
    tell("init", entity=entity, project=project, dir=dir, id=id, name=name, config=config, mode=mode, resume=resume)
    return Run(id or "made-up-1")
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    """What the fake was asked, by the name of the function."""
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "wandb.py").write_text(FAKE)
    told = tmp_path / "calls.jsonl"
    monkeypatch.setenv("FAKE_WANDB_CALLS", str(told))
    monkeypatch.syspath_prepend(tmp_path / "fake")
    monkeypatch.delitem(sys.modules, "wandb", raising=False)

    def read(name: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in told.read_text().splitlines()]
        return [call for call in found if call["call"] == name]

    return read


def test_wandb_gets_the_curves_of_the_metrics_file_and_resumes_the_run(
    make_dataset: MakeDataset, tmp_path: Path, calls: Callable[[str], list[dict[str, Any]]]
) -> None:
    dataset, output = make_dataset({SMALL: 8}), tmp_path / "run"
    config = run_config(
        wandb=WandbConfig(project="dogs", entity="us", name="first", offline=True),
        held_out=HeldOutConfig(share=0.5, every_steps=3),
        checkpoint_every_steps=2,
    )
    with pytest.raises(KilledError):
        train(config, dataset=dataset, output=output, on_step=kill_after(3))

    train(config, dataset=dataset, output=output)

    first, second = calls("init")
    assert {name: first[name] for name in ("project", "entity", "name", "mode", "dir")} == {
        "project": "dogs",
        "entity": "us",
        "name": "first",
        "mode": "offline",
        "dir": str(output),
    }
    assert first["config"]["training"]["optimizer"]["learning_rate"] == 1e-3
    assert (first["id"], first["resume"]) == (None, None)
    assert (second["id"], second["resume"]) == ("made-up-1", "allow")
    assert len(calls("finish")) == 2
    logged = calls("log")
    assert [call["step"] for call in logged] == [1, 2, 3, 3, 4, 5, 6]
    assert logged[2]["data"]["training/loss"] == logged[3]["data"]["training/loss"]  # what W&B ignores, it has already
    drawn = {call["step"]: call["data"] for call in logged}
    for line in metrics(output):
        points = drawn[line["step"]]
        assert points["training/loss"] == line["loss"]
        assert ("reference_gain/0.3" in points) == bool(line["reference_gain"])
        assert (f"held_out_loss_with_references/{SMALL}/0.9" in points) == bool(line["held_out_losses"])
    held_out = metrics(output)[2]["held_out_losses"][str(SMALL)]["0.9"]["with_references"]
    assert drawn[3][f"held_out_loss_with_references/{SMALL}/0.9"] == held_out


def test_online_is_left_to_wandbs_own_settings(
    make_dataset: MakeDataset, tmp_path: Path, calls: Callable[[str], list[dict[str, Any]]]
) -> None:
    train(run_config(wandb=WandbConfig()), dataset=make_dataset({SMALL: 5}), output=tmp_path / "run")

    (asked,) = calls("init")
    assert (asked["mode"], asked["project"], asked["name"], asked["entity"]) == (None, "openalchemist", None, None)


def test_without_wandb_the_sentence_names_its_extra(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'openalchemist\[wandb\]'"):
        train(run_config(wandb=WandbConfig()), dataset=make_dataset({SMALL: 5}), output=tmp_path)
