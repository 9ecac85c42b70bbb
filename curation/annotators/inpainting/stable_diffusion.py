"""Paints regions out with Stable Diffusion's inpainting model through `diffusers`, like the paper (3.1)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from curation.annotators.checkpoints import describe_checkpoint
from curation.annotators.device import Device
from curation.annotators.protocols import Hole, Inpainter
from curation.records import Image
from curation.stage import Resources
from dataset_schema import Annotator
from storage.checkpoints import checkpoint_parts, expect_weights
from storage.configs import strict
from storage.numbers import expect_at_least

_PIPELINE: Final = "StableDiffusionInpaintPipeline"

# The parts of a pipeline that are used, each a folder in its own.
_NETWORKS: Final = ("unet", "vae", "text_encoder")
_OTHER_PARTS: Final = ("tokenizer", "scheduler")

# Noise, mask and masked picture: 4 + 1 + 4. A model with 4 has never seen a hole.
_INPAINTING_CHANNELS: Final = 9

# Autoencoders halve pictures three times.
_SIDE_STEP: Final = 8


@strict
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
        expect_at_least(0, "inpainting", self, "guidance_scale")

    def build(self) -> Inpainter:
        """The inpainter; nothing is loaded yet."""
        return StableDiffusionInpainter(self)


class _Pipeline(Protocol):
    """The pipeline once it is loaded: `diffusion.py`."""

    def paint(self, holes: Sequence[Hole], *, side: int, options: Mapping[str, Any]) -> list[Image]: ...


class StableDiffusionInpainter:
    """An `Inpainter` whose noise is drawn from the picture, so that a run repeats whatever its batches are."""

    def __init__(self, config: StableDiffusionConfig) -> None:
        self._config = config
        self._loaded: _Pipeline | None = None

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
        self._pipeline()

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        """The pictures with their holes painted; everything else stays bit for bit.

        Raises:
            ValueError: image and mask differ in size.
            ClipError: the network gives NaN, or paints a picture black that is not.
        """
        pipeline = self._pipeline()
        filled = [hole.image.copy() for hole in holes]
        asked = [(hole, image) for hole, image in zip(holes, filled, strict=True) if _has_hole(hole)]
        size = self._config.device.batch_size
        for batch in (asked[i : i + size] for i in range(0, len(asked), size)):
            shown = [hole for hole, _ in batch]
            painted = pipeline.paint(shown, side=self._config.side, options=self._options(shown))
            for (hole, image), whole in zip(batch, painted, strict=True):
                image[hole.mask] = whole[hole.mask]
        return filled

    def _options(self, holes: Sequence[Hole]) -> dict[str, Any]:
        config = self._config
        return {
            "prompt": [hole.background_word or config.prompt for hole in holes],
            "negative_prompt": [config.negative_prompt] * len(holes),
            "num_inference_steps": config.steps,
            "guidance_scale": config.guidance_scale,
        }

    def _pipeline(self) -> _Pipeline:
        if self._loaded is None:
            folder = self._folder()
            _check_pipeline(folder)
            from curation.annotators.inpainting.diffusion import InpaintingPipeline

            self._loaded = InpaintingPipeline.load(
                folder, self._config.device, kind=_PIPELINE, name=self._config.checkpoint
            )
        return self._loaded

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


def _has_hole(hole: Hole) -> bool:
    if hole.image.shape[:2] != hole.mask.shape:
        raise ValueError(
            f"image is {hole.image.shape[:2]} and mask {hole.mask.shape}, expected the same height and width"
        )
    return bool(hole.mask.any())
