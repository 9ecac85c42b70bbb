"""Stable Diffusion's inpainting: a tiny random pipeline, saved by diffusers and compared with calling it directly."""

import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image as Picture
from safetensors.torch import load_file, save_file

from curation.annotators.device import Device
from curation.annotators.inpainting import diffusion
from curation.annotators.inpainting.stable_diffusion import StableDiffusionConfig, StableDiffusionInpainter
from curation.annotators.protocols import Hole
from curation.records import Image, Mask
from curation.stage import ClipError
from dataset_schema import FailureKind
from tests.curation.annotators.tiny_reference_checkpoints import save_tiny_inpainting
from tests.curation.moving_scenes import texture

SIDE, STEPS = 64, 3
NEGATIVE_PROMPT = "Any human or any object, complex pattern, and texture"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a pipeline that no test changes."""
    return save_tiny_inpainting(tmp_path_factory.mktemp("whole") / "inpainting")


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    return save_tiny_inpainting(tmp_path / "inpainting")


def inpainter(folder: Path, batch_size: int = 4) -> StableDiffusionInpainter:
    device = Device(name="cpu", precision="float32", batch_size=batch_size)
    return StableDiffusionInpainter(
        StableDiffusionConfig(checkpoint=str(folder), side=SIDE, steps=STEPS, device=device)
    )


def picture(height: int, width: int, seed: int = 1) -> Image:
    return texture(height, width, (120, 140, 90), seed=seed)


def box_mask(shape: tuple[int, int], x0: int, y0: int, x1: int, y1: int) -> Mask:
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def paint_directly(folder: Path, hole: Hole, prompt: str, seed: int) -> Image:
    """What diffusers itself makes of a square picture of the pipeline's size."""
    kind: Any = diffusers.StableDiffusionInpaintPipeline  # diffusers types only a part of itself
    pipeline = kind.from_pretrained(folder, safety_checker=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    painted = pipeline(
        prompt=prompt,
        negative_prompt=NEGATIVE_PROMPT,
        image=Picture.fromarray(hole.image),
        mask_image=Picture.fromarray(hole.mask.astype(np.uint8) * 255),
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=12.0,
        generator=torch.Generator().manual_seed(seed),
    )
    return np.asarray(painted.images[0])


@pytest.mark.parametrize(
    ("word", "prompt"), [("beach", "beach"), (None, "clean and empty background")], ids=["word", "no word"]
)
def test_a_hole_is_painted_as_diffusers_paints_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, word: str | None, prompt: str
) -> None:
    hole = Hole(picture(SIDE, SIDE), box_mask((SIDE, SIDE), 16, 8, 40, 48), word)
    monkeypatch.setattr(
        "curation.annotators.inpainting.diffusion._noise", lambda hole: torch.Generator().manual_seed(1234)
    )

    (painted,) = inpainter(folder).inpaint([hole])

    expected = paint_directly(folder, hole, prompt, seed=1234)
    assert np.abs(painted[hole.mask].astype(int) - expected[hole.mask]).max() <= 1
    assert np.array_equal(painted[~hole.mask], hole.image[~hole.mask])
    assert np.abs(painted[hole.mask].astype(int) - hole.image[hole.mask]).mean() > 10


@pytest.mark.parametrize("shape", [(90, 160), (160, 90), (30, 41), (200, 17)])
def test_pictures_of_any_shape_change_inside_the_mask_alone(folder: Path, shape: tuple[int, int]) -> None:
    image = picture(*shape)
    mask = np.random.default_rng(0).random(shape) < 0.3

    (painted,) = inpainter(folder).inpaint([Hole(image, mask)])

    assert painted.shape == image.shape
    assert np.array_equal(painted[~mask], image[~mask])
    assert (painted[mask] != image[mask]).any(axis=-1).mean() > 0.9


def test_what_lies_under_the_mask_cannot_be_seen_by_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "curation.annotators.inpainting.diffusion._noise", lambda hole: torch.Generator().manual_seed(1)
    )
    mask = box_mask((90, 160), 50, 20, 110, 70)
    image = picture(90, 160)
    other = np.where(mask[..., None], picture(90, 160, seed=7), image)

    one, two = inpainter(folder).inpaint([Hole(image, mask), Hole(other, mask)])

    # Bicubic shrinking mixes what is under the mask into the pixels next to it.
    assert np.abs(one[30:60, 65:95].astype(int) - two[30:60, 65:95]).max() <= 24


def test_a_run_repeats_whatever_its_batches_are(folder: Path) -> None:
    holes = [
        Hole(picture(60 + n, 80, seed=n), box_mask((60 + n, 80), 20, 10, 50, 40), "beach" if n % 2 else None)
        for n in range(5)
    ]

    together = inpainter(folder, batch_size=4).inpaint(holes)
    alone = [inpainter(folder, batch_size=1).inpaint([hole])[0] for hole in reversed(holes)][::-1]

    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_each_picture_and_each_mask_has_its_own_noise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noises: list[torch.Generator] = []
    tested = inpainter(folder)
    tested.load()
    drawn = diffusion._noise

    def noted(hole: Hole) -> torch.Generator:
        noises.append(drawn(hole))
        return noises[-1]

    monkeypatch.setattr(diffusion, "_noise", noted)
    mask = box_mask((40, 50), 10, 10, 30, 30)
    one, two = picture(40, 50), picture(40, 50, seed=2)

    tested.inpaint([Hole(one, mask), Hole(two, mask), Hole(one, mask[:, ::-1]), Hole(one.copy(), mask.copy())])

    seeds = [noise.initial_seed() for noise in noises]
    assert len(set(seeds[:3])) == 3
    assert seeds[3] == seeds[0]


def test_a_tiny_mask_in_a_large_picture_is_painted(folder: Path) -> None:
    image, mask = picture(700, 900), box_mask((700, 900), 431, 222, 433, 224)

    (painted,) = inpainter(folder).inpaint([Hole(image, mask)])

    assert np.array_equal(painted[~mask], image[~mask])
    assert (painted[mask] != image[mask]).any()
    assert np.asarray(diffusion._squeeze_mask(Hole(image, mask), SIDE)).any()


def test_masks_of_nothing_and_of_everything_and_single_pixels(folder: Path) -> None:
    image = picture(40, 50)
    nothing, everything = np.zeros((40, 50), bool), np.ones((40, 50), bool)
    pixel = Hole(np.full((1, 1, 3), 90, np.uint8), np.ones((1, 1), bool))

    untouched, whole, one = inpainter(folder).inpaint([Hole(image, nothing), Hole(image, everything), pixel])

    assert np.array_equal(untouched, image)
    assert untouched is not image
    assert whole.shape == image.shape
    assert one.shape == (1, 1, 3)
    assert inpainter(folder).inpaint([]) == []


def test_a_mask_of_another_size_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"image is \(40, 50\) and mask \(50, 40\)"):
        inpainter(folder).inpaint([Hole(picture(40, 50), np.ones((50, 40), bool))])


def test_a_word_of_300_characters_is_painted(folder: Path) -> None:
    (painted,) = inpainter(folder).inpaint([Hole(picture(40, 50), box_mask((40, 50), 5, 5, 20, 20), "beach " * 50)])

    assert painted.shape == (40, 50, 3)


def test_not_a_number_is_a_failure_of_the_annotator(own_folder: Path) -> None:
    change_weights(own_folder / "unet", "conv_out.bias", lambda bias: bias * torch.nan)

    with pytest.raises(ClipError, match="values are NaN") as caught:
        inpainter(own_folder).inpaint([Hole(picture(40, 50), box_mask((40, 50), 5, 5, 20, 20))])

    assert caught.value.kind is FailureKind.ANNOTATOR


def test_a_black_picture_is_a_failure_unless_it_was_black(own_folder: Path) -> None:
    change_weights(own_folder / "vae", "decoder.conv_out.bias", lambda bias: bias - 1e4)
    mask = box_mask((40, 50), 5, 5, 20, 20)

    (black,) = inpainter(own_folder).inpaint([Hole(np.zeros((40, 50, 3), np.uint8), mask)])
    with pytest.raises(ClipError, match="all black") as caught:
        inpainter(own_folder).inpaint([Hole(picture(40, 50), mask)])

    assert not black.any()
    assert caught.value.kind is FailureKind.ANNOTATOR


def test_the_pipeline_is_described_by_its_contents_without_loading_it(own_folder: Path) -> None:
    before = inpainter(own_folder).describe()
    change_weights(own_folder / "vae", "decoder.conv_out.bias", lambda bias: bias + 1)

    after = inpainter(own_folder).describe()

    assert (before.job, before.name) == ("inpaint", str(own_folder))
    assert before.weights_sha256 != after.weights_sha256


def test_a_model_that_has_never_seen_a_hole_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_inpainting(tmp_path / "text-to-image", unet_channels=4)

    with pytest.raises(ValueError, match="in_channels 4, expected 9"):
        inpainter(folder).load()


def test_another_pipeline_is_refused(own_folder: Path) -> None:
    index = own_folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "StableDiffusionPipeline"}))

    with pytest.raises(ValueError, match="_class_name 'StableDiffusionPipeline', expected"):
        inpainter(own_folder).load()


@pytest.mark.parametrize(
    ("part", "name"),
    [("unet", "conv_out.bias"), ("vae", "decoder.conv_in.weight"), ("text_encoder", "final_layer_norm.weight")],
)
def test_weights_that_are_missing_are_named(own_folder: Path, part: str, name: str) -> None:
    change_weights(own_folder / part, name, None)

    with pytest.raises(ValueError, match=f"{part} lack .*{name}, or have other sizes"):
        inpainter(own_folder).load()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_pickle_is_refused_before_a_run_starts(own_folder: Path, part: str) -> None:
    (weights,) = (own_folder / part).glob("*.safetensors")
    weights.rename(weights.with_suffix(".bin"))

    with pytest.raises(FileNotFoundError, match=rf"{part} holds .*\.bin"):
        inpainter(own_folder).describe()


@pytest.mark.parametrize("part", ["tokenizer", "scheduler"])
def test_a_pipeline_without_one_of_its_parts_is_refused(own_folder: Path, part: str) -> None:
    (own_folder / part).rename(own_folder / "elsewhere")

    with pytest.raises(FileNotFoundError, match=f"no folder {part}"):
        inpainter(own_folder).describe()


def test_sizes_that_the_autoencoder_cannot_halve_are_refused() -> None:
    with pytest.raises(ValueError, match="side is 100, expected a multiple of 8"):
        StableDiffusionConfig(side=100)
    with pytest.raises(ValueError, match="steps is 0"):
        StableDiffusionConfig(steps=0)


def change_weights(folder: Path, name: str, change: Any) -> None:
    (path,) = folder.glob("*.safetensors")
    weights = load_file(path)
    (key,) = (key for key in weights if key.endswith(name))
    value = weights.pop(key)
    save_file({**weights, **({} if change is None else {key: change(value)})}, path, metadata={"format": "pt"})
