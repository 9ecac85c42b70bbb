from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from torch.nn.functional import interpolate

from dataset_schema import Bucket
from modeling.encoders import LatentGeometry
from modeling.encoders.dct_codec import COEFFICIENTS, DctCodec

BUCKET = Bucket(17, 64, 112)


Render = Callable[[Bucket], torch.Tensor]


def psnr_db(found: torch.Tensor, expected: torch.Tensor) -> float:
    error = (found.double() - expected.double()).pow(2).mean() / 255**2
    return float(-10 * torch.log10(error))


def test_the_sixteen_coefficients_are_orthonormal() -> None:
    basis = DctCodec().basis.double()

    torch.testing.assert_close(basis @ basis.T, torch.eye(16, dtype=torch.float64), atol=1e-6, rtol=0)


def test_a_group_of_four_frames_has_the_coefficients_that_scipy_finds(moving_shape: Render) -> None:
    video = moving_shape(BUCKET)
    codec = DctCodec()

    latents = codec.encode(video)

    colors = codec.basis.new_tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]]).double()
    colors = colors / colors.norm(dim=1, keepdim=True)
    pixels = (video[0, 5:9, 24:32, 48:56].double() / 127.5 - 1) @ colors.T
    expected = dctn(pixels.numpy(), axes=(0, 1, 2), norm="ortho")
    for channel, c in enumerate(COEFFICIENTS):
        found = latents[0, channel, 2, 3, 6] * c.deviation
        assert found == pytest.approx(expected[c.time, c.y, c.x, c.color], abs=1e-4)


@pytest.mark.parametrize("frames", [1, 5, 17])
def test_4k_plus_1_frames_become_k_plus_1_latents_and_come_back(frames: int, moving_shape: Render) -> None:
    bucket = Bucket(frames, 32, 48)
    video = moving_shape(bucket)

    latents = DctCodec().encode(video)

    assert latents.shape == (1, 16, *LatentGeometry().shape(bucket))
    assert DctCodec().decode(latents).shape == video.shape


def test_round_trip_keeps_a_moving_shape_recognisable(moving_shape: Render) -> None:
    video = moving_shape(BUCKET)

    decoded = DctCodec().decode(DctCodec().encode(video))

    assert psnr_db(decoded, video) > 26


def test_a_still_grey_video_survives_exactly() -> None:
    video = torch.full((1, 9, 16, 16, 3), 77, dtype=torch.uint8)

    decoded = DctCodec().decode(DctCodec().encode(video))

    assert torch.equal(decoded, video)


def test_no_latent_sees_a_later_frame(moving_shape: Render) -> None:
    video = moving_shape(BUCKET)
    changed = video.clone()
    changed[:, 9:] = 255 - changed[:, 9:]

    before, after = DctCodec().encode(video), DctCodec().encode(changed)

    assert torch.equal(before[:, :, :3], after[:, :, :3])
    assert not torch.equal(before[:, :, 3:], after[:, :, 3:])


def test_latents_of_smooth_clips_of_mild_color_have_roughly_unit_variance() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (8, 1, 5, 4, 7)) + rng.integers(-40, 41, (8, 3, 5, 4, 7))
    clips = interpolate(torch.from_numpy(coarse).float(), size=(17, 64, 112), mode="trilinear")

    latents = DctCodec().encode(clips.permute(0, 2, 3, 4, 1).round().to(torch.uint8))

    assert 0.5 < latents.std() < 1.2


@pytest.mark.parametrize("shape", [(1, 8, 16, 16, 3), (1, 9, 12, 16, 3)])
def test_refuses_a_size_that_the_geometry_does_not_fit(shape: tuple[int, ...]) -> None:
    video = torch.zeros(shape, dtype=torch.uint8)

    with pytest.raises(ValueError, match=r"expected 4k \+ 1 frames"):
        DctCodec().encode(video)


def test_the_version_changes_with_the_latents(monkeypatch: pytest.MonkeyPatch, moving_shape: Render) -> None:
    video = moving_shape(Bucket(5, 16, 16))
    before, latents = DctCodec().version, DctCodec().encode(video)

    monkeypatch.setattr("modeling.encoders.dct_codec.COEFFICIENTS", COEFFICIENTS[::-1])
    reversed_codec = DctCodec()

    assert not torch.equal(reversed_codec.encode(video), latents)
    assert reversed_codec.version != before
