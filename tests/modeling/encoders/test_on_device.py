"""The paper's encoders on a device in bfloat16, as training has them, against float32 on a CPU.

Each test runs on the CPU by default, and on a GPU with `make test-gpu`.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor

from dataset_schema import Bucket
from modeling.encoders import Encoders
from modeling.encoders.vision_patches import ImageKind
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints

# Each of the two networks' few layers rounds to 2^-9.
_MOST = 0.03


def build(checkpoints: TinyCheckpoints, kind: ImageKind, device: str, precision: Precision) -> Encoders:
    encoders = replace(checkpoints.config(kind), precision=precision).build()
    encoders.to(torch.device(device))
    return encoders


def both(checkpoints: TinyCheckpoints, device: str, kind: ImageKind = ImageKind.DINOV2) -> tuple[Encoders, Encoders]:
    """On the device in bfloat16, and on the CPU in float32."""
    return (
        build(checkpoints, kind, device, Precision.BFLOAT16),
        build(checkpoints, kind, "cpu", Precision.FLOAT32),
    )


def expect_near(found: Tensor, expected: Tensor, device: str) -> None:
    """Rounded, but not far off, in float32, where it was asked for."""
    assert found.device.type == device
    assert found.dtype == torch.float32
    assert 0 < (found.cpu() - expected).norm() < _MOST * expected.norm()


def test_the_autoencoder_encodes_and_decodes(
    paper_checkpoints: TinyCheckpoints, device: str, moving_shape: Callable[[Bucket], Tensor]
) -> None:
    small, exact = (encoders.autoencoder for encoders in both(paper_checkpoints, device))
    video = moving_shape(Bucket(9, 32, 48))

    latents, expected = small.encode(video.to(device)), exact.encode(video)
    decoded = small.decode(expected.to(device))

    expect_near(latents, expected, device)
    assert decoded.device.type == device
    assert (decoded.cpu().int() - exact.decode(expected).int()).abs().float().mean() < 2  # of 255


def test_the_text_encoder_encodes_texts_of_different_lengths(paper_checkpoints: TinyCheckpoints, device: str) -> None:
    small, exact = (encoders.text for encoders in both(paper_checkpoints, device))
    texts = ["A red ball moves right over the meadow.", "A box."]

    for found, expected in zip(small.encode(texts), exact.encode(texts), strict=True):
        assert found.spans == expected.spans
        expect_near(found.embeddings, expected.embeddings, device)


@pytest.mark.parametrize("kind", list(ImageKind))
def test_the_image_encoder_encodes_pictures(paper_checkpoints: TinyCheckpoints, device: str, kind: ImageKind) -> None:
    small, exact = (encoders.image for encoders in both(paper_checkpoints, device, kind))
    pictures = [Image.linear_gradient("L").convert("RGB"), Image.new("RGBA", (30, 20), "red")]

    found, expected = (encoder.encode(pictures) for encoder in (small, exact))

    assert found.shape == (2, 16, 64)
    expect_near(found, expected, device)
