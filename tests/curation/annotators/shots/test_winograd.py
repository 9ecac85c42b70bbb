"""Convolutions with fewer products, of a few frames at a time, against torch's own of all at once."""

import pytest
import torch
from torch.nn import functional

from curation.annotators.shots import network as shots_network
from curation.annotators.shots import winograd


@pytest.mark.parametrize(
    ("frames", "rows", "width", "inputs", "height"),
    [(1, 1, 6, 1, 1), (3, 27, 48, 8, 26), (2, 13, 24, 5, 13), (2, 13, 24, 5, 12), (20, 6, 12, 32, 6)],
    ids=["least", "first stage", "second stage", "second stage, without its last row", "third stage"],
)
def test_it_is_the_convolution_that_torch_computes(
    frames: int, rows: int, width: int, inputs: int, height: int
) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(frames, rows, width, inputs, generator=generator)
    kernel = torch.randn(8, inputs, 3, 3, generator=generator) / (9 * inputs) ** 0.5

    parts = winograd.convolved(values, winograd.transformed(kernel, 2), height)

    expected = functional.conv2d(values.permute(0, 3, 1, 2), kernel, padding=1)[:, :, :height]
    torch.testing.assert_close(shots_network._joined(parts, height, width), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("more", [None, (35, 25)], ids=["nothing around", "standing still around"])
def test_fewer_products_and_few_frames_at_a_time_move_no_probability(
    more: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = shots_network.package_network("cpu")
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (2, 27, 48, 3), generator=generator).repeat_interleave(20, 0).to(torch.uint8).numpy()

    with torch.inference_mode():
        found = shots_network.StretchedTransNet.fold(network, torch.float32)(pictures, more)
        monkeypatch.setattr(shots_network, "_is_for_winograd", lambda *_: False)
        monkeypatch.setattr(shots_network, "_FRAMES_AT_ONCE", len(pictures))
        expected = shots_network.StretchedTransNet.fold(network, torch.float32)(pictures, more)

    assert expected.max() > 0.1
    assert found == pytest.approx(expected, abs=2e-6)
    assert not (found == expected).all()
