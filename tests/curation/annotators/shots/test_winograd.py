"""Convolutions with fewer products against torch's own."""

import pytest
import torch
from torch.nn import functional

from curation.annotators.shots import network as shots_network
from curation.annotators.shots import winograd


@pytest.mark.parametrize(
    ("frames", "height", "width", "inputs"),
    [(1, 1, 6, 1), (3, 27, 48, 8), (2, 13, 24, 5), (600, 6, 12, 32)],
    ids=["least", "first stage", "second stage", "more than fits into one piece"],
)
def test_it_is_the_convolution_that_torch_computes(frames: int, height: int, width: int, inputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(frames, height, width, inputs, generator=generator)
    kernel = torch.randn(8, inputs, 3, 3, generator=generator) / (9 * inputs) ** 0.5

    first, second = winograd.convolved(values, winograd.transformed(kernel), parts=2)

    expected = functional.conv2d(values.permute(0, 3, 1, 2), kernel, padding=1).permute(0, 2, 3, 1)
    torch.testing.assert_close(torch.cat([first, second], 3), expected, atol=2e-5, rtol=0)


def test_processors_with_avx2_alone_get_the_same_probabilities_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network = shots_network.package_network("cpu")
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (2, 27, 48, 3), generator=generator).repeat_interleave(20, 0).to(torch.uint8).numpy()

    found = {}
    for capability in ("AVX2", "AVX512"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        with torch.inference_mode():
            found[capability] = shots_network.StretchedTransNet.fold(network, torch.float32)(pictures)

    assert found["AVX2"].max() > 0.1
    assert found["AVX2"] == pytest.approx(found["AVX512"], abs=1e-5)
    assert not (found["AVX2"] == found["AVX512"]).all()
