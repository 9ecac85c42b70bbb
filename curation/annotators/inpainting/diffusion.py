"""A loaded inpainting pipeline of `diffusers`, and pictures as it wants them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from PIL import Image as Pillow

from curation.annotators.checkpoints import library
from curation.annotators.device import Device
from curation.annotators.protocols import Hole
from curation.annotators.tensors import check_finite, dtype_of
from curation.records import Image
from curation.stage import ClipError
from dataset_schema import FailureKind
from storage.checkpoints import load_whole

# Where a pipeline's networks lie in its folder, the classes that read them, and what those call the precision.
_NETWORKS: Final = {
    "unet": ("diffusers", "UNet2DConditionModel", "torch_dtype"),
    "vae": ("diffusers", "AutoencoderKL", "torch_dtype"),
    "text_encoder": ("transformers", "CLIPTextModel", "dtype"),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InpaintingPipeline:
    """The pipeline on its device; `name` is how errors call it."""

    pipeline: Any
    name: str

    @classmethod
    def load(cls, folder: Path, device: Device, *, kind: str, name: str) -> "InpaintingPipeline":
        """Without a safety checker: what it suspects it paints black.

        Raises:
            ValueError: a network lacks weights.
        """
        for package in ("diffusers", "transformers"):
            library(package).utils.logging.disable_progress_bar()  # a library draws none
        pipeline = getattr(library("diffusers"), kind).from_pretrained(
            folder,
            **{part: _network(folder, part, dtype_of(device)) for part in _NETWORKS},
            safety_checker=None,
            requires_safety_checker=False,
            feature_extractor=None,
            local_files_only=True,
        )
        pipeline.set_progress_bar_config(disable=True)
        return cls(pipeline=pipeline.to(device.name), name=name)

    @torch.inference_mode()
    def paint(self, holes: Sequence[Hole], *, side: int, options: Mapping[str, Any]) -> list[Image]:
        """The whole pictures as the network paints them in a square, stretched back to their sizes.

        Raises:
            ClipError: it gives NaN, or paints a picture black that is not.
        """
        pixels: torch.Tensor = self.pipeline(
            image=[_squeeze(hole, side) for hole in holes],
            mask_image=[_squeeze_mask(hole, side) for hole in holes],
            height=side,
            width=side,
            generator=[_noise(hole) for hole in holes],
            output_type="pt",
            **options,
        ).images
        check_finite(pixels, f"pictures painted by {self.name}")
        squares = (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        for hole, square in zip(holes, squares, strict=True):
            if not square.any() and hole.image.any():
                raise ClipError(
                    FailureKind.ANNOTATOR,
                    f"{self.name} painted a picture of {hole.mask.shape} pixels all black; try precision float32, and "
                    "check that the checkpoint is whole",
                )
        return [_stretch(square, hole) for hole, square in zip(holes, squares, strict=True)]


def _network(folder: Path, part: str, dtype: torch.dtype) -> Any:
    package, name, keyword = _NETWORKS[part]
    return load_whole(getattr(library(package), name), folder / part, **{keyword: dtype})


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
