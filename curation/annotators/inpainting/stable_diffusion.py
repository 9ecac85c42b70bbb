"""Paints regions out with Stable Diffusion's inpainting model through `diffusers`, like the paper (3.1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import torch
from PIL import Image as Pillow

from curation.annotators.checkpoints import Device, check_finite, describe_checkpoint, library
from curation.annotators.protocols import Hole
from curation.records import Image
from curation.stage import ClipError, Resources
from dataset_schema import Annotator, FailureKind
from storage.checkpoints import checkpoint_parts, expect_weights, load_whole

_PIPELINE: Final = "StableDiffusionInpaintPipeline"

# Where a pipeline's networks lie in its folder, the classes that read them, and what those call the precision.
_NETWORKS: Final = {
    "unet": ("diffusers", "UNet2DConditionModel", "torch_dtype"),
    "vae": ("diffusers", "AutoencoderKL", "torch_dtype"),
    "text_encoder": ("transformers", "CLIPTextModel", "dtype"),
}
_OTHER_PARTS: Final = ("tokenizer", "scheduler")

# Noise, mask and masked picture: 4 + 1 + 4. A model with 4 has never seen a hole.
_INPAINTING_CHANNELS: Final = 9

# Autoencoders halve pictures three times.
_SIDE_STEP: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class StableDiffusionConfig:
    """How a hole is painted.

    Attributes:
        checkpoint: a folder in the format of `diffusers`, or a name on the Hugging Face hub: the model of the authors'
            benchmark code. Its first publisher has taken it down; this is the community's copy.
        prompt: where the caption has no background word. The authors' benchmark code says it for every picture; the
            paper gives the background word.
        negative_prompt: what not to paint (3.1).
        guidance_scale: of the authors' benchmark code.
        steps: of denoising. Our choice: the pipeline's own default.
        side: pixels of the square to which pictures are squeezed, whatever their shape, as in the authors' benchmark
            code; the painted picture is stretched back. Keeping the shape would take sizes that the model was not
            trained at.
    """

    profile: Literal["stable_diffusion"] = "stable_diffusion"
    checkpoint: str = "sd2-community/stable-diffusion-2-inpainting"
    prompt: str = "clean and empty background"
    negative_prompt: str = "Any human or any object, complex pattern, and texture"
    guidance_scale: float = 12.0
    steps: int = 50
    side: int = 512
    device: Device = field(default_factory=lambda: Device(gpu_memory_gib=12.0, memory_gib=8.0, precision="float16"))

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}, expected at least 1")
        if self.side < _SIDE_STEP or self.side % _SIDE_STEP:
            raise ValueError(f"side is {self.side}, expected a multiple of {_SIDE_STEP}")


class StableDiffusionInpainter:
    """An `Inpainter` whose noise is drawn from the picture, so that a run repeats whatever its batches are."""

    def __init__(self, config: StableDiffusionConfig) -> None:
        self._config = config
        self._pipeline: Any = None

    def describe(self) -> Annotator:
        """The checkpoint, and one hash over its networks, tokenizer and scheduler.

        Raises:
            FileNotFoundError: a part is not there.
            ValueError: it is another pipeline.
        """
        folder = self._folder()
        _check_pipeline(folder)
        return describe_checkpoint("inpaint", self._config.checkpoint, [folder / part for part in _parts()])

    @property
    def resources(self) -> Resources:
        """The device's. A clip takes seconds on a GPU, and minutes without one."""
        return self._config.device.resources(timeout_s=600.0)

    def load(self) -> None:
        """Load the pipeline, without a safety checker: what it suspects it paints black. Idempotent.

        Raises:
            FileNotFoundError: a part is missing, or its weights are no safetensors.
            ValueError: it is another pipeline, or lacks weights.
        """
        if self._pipeline is not None:
            return
        folder = self._folder()
        _check_pipeline(folder)
        for package in ("diffusers", "transformers"):
            library(package).utils.logging.disable_progress_bar()  # a library draws none
        pipeline = getattr(library("diffusers"), _PIPELINE).from_pretrained(
            folder,
            **{part: _network(folder, part, self._config.device.dtype) for part in _NETWORKS},
            safety_checker=None,
            requires_safety_checker=False,
            feature_extractor=None,
            local_files_only=True,
        )
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline.to(self._config.device.name)

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        """The pictures with their holes painted; everything else stays bit for bit.

        Raises:
            ValueError: image and mask differ in size.
            ClipError: the network gives NaN, or paints a picture black that is not.
        """
        self.load()
        filled = [hole.image.copy() for hole in holes]
        asked = [(hole, image) for hole, image in zip(holes, filled, strict=True) if _has_hole(hole)]
        size = self._config.device.batch_size
        for batch in (asked[i : i + size] for i in range(0, len(asked), size)):
            painted = self._paint([hole for hole, _ in batch])
            for (hole, image), square in zip(batch, painted, strict=True):
                image[hole.mask] = _stretch(square, hole)[hole.mask]
        return filled

    @torch.inference_mode()
    def _paint(self, holes: Sequence[Hole]) -> list[Image]:
        """The whole pictures as the network paints them, still square."""
        config = self._config
        pixels: torch.Tensor = self._pipeline(
            prompt=[hole.background_word or config.prompt for hole in holes],
            negative_prompt=[config.negative_prompt] * len(holes),
            image=[_squeeze(hole, config.side) for hole in holes],
            mask_image=[_squeeze_mask(hole, config.side) for hole in holes],
            height=config.side,
            width=config.side,
            num_inference_steps=config.steps,
            guidance_scale=config.guidance_scale,
            generator=[_noise(hole) for hole in holes],
            output_type="pt",
        ).images
        check_finite(pixels, f"pictures painted by {config.checkpoint}")
        squares = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        for hole, square in zip(holes, squares, strict=True):
            if not square.any() and hole.image.any():
                raise ClipError(
                    FailureKind.ANNOTATOR,
                    f"{config.checkpoint} painted a picture of {hole.mask.shape} pixels all black; try precision "
                    "float32, and check that the checkpoint is whole",
                )
        return list(squares)

    def _folder(self) -> Path:
        """The pipeline's folder, with all its parts."""
        folder = checkpoint_parts(self._config.checkpoint, [".", *_parts()])
        for part in _NETWORKS:
            expect_weights(folder / part)
        for part in _OTHER_PARTS:
            if not (folder / part).is_dir():
                raise FileNotFoundError(f"{folder} has no folder {part}, expected a complete {_PIPELINE}")
        return folder


def _parts() -> tuple[str, ...]:
    return (*_NETWORKS, *_OTHER_PARTS)


def _check_pipeline(folder: Path) -> None:
    index, unet = folder / "model_index.json", folder / "unet" / "config.json"
    for path in (index, unet):
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist; expected the folder of a complete {_PIPELINE}")
    found = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    if found != _PIPELINE:
        raise ValueError(f"{index} has _class_name {found!r}, expected {_PIPELINE!r}")
    channels = json.loads(unet.read_text(encoding="utf-8")).get("in_channels")
    if channels != _INPAINTING_CHANNELS:
        raise ValueError(f"{unet} has in_channels {channels}, expected {_INPAINTING_CHANNELS}: a model for inpainting")


def _network(folder: Path, part: str, dtype: torch.dtype) -> Any:
    package, name, keyword = _NETWORKS[part]
    return load_whole(getattr(library(package), name), folder / part, **{keyword: dtype})


def _has_hole(hole: Hole) -> bool:
    if hole.image.shape[:2] != hole.mask.shape:
        raise ValueError(
            f"image is {hole.image.shape[:2]} and mask {hole.mask.shape}, expected the same height and width"
        )
    return bool(hole.mask.any())


def _squeeze(hole: Hole, side: int) -> Pillow.Image:
    return Pillow.fromarray(hole.image).resize((side, side), Pillow.Resampling.BICUBIC)


def _squeeze_mask(hole: Hole, side: int) -> Pillow.Image:
    """White where the square touches the hole at all."""
    touched = cv2.resize(hole.mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) > 0
    return Pillow.fromarray(touched.astype(np.uint8) * 255)


def _stretch(square: Image, hole: Hole) -> Image:
    height, width = hole.mask.shape
    return np.asarray(Pillow.fromarray(square).resize((width, height), Pillow.Resampling.BICUBIC))


def _noise(hole: Hole) -> torch.Generator:
    """Drawn on the CPU, where every device finds the same numbers."""
    digest = sha256(hole.image.tobytes() + hole.mask.tobytes()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
