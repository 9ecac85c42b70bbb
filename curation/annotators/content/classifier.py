"""Tells desirable clips from the four undesirable kinds with a fine-tuned VideoMAE (A.1)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from transformers import VideoMAEForVideoClassification
from transformers.utils.logging import disable_progress_bar

from curation.annotators.checkpoints import Device, check_finite, describe_checkpoint
from curation.annotators.content.motion import motion_channels
from curation.annotators.protocols import CONTENT_CLASSES
from curation.records import Video
from curation.stage import Resources
from curation.video.sampling import CONTENT_FRAMES
from dataset_schema import Annotator
from storage.checkpoints import check_model_type, checkpoint_folder, load_whole

EMBEDDED_WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "content_filter"

# What VideoMAE's published checkpoints were trained with; a folder's own preprocessor_config.json comes first.
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)

# Of `transformers`, when it reads or writes weights: a library draws none. The annotation is what its module lacks.
HIDE_PROGRESS: Final[Callable[[], None]] = disable_progress_bar

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


def _one_core() -> Device:
    return Device(name="cpu", memory_gib=1.5, batch_size=4, precision="float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoMaeConfig:
    """Which network, and where it runs.

    Attributes:
        checkpoint: a folder as `train-filter` writes it, or a name on the hub; None is the small network that comes
            with the package.
        device: by default a CPU, enough for the small network; a ViT-B/16 takes 4 s a clip on one core.
    """

    profile: Literal["videomae"] = "videomae"
    checkpoint: str | None = None
    device: Device = field(default_factory=_one_core)


class _Network(NamedTuple):
    model: VideoMAEForVideoClassification
    input: ContentInput


class VideoMaeContentClassifier:
    """Any VideoMAE whose labels are those of CONTENT_CLASSES, from a folder in the format of `transformers`."""

    def __init__(self, config: VideoMaeConfig | None = None) -> None:
        self._config = config or VideoMaeConfig()
        self._loaded: _Network | None = None

    def describe(self) -> Annotator:
        """The checkpoint's name, its revision or the one in its config.json, and the hash of its files.

        Raises:
            FileNotFoundError: config.json or the weights are missing.
        """
        folder = self._folder()
        stored = _stored_config(folder)
        _check_network(folder, stored)
        annotator = describe_checkpoint("content_filter", self._name, [folder])
        if annotator.revision == "unknown":
            return replace(annotator, revision=str(stored.get("revision", "unknown")))
        return annotator

    @property
    def resources(self) -> Resources:
        """As the device says."""
        return self._config.device.resources(timeout_s=60)

    @property
    def own_threshold(self) -> float | None:
        """The probability of `desirable` that was chosen with the weights, on validation clips; None if none was.

        Raises:
            FileNotFoundError: config.json or the weights are missing.
            ValueError: `min_desirable` in config.json is no probability.
        """
        folder = self._folder()
        value = _stored_config(folder).get("min_desirable")
        if value is None:
            return None
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"{folder}/config.json has min_desirable {value!r}, expected a probability in [0, 1]")
        return float(value)

    def load(self) -> None:
        """Load the network; idempotent.

        Raises:
            FileNotFoundError: config.json or the weights are missing.
            ValueError: the folder holds another network, one with other labels, or one that is not whole.
        """
        self._network()

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Probabilities (batch, 5), in the order of CONTENT_CLASSES, of (batch, 16, 224, 224, 3).

        Raises:
            ClipError: the network's answer holds NaN or infinity.
        """
        if videos.ndim != 5 or videos.shape[1] != CONTENT_FRAMES or videos.shape[-1] != 3:
            raise ValueError(f"videos have shape {videos.shape}, expected (batch, {CONTENT_FRAMES}, height, width, 3)")
        size = self._config.device.batch_size
        logits = torch.cat([self._logits(videos[start : start + size]) for start in range(0, len(videos), size)])
        check_finite(logits, f"content filter {self._name}")
        return np.asarray(torch.softmax(logits, dim=-1).numpy(), np.float64)

    def _logits(self, videos: npt.NDArray[np.uint8]) -> torch.Tensor:
        model, form = self._network()
        device = self._config.device
        pixels = form.normalize(np.stack([form.prepare(video) for video in videos])).to(device.name)
        with torch.inference_mode(), autocast(device.name, device.dtype):
            logits: torch.Tensor = model(pixels).logits
            return logits.double().cpu()

    def _network(self) -> _Network:
        if self._loaded is None:
            self._loaded = _read_network(self._folder(), self._config.device.name)
        return self._loaded

    @property
    def _name(self) -> str:
        return self._config.checkpoint or EMBEDDED_WEIGHTS.name

    def _folder(self) -> Path:
        return EMBEDDED_WEIGHTS if self._config.checkpoint is None else checkpoint_folder(self._config.checkpoint)


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


def labels_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a network's config.json names, in order; none if it says nothing."""
    labels: Mapping[str, str] = config.get("id2label", {})
    return tuple(labels[index] for index in sorted(labels, key=int))


def _read_network(folder: Path, device: str) -> _Network:
    config = _stored_config(folder)
    _check_network(folder, config)
    HIDE_PROGRESS()
    model = load_whole(VideoMAEForVideoClassification, folder, dtype=torch.float32)
    return _Network(model.to(device), content_input(folder, config))


def _stored_config(folder: Path) -> dict[str, Any]:
    check_model_type(folder, "videomae")
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def _check_network(folder: Path, config: Mapping[str, Any]) -> None:
    found = labels_of(config)
    if found != CONTENT_CLASSES:
        raise ValueError(
            f"{folder}/config.json has {len(found)} labels in id2label ({', '.join(found[:6])}), expected "
            f"{CONTENT_CLASSES} in this order; fine-tune the checkpoint on them: `python -m pipelines train-filter`"
        )
    if (frames := config.get("num_frames", CONTENT_FRAMES)) != CONTENT_FRAMES:
        raise ValueError(f"{folder}/config.json has num_frames {frames}, expected {CONTENT_FRAMES}")
