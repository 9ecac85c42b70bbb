"""SAM as its authors wrote it, through the package `segment-anything`."""

from collections.abc import Sequence
from typing import Any

import torch

from curation.annotators.device import Device
from curation.annotators.grounding.loading import running
from curation.annotators.grounding.networks import Boxes
from curation.annotators.grounding.segmenter import Outlines
from curation.annotators.grounding_legacy.weights import legacy_library, put_weights, read_weights
from curation.records import Image


class SegmentAnythingPackage:
    """An `Outliner`.

    Args:
        weights: a `.pth` file.
        architecture: its name in the package: `vit_b`, `vit_l`, `vit_h`.
        device: where it runs.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: there is no such architecture, or the weights are those of another.
    """

    def __init__(self, weights: str, *, architecture: str, device: Device) -> None:
        saved = read_weights(weights)
        registry = legacy_library("segment_anything").sam_model_registry
        if architecture not in registry:
            raise ValueError(f"segment-anything has no {architecture!r}, expected one of {', '.join(sorted(registry))}")
        model = registry[architecture](checkpoint=None)
        put_weights(model, saved, weights)
        self._model: Any = model.to(device.name).eval()
        transforms = legacy_library("segment_anything.utils.transforms")
        self._resize = transforms.ResizeLongestSide(model.image_encoder.img_size)
        self._device = device

    def look(self, images: Sequence[Image]) -> list[Any]:
        """Of every frame its embedding, and the height and width at which the network saw it."""
        resized = [torch.tensor(self._resize.apply_image(image), device=self._device.name) for image in images]
        with running(self._device):
            pixels = [self._model.preprocess(frame.permute(2, 0, 1)[None]) for frame in resized]
            embeddings = self._model.image_encoder(torch.cat(pixels))
        return [
            (embedding, tuple(frame.shape[:2])) for embedding, frame in zip(embeddings.split(1), resized, strict=True)
        ]

    def outline(self, embedding: Any, boxes: Boxes, image: Image) -> Outlines:
        """One mask per box of a frame that was looked at."""
        features, seen_size = embedding
        scaled = self._resize.apply_boxes(boxes, image.shape[:2])
        prompt = torch.as_tensor(scaled, dtype=torch.float32, device=self._device.name)
        encoder = self._model.prompt_encoder
        with running(self._device):
            sparse, dense = encoder(points=None, boxes=prompt, masks=None)
            masks, scores = self._model.mask_decoder(
                image_embeddings=features,
                image_pe=encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
            logits = self._model.postprocess_masks(masks.float(), seen_size, image.shape[:2])
        return Outlines(logits[:, 0], scores.flatten())
