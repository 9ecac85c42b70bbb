import pytest
import torch

from modeling.training.ema import WeightAverage


def test_three_updates_by_hand() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 1.0)
    average = WeightAverage(model, decay=0.2, is_trained=lambda name: True)

    found = []
    for updates, value in enumerate((2.0, 4.0, 8.0)):
        torch.nn.init.constant_(model.weight, value)
        average.update(model, {"weight": updates})
        found.append(average.weights["weight"].item())

    # Decays: 1/10, then 2/11 = 0.1818, then 3/12 = 0.25, but at most 0.2.
    first = 0.1 * 1 + 0.9 * 2
    second = 2 / 11 * first + 9 / 11 * 4
    assert found == pytest.approx([first, second, 0.2 * second + 0.8 * 8])
