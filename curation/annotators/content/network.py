"""A fine-tuned VideoMAE: what it reads of frames, and the probabilities that it answers with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from curation.annotators.content.motion import motion_channels
from curation.annotators.content.videomae import VideoMae, load_videomae
from curation.annotators.device import Device
from curation.annotators.tensors import check_finite, dtype_of
from curation.records import Video

# What VideoMAE's published checkpoints were trained with; a folder's own preprocessor_config.json comes first.
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

InputChannels = Literal["rgb", "motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentInput:
    """How frames become what a network reads; stored beside its weights.

    Attributes:
        channels: `rgb` for an ordinary VideoMAE; `motion` for `motion.motion_channels`. Stands as
            `input_channels` in config.json.
        side: height and width in pixels; frames of another size are resized by area.
        mean: per channel, subtracted from values in [0, 1]; divided by `std`.
    """

    channels: InputChannels
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def prepare(self, video: Video) -> Video:
        """The frames as the network's channels and size, still in 8 bits: what training stores."""
        if video.shape[1:3] != (self.side, self.side):
            size = (self.side, self.side)
            video = np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in video]).astype(
                np.uint8
            )
        return motion_channels(video) if self.channels == "motion" else video

    def normalize(self, prepared: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Pixels of (batch, frames, height, width, 3) as VideoMAE's (batch, frames, 3, height, width)."""
        pixels = torch.from_numpy(prepared).permute(0, 1, 4, 2, 3).float() / 255
        mean, std = (torch.tensor(value).view(1, 1, 3, 1, 1) for value in (self.mean, self.std))
        return (pixels - mean) / std


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContentNetwork:
    """The loaded network, and how it wants its frames."""

    model: VideoMae
    input: ContentInput
    device: Device

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], device: Device) -> "ContentNetwork":
        """The network of a folder.

        Args:
            folder: in the format of `transformers`.
            config: its config.json.
            device: where it runs.

        Raises:
            ValueError: the weights are not those of a whole network.
        """
        form = content_input(folder, config)
        return cls(model=load_videomae(folder, config).to(device.name), input=form, device=device)

    def classify(self, videos: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float64]:
        """Probabilities (batch, classes); an answer that holds no numbers is told under the name."""
        size = self.device.batch_size
        logits = torch.cat([self._logits(videos[start : start + size]) for start in range(0, len(videos), size)])
        check_finite(logits, name)
        return np.asarray(torch.softmax(logits, dim=-1).numpy(), np.float64)

    def _logits(self, videos: npt.NDArray[np.uint8]) -> torch.Tensor:
        pixels = self.input.normalize(np.stack([self.input.prepare(video) for video in videos])).to(self.device.name)
        with torch.inference_mode(), autocast(self.device.name, dtype_of(self.device)):
            logits: torch.Tensor = self.model(pixels)
            return logits.double().cpu()


def autocast(device: str, dtype: torch.dtype) -> torch.autocast:
    """Matrix products in this precision, all else in float32."""
    return torch.autocast(torch.device(device).type, dtype=dtype, enabled=dtype != torch.float32)


def content_input(folder: Path, config: Mapping[str, Any]) -> ContentInput:
    """How the network in this folder wants its frames.

    Raises:
        ValueError: `input_channels` in config.json is neither `rgb` nor `motion`, or its frames are not square.
    """
    channels = config.get("input_channels", "rgb")
    if channels not in ("rgb", "motion"):
        raise ValueError(f"{folder}/config.json has input_channels {channels!r}, expected 'rgb' or 'motion'")
    sides = np.unique(config["image_size"])
    if len(sides) != 1:
        raise ValueError(f"{folder}/config.json has image_size {config['image_size']}, expected a square")
    preprocessor = folder / "preprocessor_config.json"
    stored: dict[str, Any] = json.loads(preprocessor.read_text(encoding="utf-8")) if preprocessor.is_file() else {}
    return ContentInput(
        channels=channels,
        side=int(sides[0]),
        mean=tuple(stored.get("image_mean", _IMAGENET_MEAN)),
        std=tuple(stored.get("image_std", _IMAGENET_STD)),
    )
