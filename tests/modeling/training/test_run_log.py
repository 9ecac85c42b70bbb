import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from modeling.training.config import HeldOutConfig
from modeling.training.loop import train
from modeling.training.objective import ReferenceLosses
from modeling.training.run_log import RunLog, StepReport
from tests.modeling.training.small_runs import SMALL, metrics, run_config


def test_tensorboard_shows_the_curves_of_the_metrics_file(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    held_out = HeldOutConfig(share=0.5, every_steps=3)
    train(run_config(held_out=held_out), dataset=make_dataset({SMALL: 8}), output=tmp_path)

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    lines = metrics(tmp_path)
    for name in ("loss", "gradient_norm", "learning_rate", "model_tflops_per_s"):
        points = events.Scalars(f"training/{name}")
        assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
        assert [point.value for point in points] == pytest.approx([line[name] for line in lines])
    measured = [line for line in lines if line["reference_gain"]]
    assert [line["step"] for line in measured] == [1, 2, 4, 6]
    without, given = zip(*[line["reference_losses"]["0.6"] for line in measured], strict=True)
    for name, values in {
        "reference_gain": [line["reference_gain"]["0.6"] for line in measured],
        "loss_without_references": without,
        "loss_with_references": given,
    }.items():
        points = events.Scalars(f"{name}/0.6")
        assert [point.step for point in points] == [1, 2, 4, 6]
        assert [point.value for point in points] == pytest.approx(values)
    of_unseen = [line for line in lines if line["held_out_losses"]]
    for name in ("without_references", "with_references"):
        points = events.Scalars(f"held_out_loss_{name}/{SMALL}/0.6")
        assert [point.step for point in points] == [1, 3, 6]
        values = [line["held_out_losses"][str(SMALL)]["0.6"][name] for line in of_unseen]
        assert [point.value for point in points] == pytest.approx(values)
    assert "training/mfu" not in events.Tags()["scalars"]


def test_losses_that_are_no_number_are_null(tmp_path: Path) -> None:
    log = RunLog(tmp_path, step=0)
    report = StepReport(
        step=1,
        steps=1,
        training_phase="joint",
        bucket=str(SMALL),
        loss=math.nan,
        gradient_norm=1.0,
        learning_rate=1e-3,
        tokens_per_s=1.0,
        data_wait_s=0.0,
        model_tflops_per_s=1.0,
        mfu=None,
        skipped_steps=0,
        reference_losses={"0.3": ReferenceLosses(0.5, math.inf)},
    )

    log.write(report)
    log.close()

    (line,) = metrics(tmp_path)
    assert (line["loss"], line["reference_losses"], line["reference_gain"]) == (
        None,
        {"0.3": [0.5, None]},
        {"0.3": None},
    )
