"""GroundingDINO as its authors wrote it, through the package `groundingdino-py`."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image as PilImage

from curation.annotators.device import Device
from curation.annotators.grounding.loading import running
from curation.annotators.grounding.word_detector import TokenBoxes
from curation.annotators.grounding_legacy.weights import legacy_library, put_weights, read_weights
from curation.records import Image
from storage.checkpoints import check_model_type, checkpoint_folder

# The size and the normalization of the package's own `load_image`.
_SIDES: Final = (800, 1333)
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class GroundingDinoPy:
    """A `TokenDetector`.

    Args:
        weights: a `.pth` file.
        architecture: the name of one of the package's own configs, or a `.json` file with the same fields. A `.py` file
            would be run.
        text_encoder: a BERT with its vocabulary, by folder or hub name; its weights come from `weights`.
        device: where it runs.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: the files do not fit each other.
    """

    def __init__(self, weights: str, *, architecture: str, text_encoder: str, device: Device) -> None:
        folder = checkpoint_folder(text_encoder)
        check_model_type(folder, "bert")
        saved = read_weights(weights)
        config = legacy_library("groundingdino.util.slconfig").SLConfig.fromfile(str(_config_file(architecture)))
        config.text_encoder_type = str(folder)
        config.use_checkpoint = config.use_transformer_ckpt = False  # they save memory in training only
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the name of its text encoder
            model = legacy_library("groundingdino.models").build_model(config)
        clean = legacy_library("groundingdino.util.misc").clean_state_dict
        put_weights(model, clean(saved), weights)
        self._model: Any = model.to(device.name).eval()
        self._prepare = _preparation()
        self._device = device
        self.tokenizer = model.tokenizer
        self.max_tokens = int(model.max_text_len)

    def detect(self, images: Sequence[Image], texts: Sequence[str]) -> TokenBoxes:
        """The boxes of a batch of frames of one size, each with its prompt."""
        pixels = torch.stack([self._prepare(PilImage.fromarray(image), None)[0] for image in images])
        with running(self._device):
            answer = self._model(pixels.to(self._device.name), captions=list(texts))
        return TokenBoxes(answer["pred_boxes"].float(), answer["pred_logits"].float())


def _config_file(architecture: str) -> Path:
    if architecture.endswith(".json"):
        path = Path(architecture).expanduser()
    else:
        path = Path(legacy_library("groundingdino.config").__file__).parent / f"{Path(architecture).name}.py"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist, expected a config of groundingdino-py by name, or a .json file"
        )
    return path


def _preparation() -> Any:
    transforms = legacy_library("groundingdino.datasets.transforms")
    resize = transforms.RandomResize([_SIDES[0]], max_size=_SIDES[1])
    return transforms.Compose([resize, transforms.ToTensor(), transforms.Normalize(_IMAGENET_MEAN, _IMAGENET_STD)])
