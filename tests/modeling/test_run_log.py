from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from modeling.training import train
from tests.modeling.small_runs import SMALL, metrics, run_config


def test_tensorboard_shows_the_curves_of_the_metrics_file(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    train(run_config(), dataset=make_dataset({SMALL: 5}), output=tmp_path)

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    lines = metrics(tmp_path)
    for name in ("loss", "gradient_norm", "learning_rate", "model_tflops_per_s"):
        points = events.Scalars(f"training/{name}")
        assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
        assert [point.value for point in points] == pytest.approx([line[name] for line in lines])
    gains = events.Scalars("reference_gain/0.6")
    assert [point.value for point in gains] == pytest.approx(
        [line["reference_gain"]["0.6"] for line in lines if line["reference_gain"]]
    )
    assert "training/mfu" not in events.Tags()["scalars"]
