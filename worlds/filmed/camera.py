"""Where the camera looks at each moment: still, shaking, drifting, panning, zooming."""

from dataclasses import dataclass

import numpy as np

from worlds.arrays import PerFrame
from worlds.chances import Rng, between, chance, log_between


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraPath:
    """The camera's pose in every frame.

    Attributes:
        x: of the point looked at, in frame widths; `y` likewise.
        zoom: magnification, 1 at rest.
        roll: in radians.
    """

    x: PerFrame
    y: PerFrame
    zoom: PerFrame
    roll: PerFrame

    def plus(self, other: "CameraPath") -> "CameraPath":
        """Both movements at once."""
        return CameraPath(
            x=self.x + other.x, y=self.y + other.y, zoom=self.zoom * other.zoom, roll=self.roll + other.roll
        )


def static_camera(times_s: PerFrame) -> CameraPath:
    """A tripod."""
    return CameraPath(
        x=np.zeros_like(times_s), y=np.zeros_like(times_s), zoom=np.ones_like(times_s), roll=np.zeros_like(times_s)
    )


def wander(rng: Rng, times_s: PerFrame, amplitude: float, *, slow_hz: float = 0.1, fast_hz: float = 2.5) -> PerFrame:
    """A smooth aimless movement about zero that reaches at most `amplitude`."""
    weights = rng.uniform(0.2, 1, 4)
    waves = [
        weight * np.sin(2 * np.pi * (log_between(rng, slow_hz, fast_hz) * times_s + rng.random())) for weight in weights
    ]
    return np.asarray(amplitude * np.sum(waves, axis=0) / weights.sum(), np.float64)


def hand_held(rng: Rng, times_s: PerFrame, amplitude: float) -> CameraPath:
    """A hand that shakes by at most `amplitude` frame widths."""
    return CameraPath(
        x=wander(rng, times_s, amplitude),
        y=wander(rng, times_s, amplitude),
        zoom=1 + wander(rng, times_s, amplitude * 0.5),
        roll=wander(rng, times_s, amplitude * 0.7),
    )


def glide(rng: Rng, times_s: PerFrame, *, distance: float, magnification: float) -> CameraPath:
    """One deliberate move from a start to an end: `distance` in frame widths, `magnification` end over start."""
    progress = _eased(rng, np.linspace(0, 1, len(times_s)))
    direction = between(rng, 0, 2 * np.pi) if chance(rng, 0.5) else rng.integers(4) * np.pi / 2
    start = magnification ** -between(rng, 0, 1) if magnification > 1 else 1.0
    return CameraPath(
        x=distance * np.cos(direction) * (progress - 0.5),
        y=distance * np.sin(direction) * (progress - 0.5),
        zoom=start * magnification**progress,
        roll=np.zeros_like(times_s),
    )


def _eased(rng: Rng, progress: PerFrame) -> PerFrame:
    """Progress from 0 to 1 at a steady, a soft or a decaying pace; sometimes with a rest before or after."""
    rest_before, rest_after = (between(rng, 0, 0.3) if chance(rng, 0.2) else 0.0 for _ in range(2))
    progress = np.clip((progress - rest_before) / (1 - rest_before - rest_after), 0, 1)
    kind = rng.integers(3)
    if kind == 0:
        return progress
    if kind == 1:
        return np.asarray(progress**2 * (3 - 2 * progress), np.float64)
    return np.asarray(1 - (1 - progress) ** 3, np.float64)
