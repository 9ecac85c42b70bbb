import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modeling.sampling.denoising import DenoisingConfig
from modeling.sampling.pipeline import Pipeline
from modeling.sampling.solvers import Euler
from modeling.training.base import Base
from modeling.training.checkpoint import (
    Checkpoints,
    Done,
    finished_checkpoints,
    latest_checkpoint,
    read_done,
    read_tensors,
)
from modeling.training.config import ValidationConfig
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from modeling.training.parallel import Team
from modeling.training.trained_on import TrainedOn
from tests.modeling.training.small_runs import SMALL, checkpoint, run_config, same

MakeDataset = Callable[..., Path]
CPU = torch.device("cpu")
DATA = TrainedOn(dataset="one", clips=2, fingerprint="0" * 32)


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"weights.a": torch.full((1000, 1000), value), "optimizer.a.step": torch.tensor(value)}


def test_what_training_changes_while_a_checkpoint_is_written_is_not_in_it(tmp_path: Path) -> None:
    checkpoints, saved = Checkpoints(tmp_path, run_config(), Team(CPU), DATA, Base()), tensors(1.0)

    checkpoints.save(saved, Done(step=3, skipped_steps=1))
    for tensor in saved.values():
        tensor.zero_()
    checkpoints.finish()

    read = tensors(0.0)
    checkpoints.load(tmp_path / "step-00000003", read)
    assert read_done(tmp_path / "step-00000003") == Done(step=3, skipped_steps=1)
    assert same(read, tensors(1.0))


def test_a_config_that_no_checkpoint_could_hold_is_refused_before_the_first_step(tmp_path: Path) -> None:
    class Own(Euler):
        """A solver that only its own script knows."""

    validation = ValidationConfig(sampling=DenoisingConfig(solver=Own()))

    with pytest.raises(ValueError, match=r"^training\.validation\.sampling\.solver: solver is 'own', .* Python alone$"):
        Checkpoints(tmp_path, run_config(validation=validation), Team(CPU), DATA, Base())


def test_old_checkpoints_go_and_unfinished_ones_do_not_count(tmp_path: Path) -> None:
    (tmp_path / ".step-00000099.tmp").mkdir()
    checkpoints = Checkpoints(tmp_path, run_config(checkpoints_kept=2), Team(CPU), DATA, Base())

    for step in (1, 2, 3):
        checkpoints.save(tensors(float(step)), Done(step=step))
    checkpoints.finish()

    assert [path.name for path in finished_checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    assert latest_checkpoint(tmp_path) == tmp_path / "step-00000003"
    assert not list(tmp_path.glob(".*"))


def test_a_checkpoint_that_cannot_be_written_raises_and_the_one_before_stays(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, run_config(), Team(CPU), DATA, Base())
    checkpoints.save(tensors(1.0), Done(step=1))
    checkpoints.finish()
    (tmp_path / ".step-00000002.tmp").write_text("a file where the folder should be")

    checkpoints.save(tensors(2.0), Done(step=2))
    with pytest.raises(OSError, match=r"step-00000002 could not be written .*free some space"):
        checkpoints.save(tensors(3.0), Done(step=3))

    read = tensors(0.0)
    assert latest_checkpoint(tmp_path) == tmp_path / "step-00000001"
    checkpoints.load(tmp_path / "step-00000001", read)
    assert same(read, tensors(1.0))


def test_a_run_goes_on_from_the_checkpoint_before_one_that_was_cut_off(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, config = make_dataset({SMALL: 5}), run_config(checkpoint_every_steps=2)
    train(config, dataset=dataset, output=tmp_path / "whole")
    shutil.copytree(checkpoint(tmp_path / "whole", 4), checkpoint(tmp_path / "cut", 4))
    unfinished = tmp_path / "cut" / "checkpoints" / ".step-00000006.tmp"
    shutil.copytree(checkpoint(tmp_path / "whole", 6), unfinished)
    next((unfinished / "tensors").glob("*.distcp")).write_bytes(b"half")

    train(config, dataset=dataset, output=tmp_path / "cut")

    assert same(*(read_tensors(checkpoint(tmp_path / name, 6)) for name in ("whole", "cut")))


def test_a_checkpoint_can_be_exported_as_the_pipeline_that_training_would_write(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    finished = train(run_config(), dataset=make_dataset({SMALL: 5}), output=tmp_path / "run")

    exported = export_checkpoint(checkpoint(tmp_path / "run", 6), tmp_path / "exported")

    assert same(load_file(finished / "model.safetensors"), load_file(exported / "model.safetensors"))
    assert Pipeline.from_pretrained(exported).config == run_config().pipeline
    assert read_done(checkpoint(tmp_path / "run", 6)) == Done(step=6)
