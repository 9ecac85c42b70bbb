"""How alike two pictures of entities are, by DINOv2: the network with which the paper compares subjects too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from transformers import Dinov2Model

from curation.annotators.checkpoints import Device, check_finite, describe_checkpoint, library
from curation.records import Cutout
from curation.stage import Resources
from dataset_schema import Annotator
from storage.checkpoints import check_model_type, checkpoint_folder, load_whole

_SIDE: Final = 224

# A network keeps what it computes for the pictures that it is given at once.
_CUTOUTS_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Dinov2Config:
    """Which DINOv2 compares pictures, and where.

    Attributes:
        checkpoint: a folder, or a name on the Hugging Face hub. Our choice: the ViT-L/14 that the model reads reference
            images with (Table 5), so that pictures are alike here as they will be there.
    """

    profile: Literal["dinov2"] = "dinov2"
    checkpoint: str = "facebook/dinov2-large"
    device: Device = field(default_factory=lambda: Device(gpus=0.1, gpu_memory_gib=3.0))


class Dinov2Encoder:
    """A `CutoutEncoder`: the class token after the last layer norm.

    Our choice: the class token and not the mean of the patch tokens, because DINOv2 is trained to make it tell pictures
    apart, and because a narrow cut-out is mostly white padding, which the mean would mostly be.
    """

    def __init__(self, config: Dinov2Config) -> None:
        self._config = config
        self._network: Any = None
        self._processor: Any = None

    def describe(self) -> Annotator:
        """The checkpoint and its hash.

        Raises:
            FileNotFoundError: it is not there.
            ValueError: it is another network.
        """
        folder = checkpoint_folder(self._config.checkpoint)
        check_model_type(folder, "dinov2")
        return describe_checkpoint("likeness", self._config.checkpoint, [folder])

    @property
    def resources(self) -> Resources:
        """The device's."""
        return self._config.device.resources(timeout_s=60.0)

    def load(self) -> None:
        """Load network and pixel statistics; idempotent.

        Raises:
            FileNotFoundError: weights, config.json or preprocessor_config.json are missing.
            ValueError: it is another network, or lacks weights.
        """
        if self._network is not None:
            return
        folder = checkpoint_folder(self._config.checkpoint)
        check_model_type(folder, "dinov2")
        processor = folder / "preprocessor_config.json"
        if not processor.is_file():
            raise FileNotFoundError(f"{processor} does not exist; expected the folder of a complete checkpoint")
        transformers = library("transformers")
        transformers.utils.logging.disable_progress_bar()  # a library draws none
        # What it reads is a square of this side already; the published file would cut the middle out of it.
        self._processor = transformers.BitImageProcessorPil.from_pretrained(
            folder, do_resize=False, do_center_crop=False
        )
        network = load_whole(Dinov2Model, folder, dtype=self._config.device.dtype)
        self._network = network.to(self._config.device.name)

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """Class tokens scaled to length one.

        Raises:
            ClipError: the network gives NaN.
        """
        self.load()
        squares = [_white_square(cutout) for cutout in cutouts]
        tokens = [self._tokens(squares[i : i + _CUTOUTS_AT_ONCE]) for i in range(0, len(squares), _CUTOUTS_AT_ONCE)]
        vectors = torch.cat(tokens)
        check_finite(vectors, f"class tokens of {self._config.checkpoint}")
        return np.asarray(torch.nn.functional.normalize(vectors, dim=-1).numpy(), np.float64)

    @torch.inference_mode()
    def _tokens(self, squares: Sequence[Image.Image]) -> torch.Tensor:
        device = self._config.device
        pixels = self._processor(list(squares), return_tensors="pt")["pixel_values"].to(device.name, device.dtype)
        tokens: torch.Tensor = self._network(pixel_values=pixels).pooler_output
        return tokens.double().cpu()


def _white_square(cutout: Cutout) -> Image.Image:
    """On white, padded to a square with white, 224 pixels, bicubic: as the authors' benchmark compares subjects."""
    picture = Image.fromarray(cutout)
    side = max(picture.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2), mask=picture.getchannel("A"))
    return square.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
