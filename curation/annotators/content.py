"""Tells desirable clips from the four undesirable kinds with a fine-tuned VideoMAE (A.1)."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from transformers import VideoMAEForVideoClassification
from transformers.utils.logging import disable_progress_bar

from curation.annotators.content_motion import motion_channels
from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Video
from curation.stage import Resources
from dataset_schema import Annotator

EMBEDDED_WEIGHTS: Final = Path(__file__).parent / "weights" / "content_filter"

# What VideoMAE's published checkpoints were trained with; a folder's own preprocessor_config.json comes first.
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

# The annotation is what its own module lacks.
_HIDE_PROGRESS: Final[Callable[[], None]] = disable_progress_bar

InputChannels = Literal["rgb", "motion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentInput:
    """How frames become what a network reads; stored beside its weights.

    Attributes:
        channels: `rgb` for an ordinary VideoMAE; `motion` for `content_motion.motion_channels`. Stands as
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


class VideoMaeContentClassifier:
    """Any VideoMAE whose labels are those of CONTENT_CLASSES, from a folder in the format of `transformers`.

    Args:
        folder: holds config.json and model.safetensors; by default the small network that comes with the package.
        device: where it runs.
    """

    def __init__(self, folder: Path = EMBEDDED_WEIGHTS, device: str = "cpu") -> None:
        self._folder = folder
        self._device = device
        self._model: VideoMAEForVideoClassification | None = None
        self._input: ContentInput | None = None

    def describe(self) -> Annotator:
        """The folder's name, the revision in its config.json, and the hash of its weights.

        Raises:
            FileNotFoundError: config.json or model.safetensors is missing.
        """
        config, weights = self._files()
        revision = str(json.loads(config.read_text(encoding="utf-8")).get("revision", "unknown"))
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        return Annotator(job="content_filter", name=self._folder.name, revision=revision, weights_sha256=digest)

    @property
    def resources(self) -> Resources:
        """One core and a small network."""
        return Resources(memory_bytes=3 << 29, batch_size=4, timeout_s=60)

    def load(self) -> None:
        """Load the network; idempotent.

        Raises:
            FileNotFoundError: config.json or model.safetensors is missing.
            ValueError: the folder holds another network, or one with other labels.
        """
        if self._model is not None:
            return
        config_file, _ = self._files()
        config: dict[str, Any] = json.loads(config_file.read_text(encoding="utf-8"))
        _check_network(config_file, config)
        _HIDE_PROGRESS()  # a library draws none
        loaded: Any = VideoMAEForVideoClassification.from_pretrained(
            self._folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
        model, report = loaded
        absent = sorted(report["missing_keys"])
        if absent:
            raise ValueError(
                f"weights in {self._folder} lack {absent[:3]} and {max(len(absent) - 3, 0)} more tensors, expected a "
                "fine-tuned VideoMAEForVideoClassification; train the filter first"
            )
        self._input = content_input(self._folder, config)
        self._model = model.to(self._device).eval()

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Probabilities (batch, 5), in the order of CONTENT_CLASSES, of (batch, 16, 224, 224, 3)."""
        self.load()
        if self._model is None or self._input is None:
            raise RuntimeError(f"content filter {self._folder} did not load")
        expected = self._model.config.num_frames
        if videos.ndim != 5 or videos.shape[1] != expected or videos.shape[-1] != 3:
            raise ValueError(f"videos have shape {videos.shape}, expected (batch, {expected}, height, width, 3)")
        prepared = np.stack([self._input.prepare(video) for video in videos])
        with torch.inference_mode():
            logits = self._model(self._input.normalize(prepared).to(self._device)).logits
            return np.asarray(torch.softmax(logits.double(), dim=-1).cpu().numpy(), np.float64)

    def _files(self) -> tuple[Path, Path]:
        paths = self._folder / "config.json", self._folder / "model.safetensors"
        for path in paths:
            if not path.is_file():
                raise FileNotFoundError(
                    f"content filter needs {path}, which is not there; train it (`python -m pipelines train-filter`) "
                    "or name a folder with config.json and model.safetensors"
                )
        return paths


def content_input(folder: Path, config: Mapping[str, Any]) -> ContentInput:
    """How the network in this folder wants its frames.

    Raises:
        ValueError: `input_channels` in config.json is neither `rgb` nor `motion`.
    """
    channels = config.get("input_channels", "rgb")
    if channels not in ("rgb", "motion"):
        raise ValueError(f"{folder}/config.json has input_channels {channels!r}, expected 'rgb' or 'motion'")
    preprocessor = folder / "preprocessor_config.json"
    stored: dict[str, Any] = json.loads(preprocessor.read_text(encoding="utf-8")) if preprocessor.is_file() else {}
    return ContentInput(
        channels=channels,
        side=int(config["image_size"]),
        mean=tuple(stored.get("image_mean", _IMAGENET_MEAN)),
        std=tuple(stored.get("image_std", _IMAGENET_STD)),
    )


def _check_network(config_file: Path, config: Mapping[str, Any]) -> None:
    if config.get("model_type") != "videomae":
        raise ValueError(f"{config_file} has model_type {config.get('model_type')!r}, expected 'videomae'")
    labels = config.get("id2label", {})
    found = tuple(labels[index] for index in sorted(labels, key=int))
    if found != CONTENT_CLASSES:
        raise ValueError(
            f"{config_file} has the labels {found} in id2label, expected {CONTENT_CLASSES} in this order; fine-tune "
            "the checkpoint on these classes"
        )
