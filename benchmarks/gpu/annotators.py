"""Curation's own networks on a GPU: how fast in each precision, and whether they say what they say on a CPU."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch

from benchmarks.gpu.clock import measured
from curation.annotators.content.classifier import VideoMaeConfig
from curation.annotators.device import Device
from curation.annotators.shots.detectors import TransNetV2Config, TransNetV2Shots
from worlds.sprites import SpriteWorldConfig, plan_clip, render_shot

_PRECISIONS: Final[tuple[Literal["float32", "bfloat16", "float16"], ...]] = ("float32", "bfloat16", "float16")
_SHOTS: Final = 4
_WORLD: Final = SpriteWorldConfig(frames=60, height=144, width=256, undesirable_share=0.0)
_THUMBNAIL: Final = (48, 27)
_CONTENT_FRAMES: Final = 16
_CONTENT_SIDE: Final = 224

Probabilities = npt.NDArray[np.float64]
Answer = Callable[[], Probabilities]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorFigures:
    """What was measured.

    Attributes:
        network: which.
        frames_per_s: that it takes.
        moved: the largest change of a probability against a CPU's float32.
    """

    network: str
    precision: str
    frames_per_s: float
    moved: float


def measure_annotators(device: torch.device, *, rounds: int) -> Iterator[AnnotatorFigures]:
    """The shot network and the content filter, on four drawn shots, one after the other, in each precision."""
    shots = [
        render_shot(plan_clip(_WORLD, n).shots[0], height=_WORLD.height, width=_WORLD.width) for n in range(_SHOTS)
    ]
    videos = [shot.video for shot in shots]
    thumbnails = np.concatenate([_resized(video, _THUMBNAIL) for video in videos])
    pictures = np.stack([_resized(video[:_CONTENT_FRAMES], (_CONTENT_SIDE, _CONTENT_SIDE)) for video in videos])
    networks: dict[str, tuple[int, Callable[[Device], Answer]]] = {
        "TransNetV2": (len(thumbnails), partial(_shots, thumbnails)),
        "content filter": (_SHOTS * _CONTENT_FRAMES, partial(_content, pictures)),
    }
    for network, (frames, on) in networks.items():
        exact = on(Device(name="cpu", precision="float32", batch_size=8))()
        for precision in _PRECISIONS:
            answer = on(Device(name=str(device), precision=precision, batch_size=8))
            seconds = measured(answer, device, rounds=rounds).seconds
            moved = float(np.abs(answer() - exact).max())
            yield AnnotatorFigures(network=network, precision=precision, frames_per_s=frames / seconds, moved=moved)


def _shots(thumbnails: npt.NDArray[np.uint8], device: Device) -> Answer:
    detector = TransNetV2Shots(TransNetV2Config(device=device))
    detector.load()
    return lambda: detector.network_probabilities(thumbnails)


def _content(pictures: npt.NDArray[np.uint8], device: Device) -> Answer:
    classifier = VideoMaeConfig(device=device).build()
    classifier.load()
    return lambda: classifier.classify(pictures)


def _resized(video: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in video]).astype(np.uint8)
