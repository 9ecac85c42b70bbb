import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, CLIPVisionModel, Dinov2Model

from modeling.encoders.vision_patches import ImageKind, VisionPatches
from modeling.model.precision import Precision
from tests.modeling.encoders.tiny_checkpoints import CHANNELS, IMAGE_SIDE, PATCH_SIDE, TinyCheckpoints

KINDS = list(ImageKind)
# Of three blocks: DINOv2 is read after the last, CLIP after the last but one (24 and 23 of 24 in Table 5).
BLOCK = {ImageKind.DINOV2: 3, ImageKind.CLIP: 2}
THEIRS: dict[ImageKind, Any] = {ImageKind.DINOV2: Dinov2Model, ImageKind.CLIP: CLIPVisionModel}


def folder_of(checkpoints: TinyCheckpoints, kind: ImageKind) -> Path:
    return checkpoints.dinov2 if kind is ImageKind.DINOV2 else checkpoints.clip


def load(
    folder: Path,
    kind: ImageKind,
    *,
    image_side: int = IMAGE_SIDE,
    patch_side: int = PATCH_SIDE,
    channels: int = CHANNELS,
    precision: Precision = Precision.FLOAT32,
) -> VisionPatches:
    return VisionPatches(
        folder, kind=kind, image_side=image_side, patch_side=patch_side, channels=channels, precision=precision
    )


def noise_image(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGE_SIDE, IMAGE_SIDE, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_the_patch_tokens_that_transformers_finds(
    paper_checkpoints: TinyCheckpoints, kind: ImageKind
) -> None:
    folder = folder_of(paper_checkpoints, kind)
    images = [noise_image(0), noise_image(1)]

    tokens = load(folder, kind).encode(images)

    processors: Any = AutoImageProcessor
    processor = processors.from_pretrained(folder, backend="pil", local_files_only=True)
    pixels = processor(images, do_resize=False, do_center_crop=False, return_tensors="pt").pixel_values
    network = THEIRS[kind].from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        states = network(pixel_values=pixels, output_hidden_states=True).hidden_states
    assert len(states) == 4
    assert tokens.shape == (2, (IMAGE_SIDE // PATCH_SIDE) ** 2, CHANNELS)
    torch.testing.assert_close(tokens, states[BLOCK[kind]][:, 1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_the_same_alone_and_among_many(
    paper_checkpoints: TinyCheckpoints, kind: ImageKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modeling.encoders.vision_patches._IMAGES_AT_ONCE", 2)
    encoder = load(folder_of(paper_checkpoints, kind), kind)
    images = [noise_image(seed) for seed in range(5)]

    tokens = encoder.encode(images)

    for image, expected in zip(images, tokens, strict=True):
        torch.testing.assert_close(encoder.encode([image])[0], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_transparent_pixels_are_white_and_the_whole_image_is_seen(
    paper_checkpoints: TinyCheckpoints, kind: ImageKind
) -> None:
    encoder = load(folder_of(paper_checkpoints, kind), kind)
    cut_out = Image.new("RGBA", (2 * IMAGE_SIDE, IMAGE_SIDE), (255, 0, 0, 0))
    cut_out.paste((0, 0, 255, 255), (0, 0, IMAGE_SIDE, IMAGE_SIDE))
    on_white = Image.new("RGB", (2 * IMAGE_SIDE, 2 * IMAGE_SIDE), (255, 255, 255))
    on_white.paste((0, 0, 255), (0, IMAGE_SIDE // 2, IMAGE_SIDE, IMAGE_SIDE + IMAGE_SIDE // 2))

    tokens = encoder.encode([cut_out, on_white])

    torch.testing.assert_close(tokens[0], tokens[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_normalisation_is_the_checkpoints_own(
    paper_checkpoints: TinyCheckpoints, kind: ImageKind, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder_of(paper_checkpoints, kind), copy)
    path = copy / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}))

    tokens = load(copy, kind).encode([noise_image(0)])

    network = THEIRS[kind].from_pretrained(copy, local_files_only=True).eval()
    pixels = torch.from_numpy(np.array(noise_image(0))).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        states = network(pixel_values=pixels, output_hidden_states=True).hidden_states
    torch.testing.assert_close(tokens, states[BLOCK[kind]][:, 1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_memory_gives_nearly_the_same_tokens(paper_checkpoints: TinyCheckpoints, kind: ImageKind) -> None:
    folder = folder_of(paper_checkpoints, kind)

    half = load(folder, kind, precision=Precision.BFLOAT16).encode([noise_image(0)])

    exact = load(folder, kind).encode([noise_image(0)])
    assert half.dtype == torch.float32
    assert 0 < (half - exact).norm() < 0.03 * exact.norm()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_it_is_trained(paper_checkpoints: TinyCheckpoints, kind: ImageKind) -> None:
    encoder = load(folder_of(paper_checkpoints, kind), kind)

    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(module.training for module in encoder.network().modules())
    assert not encoder.encode([noise_image(0)]).requires_grad


@pytest.mark.parametrize(
    ("kind", "expected", "problem"),
    [
        (ImageKind.DINOV2, {"kind": ImageKind.CLIP}, "dinov2 is a dinov2, the config has image_kind clip"),
        (ImageKind.CLIP, {"kind": ImageKind.DINOV2}, "clip is a clip, the config has image_kind dinov2"),
        (ImageKind.CLIP, {"channels": 1024}, "clip has 64 channels, the config has image_channels 1024"),
        (ImageKind.DINOV2, {"patch_side": 16}, "dinov2 has patches of 8 pixels, the config has patch_side 16"),
        (ImageKind.CLIP, {"image_side": 64}, "clip reads 32 pixels, the config has image_side 64"),
    ],
)
def test_refuses_a_checkpoint_that_is_not_what_the_config_says(
    paper_checkpoints: TinyCheckpoints, kind: ImageKind, expected: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        load(folder_of(paper_checkpoints, kind), **{"kind": kind, **expected})


def test_a_checkpoint_of_the_image_half_of_clip_alone_is_read(
    paper_checkpoints: TinyCheckpoints, tmp_path: Path
) -> None:
    CLIPVisionModel.from_pretrained(paper_checkpoints.clip, local_files_only=True).save_pretrained(tmp_path)
    shutil.copy(paper_checkpoints.clip / "preprocessor_config.json", tmp_path)

    tokens = load(tmp_path, ImageKind.CLIP).encode([noise_image(0)])

    assert torch.equal(tokens, load(paper_checkpoints.clip, ImageKind.CLIP).encode([noise_image(0)]))


def test_of_a_prepared_picture_the_tokens_are_those_of_the_picture(paper_checkpoints: TinyCheckpoints) -> None:
    encoder = load(paper_checkpoints.dinov2, ImageKind.DINOV2)
    picture = noise_image(0).resize((40, 90)).convert("RGBA")
    picture.putalpha(noise_image(1).resize((40, 90)).convert("L"))

    assert torch.equal(encoder.encode([encoder.prepare(picture)]), encoder.encode([picture]))
