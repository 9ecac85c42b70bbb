import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from safetensors.torch import load_file, save_file

from dataset_schema import Bucket
from modeling.encoders import LatentGeometry
from modeling.encoders.cogvideox_autoencoder import CogVideoXAutoencoder
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import SCALING_FACTOR, TILE, TinyCheckpoints

Render = Callable[[Bucket], torch.Tensor]


@pytest.fixture(scope="module")
def folder(paper_checkpoints: TinyCheckpoints) -> Path:
    return paper_checkpoints.autoencoder / "vae"


@pytest.fixture(scope="module")
def autoencoder(folder: Path) -> CogVideoXAutoencoder:
    return CogVideoXAutoencoder(folder, precision=Precision.FLOAT32)


def load_theirs(folder: Path) -> Any:
    network_class: Any = AutoencoderKLCogVideoX
    return network_class.from_pretrained(folder, local_files_only=True).eval()


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return load_theirs(folder)


def as_theirs(video: torch.Tensor) -> torch.Tensor:
    return video.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def changed_copy(folder: Path, copy: Path, **changes: object) -> Path:
    """The checkpoint with other values in its config; None removes one."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    config = {name: value for name, value in {**config, **changes}.items() if value is not None}
    (copy / "config.json").write_text(json.dumps(config))
    return copy


@pytest.mark.parametrize("frames", [1, 5, 9, 13, 17, 49, 121])
def test_4k_plus_1_frames_become_k_plus_1_latents_and_come_back(
    autoencoder: CogVideoXAutoencoder, moving_shape: Render, frames: int
) -> None:
    bucket = Bucket(frames, 16, 32)
    video = moving_shape(bucket)

    latents = autoencoder.encode(video)
    decoded = autoencoder.decode(latents)

    assert latents.shape == (1, 16, *LatentGeometry().shape(bucket))
    assert (decoded.shape, decoded.dtype) == (video.shape, torch.uint8)


def test_latents_are_the_scaled_mean_that_diffusers_finds(
    autoencoder: CogVideoXAutoencoder, theirs: Any, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(17, 32, 48))

    latents = autoencoder.encode(video)

    with torch.no_grad():
        expected = theirs.encode(as_theirs(video)).latent_dist.mode() * SCALING_FACTOR
    torch.testing.assert_close(latents, expected, atol=1e-6, rtol=1e-6)


def test_the_decoded_video_is_the_one_of_diffusers_clamped(autoencoder: CogVideoXAutoencoder, theirs: Any) -> None:
    latents = 20 * torch.randn(1, 16, 5, 4, 6, generator=torch.Generator().manual_seed(0))

    decoded = autoencoder.decode(latents)

    with torch.no_grad():
        pixels = theirs.decode(latents / SCALING_FACTOR).sample.permute(0, 2, 3, 4, 1)
    assert pixels.min() < -1
    assert pixels.max() > 1
    assert torch.equal(decoded, ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8))


def test_an_even_number_of_latents_is_decoded_as_if_the_last_were_held(
    autoencoder: CogVideoXAutoencoder, theirs: Any
) -> None:
    latents = torch.randn(1, 16, 2, 4, 6, generator=torch.Generator().manual_seed(0))

    decoded = autoencoder.decode(latents)

    held = torch.cat([latents, latents[:, :, 1:]], dim=2)
    with torch.no_grad():
        assert theirs.decode(latents).sample.shape[2] == 8  # the reason: five frames are wanted
    assert torch.equal(decoded, autoencoder.decode(held)[:, :5])


def test_the_scaling_factor_is_the_checkpoints_own(folder: Path, tmp_path: Path, moving_shape: Render) -> None:
    video = moving_shape(Bucket(9, 16, 16))
    doubled = changed_copy(folder, tmp_path / "doubled", scaling_factor=2 * SCALING_FACTOR)

    before, after = (CogVideoXAutoencoder(path, precision=Precision.FLOAT32) for path in (folder, doubled))

    torch.testing.assert_close(after.encode(video), 2 * before.encode(video))
    assert torch.equal(after.decode(2 * before.encode(video)), before.decode(before.encode(video)))


def test_a_shift_is_taken_off_and_put_back(folder: Path, tmp_path: Path, moving_shape: Render) -> None:
    video = moving_shape(Bucket(9, 16, 16))
    shifted = changed_copy(folder, tmp_path / "shifted", shift_factor=0.5)

    before, after = (CogVideoXAutoencoder(path, precision=Precision.FLOAT32) for path in (folder, shifted))

    torch.testing.assert_close(after.encode(video), before.encode(video) - 0.5 * SCALING_FACTOR)
    assert torch.equal(after.decode(after.encode(video)), before.decode(before.encode(video)))


def test_a_checkpoint_that_does_not_say_its_scaling_factor_is_refused(folder: Path, tmp_path: Path) -> None:
    silent = changed_copy(folder, tmp_path / "silent", scaling_factor=None)

    with pytest.raises(ValueError, match=r"config\.json has no scaling_factor"):
        CogVideoXAutoencoder(silent, precision=Precision.FLOAT32)


def test_no_latent_sees_a_frame_of_a_later_chunk(autoencoder: CogVideoXAutoencoder, moving_shape: Render) -> None:
    video = moving_shape(Bucket(17, 32, 48))
    changed = video.clone()
    changed[:, 9:] = 255 - changed[:, 9:]

    before, after = autoencoder.encode(video), autoencoder.encode(changed)

    assert torch.equal(before[:, :, :3], after[:, :, :3])
    assert (before[:, :, 3:] != after[:, :, 3:]).any()


def test_the_first_chunk_is_nine_frames(autoencoder: CogVideoXAutoencoder, moving_shape: Render) -> None:
    video = moving_shape(Bucket(17, 32, 48))

    whole, first = autoencoder.encode(video), autoencoder.encode(video[:, :9])

    torch.testing.assert_close(whole[:, :, :3], first, atol=1e-6, rtol=0)


def test_a_clip_is_the_same_alone_and_in_a_batch(autoencoder: CogVideoXAutoencoder, moving_shape: Render) -> None:
    video = moving_shape(Bucket(9, 16, 32))
    clips = torch.cat([video, 255 - video])

    latents = autoencoder.encode(clips)

    assert torch.equal(latents[1:], autoencoder.encode(255 - video))
    assert torch.equal(autoencoder.decode(latents)[1:], autoencoder.decode(latents[1:]))


def test_frames_of_the_checkpoints_own_size_are_not_tiled(
    autoencoder: CogVideoXAutoencoder, theirs: Any, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(5, *TILE))

    latents = autoencoder.encode(video)

    with torch.no_grad():
        expected = theirs.encode(as_theirs(video)).latent_dist.mode() * SCALING_FACTOR
    torch.testing.assert_close(latents, expected, atol=1e-6, rtol=1e-6)


def test_larger_frames_are_tiled_in_space_and_not_in_time(
    autoencoder: CogVideoXAutoencoder, folder: Path, moving_shape: Render
) -> None:
    tiled = load_theirs(folder)
    tiled.enable_tiling(*TILE)
    video = moving_shape(Bucket(17, 64, 96))

    latents = autoencoder.encode(video)
    decoded = autoencoder.decode(latents)

    corner = autoencoder.encode(video[:, :, : TILE[0], : TILE[1]])
    assert torch.equal(latents[..., :5, :8], corner[..., :5, :8])  # up to the overlap, no other tile is seen
    torch.testing.assert_close(latents[:, :, :3], autoencoder.encode(video[:, :9]), atol=1e-6, rtol=0)
    with torch.no_grad():
        expected = tiled.encode(as_theirs(video)).latent_dist.mode()
        pixels = tiled.decode(expected).sample.permute(0, 2, 3, 4, 1).clamp(-1, 1)
    torch.testing.assert_close(latents, expected * SCALING_FACTOR, atol=1e-6, rtol=1e-6)
    assert decoded.shape == video.shape
    assert (decoded - (pixels + 1) * 127.5).abs().max() < 0.51


def test_half_the_memory_gives_nearly_the_same_latents(
    autoencoder: CogVideoXAutoencoder, folder: Path, moving_shape: Render
) -> None:
    video = moving_shape(Bucket(9, 32, 48))
    half = CogVideoXAutoencoder(folder, precision=Precision.BFLOAT16)

    latents = half.encode(video)

    exact = autoencoder.encode(video)
    assert {parameter.dtype for parameter in half.parameters()} == {torch.bfloat16}
    assert latents.dtype == torch.float32
    assert 0 < (latents - exact).norm() < 0.02 * exact.norm()


def test_nothing_of_it_is_trained(autoencoder: CogVideoXAutoencoder, moving_shape: Render) -> None:
    latents = autoencoder.encode(moving_shape(Bucket(1, 16, 16)))

    assert not any(parameter.requires_grad for parameter in autoencoder.parameters())
    assert not any(module.training for module in autoencoder.network().modules())
    assert not latents.requires_grad


@pytest.mark.parametrize("shape", [(1, 8, 16, 16, 3), (1, 18, 16, 16, 3), (1, 9, 12, 16, 3)])
def test_refuses_a_size_that_the_geometry_does_not_fit(
    autoencoder: CogVideoXAutoencoder, shape: tuple[int, ...]
) -> None:
    video = torch.zeros(shape, dtype=torch.uint8)

    with pytest.raises(ValueError, match=rf"video is {shape[1]}x{shape[2]}x{shape[3]}, expected 4k \+ 1 frames"):
        autoencoder.encode(video)


def test_refuses_an_autoencoder_of_another_geometry(folder: Path, tmp_path: Path) -> None:
    other = changed_copy(folder, tmp_path / "other", latent_channels=8)

    with pytest.raises(ValueError, match=r"per latent \(8, 4, 8\), expected \(16, 4, 8\)"):
        CogVideoXAutoencoder(other, precision=Precision.FLOAT32)


@pytest.mark.parametrize("has_other_size", [False, True])
def test_refuses_a_checkpoint_that_lacks_weights_or_has_them_in_another_size(
    folder: Path, tmp_path: Path, *, has_other_size: bool
) -> None:
    copy = changed_copy(folder, tmp_path / "copy")
    path = copy / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    bias = weights.pop("decoder.conv_in.conv.bias")
    if has_other_size:
        weights["decoder.conv_in.conv.bias"] = bias[:-1].clone()
    save_file(weights, path, metadata={"format": "pt"})

    with pytest.raises(ValueError, match=r"lack decoder\.conv_in\.conv\.bias, .*of a whole AutoencoderKLCogVideoX"):
        CogVideoXAutoencoder(copy, precision=Precision.FLOAT32).network()


def test_the_version_follows_the_content_of_the_checkpoint_and_the_precision(folder: Path, tmp_path: Path) -> None:
    moved = changed_copy(folder, tmp_path / "moved")
    (moved / "config.json").write_bytes((folder / "config.json").read_bytes())
    rescaled = changed_copy(folder, tmp_path / "rescaled", scaling_factor=1.0)
    retrained = changed_copy(moved, tmp_path / "retrained")
    (retrained / "config.json").write_bytes((folder / "config.json").read_bytes())
    path = retrained / "diffusion_pytorch_model.safetensors"
    save_file({name: value + 1e-3 for name, value in load_file(path).items()}, path, metadata={"format": "pt"})

    versions = [
        CogVideoXAutoencoder(path, precision=precision).version
        for path, precision in [
            (folder, Precision.FLOAT32),
            (moved, Precision.FLOAT32),
            (folder, Precision.BFLOAT16),
            (rescaled, Precision.FLOAT32),
            (retrained, Precision.FLOAT32),
        ]
    ]

    assert versions[0] == versions[1]
    assert len(set(versions)) == 4
