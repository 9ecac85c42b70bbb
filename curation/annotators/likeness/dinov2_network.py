"""A loaded DINOv2, and pictures of entities as it wants them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from transformers import Dinov2Model

from curation.annotators.checkpoints import library
from curation.annotators.device import Device
from curation.annotators.tensors import check_finite, dtype_of
from curation.records import Cutout
from storage.checkpoints import load_whole

_SIDE: Final = 224

# A network keeps what it computes for the pictures that it is given at once.
_CUTOUTS_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dinov2Network:
    """The network, its pixel statistics, and where it runs."""

    model: Any
    processor: Any
    device: Device

    @classmethod
    def load(cls, folder: Path, device: Device) -> "Dinov2Network":
        """From the folder of a whole checkpoint.

        Raises:
            ValueError: it lacks weights.
        """
        transformers = library("transformers")
        transformers.utils.logging.disable_progress_bar()  # a library draws none
        # What it reads is a square of this side already; the published file would cut the middle out of it.
        processor = transformers.BitImageProcessorPil.from_pretrained(folder, do_resize=False, do_center_crop=False)
        network = load_whole(Dinov2Model, folder, dtype=dtype_of(device))
        return cls(model=network.to(device.name), processor=processor, device=device)

    def encode(self, cutouts: Sequence[Cutout], name: str) -> npt.NDArray[np.float64]:
        """Class tokens scaled to length one; those that are no numbers are told under the name."""
        squares = [_white_square(cutout) for cutout in cutouts]
        tokens = [self._tokens(squares[i : i + _CUTOUTS_AT_ONCE]) for i in range(0, len(squares), _CUTOUTS_AT_ONCE)]
        vectors = torch.cat(tokens)
        check_finite(vectors, name)
        return np.asarray(torch.nn.functional.normalize(vectors, dim=-1).numpy(), np.float64)

    @torch.inference_mode()
    def _tokens(self, squares: Sequence[Image.Image]) -> torch.Tensor:
        pixels = self.processor(list(squares), return_tensors="pt")["pixel_values"]
        tokens: torch.Tensor = self.model(pixel_values=pixels.to(self.device.name, dtype_of(self.device))).pooler_output
        return tokens.double().cpu()


def _white_square(cutout: Cutout) -> Image.Image:
    """On white, padded to a square with white, 224 pixels, bicubic: as the authors' benchmark compares subjects."""
    picture = Image.fromarray(cutout)
    side = max(picture.size)
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2), mask=picture.getchannel("A"))
    return square.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
