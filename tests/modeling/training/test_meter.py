import pytest
import torch

from modeling.model.conditions import Conditions
from modeling.model.costs import workload_of
from modeling.model.parts import Trainable
from modeling.training.meter import Meter
from modeling.training.objective import EncodedBatch
from tests.modeling.training.small_runs import run_config

BATCH = EncodedBatch(
    latents=torch.zeros(3, 16, 2, 4, 6),
    conditions=Conditions(text=torch.zeros(3, 5, 64), is_text=torch.ones(3, 5, dtype=torch.bool), references=None),
)


@pytest.mark.parametrize("devices_per_clip", [1, 2])
def test_a_step_of_two_seconds_by_hand(monkeypatch: pytest.MonkeyPatch, devices_per_clip: int) -> None:
    clock = iter([100.0, 100.0, 100.5, 102.0])
    monkeypatch.setattr("modeling.training.meter.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("modeling.training.meter.peak_flops_per_s", lambda name: 1e9 if name == "cpu" else None)
    model = run_config(dropout=0.0).pipeline.model
    measured = Meter(model, torch.device("cpu"), devices_per_clip=devices_per_clip)
    measured.start()

    measured.batch_has_come()
    for _ in range(2):  # two turns, each with an estimate for self-conditioning: four times the forward pass
        measured.count(BATCH, trainable=Trainable.ALL, shows_estimate=True)
    rates = measured.rates(tokens=72)

    flops_per_s = 2 * 4 * model.forward_flops(workload_of(BATCH.latents, BATCH.conditions)).total / 2 / devices_per_clip
    assert rates["tokens_per_s"] == 36
    assert rates["data_wait_s"] == 0.5
    assert rates["model_tflops_per_s"] == pytest.approx(flops_per_s / 1e12)
    assert rates["mfu"] == pytest.approx(flops_per_s / 1e9)
