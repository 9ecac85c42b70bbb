"""GroundingDINO through `transformers`, from any checkpoint saved in its format (3.1)."""

from collections.abc import Sequence
from typing import Final

import torch

from curation.annotators.device import Device
from curation.annotators.grounding.loading import load_image_processor, load_network, load_tokenizer, running
from curation.annotators.grounding.word_detector import TokenBoxes
from curation.records import Image
from storage.checkpoints import check_model_type, checkpoint_folder

# What config.json calls such a network.
GROUNDING_DINO: Final = ("grounding-dino",)


class GroundingDino:
    """A `TokenDetector`.

    Args:
        checkpoint: a folder, or a name on the hub.
        device: where it runs.

    Raises:
        FileNotFoundError: the weights, the tokenizer or the image processor are missing.
        ValueError: the folder holds another network.
    """

    def __init__(self, checkpoint: str, device: Device) -> None:
        folder = checkpoint_folder(checkpoint)
        check_model_type(folder, *GROUNDING_DINO)
        self.tokenizer = load_tokenizer(folder)
        self._processor = load_image_processor("GroundingDinoImageProcessorPil", folder)
        self._model = load_network("GroundingDinoForObjectDetection", folder, device)
        self._device = device
        self.max_tokens = int(self._model.config.max_text_len)

    def detect(self, images: Sequence[Image], texts: Sequence[str]) -> TokenBoxes:
        """The boxes of a batch of frames of one size, each with its prompt."""
        pixels = self._processor(images=list(images), input_data_format="channels_last", return_tensors="pt")
        tokens = self.tokenizer(list(texts), padding=True, return_tensors="pt")
        inputs = {
            "pixel_values": pixels["pixel_values"],
            "pixel_mask": pixels["pixel_mask"],
            "input_ids": tokens["input_ids"],
            "token_type_ids": torch.zeros_like(tokens["input_ids"]),
            "attention_mask": tokens["attention_mask"],
        }
        with running(self._device):
            answer = self._model(**{name: values.to(self._device.name) for name, values in inputs.items()})
        return TokenBoxes(answer.pred_boxes.float(), answer.logits.float())
