"""Tells desirable clips from the four undesirable kinds with a fine-tuned VideoMAE (A.1)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from curation.annotators.checkpoints import describe_checkpoint
from curation.annotators.device import Device
from curation.annotators.protocols import CONTENT_CLASSES
from curation.stage import Resources
from curation.video.sampling import CONTENT_FRAMES
from dataset_schema import Annotator
from storage.checkpoints import check_model_type, checkpoint_folder
from storage.configs import strict

EMBEDDED_WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "content_filter"


def _one_core() -> Device:
    # One clip at a time: a core gains nothing by more, and probabilities would change in their eighth digit with what
    # else is in the batch, so that two runs were not equal.
    return Device(name="cpu", memory_gib=1.5, batch_size=1, precision="float32")


@strict
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

    def build(self) -> "VideoMaeContentClassifier":
        """The classifier; nothing is loaded yet."""
        return VideoMaeContentClassifier(self)


class _Network(Protocol):
    """A VideoMAE once it is loaded: `network.py`."""

    def classify(self, videos: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float64]: ...


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
        return self._network().classify(videos, f"content filter {self._name}")

    def _network(self) -> _Network:
        if self._loaded is None:
            from curation.annotators.content.network import ContentNetwork

            folder = self._folder()
            config = _stored_config(folder)
            _check_network(folder, config)
            self._loaded = ContentNetwork.load(folder, config, self._config.device)
        return self._loaded

    @property
    def _name(self) -> str:
        return self._config.checkpoint or EMBEDDED_WEIGHTS.name

    def _folder(self) -> Path:
        return EMBEDDED_WEIGHTS if self._config.checkpoint is None else checkpoint_folder(self._config.checkpoint)


def labels_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The classes that a network's config.json names, in order; none if it says nothing."""
    labels: Mapping[str, str] = config.get("id2label", {})
    return tuple(labels[index] for index in sorted(labels, key=int))


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
