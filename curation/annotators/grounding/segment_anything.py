"""SAM and SAM 2 through `transformers`: outlines from boxes, frame by frame (3.1)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn import functional

from curation.annotators.device import Device
from curation.annotators.grounding.loading import load_image_processor, load_network, running
from curation.annotators.grounding.networks import Boxes
from curation.annotators.grounding.segmenter import Outliner, Outlines
from curation.records import Image
from storage.checkpoints import check_model_type, checkpoint_folder

# Published SAM 2 checkpoints are those of the video model, which holds the image model.
_SAM_2: Final = ("sam2", "sam2_video")
SEGMENT_ANYTHING: Final = ("sam", *_SAM_2)

# What every published SAM 2 was trained with; a folder's own preprocessor_config.json comes first.
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


def load_segment_anything(checkpoint: str, device: Device) -> Outliner:
    """The SAM or SAM 2 that a folder, or a name on the hub, holds.

    Raises:
        FileNotFoundError: the weights or the image processor are missing.
        ValueError: the folder holds another network.
    """
    folder = checkpoint_folder(checkpoint)
    check_model_type(folder, *SEGMENT_ANYTHING)
    model_type = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    return SegmentAnything2(folder, device) if model_type in _SAM_2 else SegmentAnything(folder, device)


class SegmentAnything:
    """An `Outliner`: SAM sees a frame with its long side at 1024 pixels."""

    def __init__(self, folder: Path, device: Device) -> None:
        self._processor = load_image_processor("SamImageProcessorPil", folder)
        self._model = load_network("SamModel", folder, device)
        self._device = device

    def look(self, images: Sequence[Image]) -> list[Any]:
        """Of every frame its embedding, and the height and width at which the network saw it."""
        inputs = self._processor(images=list(images), input_data_format="channels_last", return_tensors="pt")
        with running(self._device):
            embeddings = self._model.get_image_embeddings(inputs["pixel_values"].to(self._device.name))
        return list(zip(embeddings.split(1), inputs["reshaped_input_sizes"].tolist(), strict=True))

    def outline(self, embedding: Any, boxes: Boxes, image: Image) -> Outlines:
        """One mask per box of a frame that was looked at."""
        features, seen_size = embedding
        with running(self._device):
            answer = self._model(
                image_embeddings=features,
                input_boxes=_scaled(boxes, image, seen_size, self._device),
                multimask_output=False,
            )
        logits = self._processor.post_process_masks(
            answer.pred_masks.float(), [image.shape[:2]], [seen_size], binarize=False
        )
        return Outlines(logits[0][:, 0], answer.iou_scores.flatten())


class SegmentAnything2:
    """An `Outliner`: SAM 2 sees a frame squeezed into a square of 1024 pixels.

    Frames are prepared here, because the library's own processor needs torchvision.
    """

    def __init__(self, folder: Path, device: Device) -> None:
        self._model = load_network("Sam2Model", folder, device)
        self._device = device
        self._side = int(self._model.config.prompt_encoder_config.image_size)
        path = folder / "preprocessor_config.json"
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self._mean = self._channels(stored.get("image_mean", _IMAGENET_MEAN))
        self._std = self._channels(stored.get("image_std", _IMAGENET_STD))

    def look(self, images: Sequence[Image]) -> list[Any]:
        """Of every frame its feature maps, fine to coarse."""
        with running(self._device):
            levels = self._model.get_image_embeddings(torch.cat([self._prepare(image) for image in images]))
        return list(zip(*(level.split(1) for level in levels), strict=True))

    def outline(self, embedding: Any, boxes: Boxes, image: Image) -> Outlines:
        """One mask per box of a frame that was looked at."""
        with running(self._device):
            answer = self._model(
                image_embeddings=list(embedding),
                input_boxes=_scaled(boxes, image, (self._side, self._side), self._device),
                multimask_output=False,
            )
        logits = functional.interpolate(answer.pred_masks[0].float(), image.shape[:2], mode="bilinear")
        return Outlines(logits[:, 0], answer.iou_scores.flatten())

    def _prepare(self, image: Image) -> torch.Tensor:
        """In 8 bits, then normalized, as `Sam2ImageProcessor` does it."""
        pixels = torch.tensor(image, device=self._device.name).permute(2, 0, 1)[None].float()
        size = (self._side, self._side)
        pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True).round().clamp(0, 255)
        return (pixels / 255 - self._mean) / self._std

    def _channels(self, values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, device=self._device.name).view(3, 1, 1)


def _scaled(boxes: Boxes, image: Image, seen_size: Sequence[int], device: Device) -> torch.Tensor:
    """The boxes of a frame as a prompt, at the size the network sees it: (1, boxes, 4)."""
    down, across = (seen / side for seen, side in zip(seen_size, image.shape, strict=False))
    return torch.as_tensor(boxes[None] * [across, down, across, down], dtype=torch.float32, device=device.name)
