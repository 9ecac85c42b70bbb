"""What is where, when: the complete description of a shot, before any pixel is drawn.

World units are frame heights: a camera at rest sees [0, aspect) x [0, 1), y down. `time_s` runs from 0.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from dataset_schema import EntityKind
from worlds.affine import Affine, compose, rotation, taking
from worlds.sprites.flyers_and_swimmers import FLYERS_AND_SWIMMERS
from worlds.sprites.quadrupeds import QUADRUPEDS
from worlds.sprites.shapes import Point, Shape
from worlds.sprites.states import State, leaning
from worlds.sprites.textures import Texture
from worlds.sprites.things import THINGS

SHAPES: Final[dict[str, Shape]] = {**QUADRUPEDS, **FLYERS_AND_SWIMMERS, **THINGS}

# How far beyond the resting frame a backdrop reaches: room for the camera to move in.
MARGIN_X: Final = 0.45
MARGIN_Y: Final = 0.2


class Place(StrEnum):
    """Where a shot plays; the name is the background word of its captions."""

    MEADOW = "meadow"
    BEACH = "beach"
    DESERT = "desert"
    SNOW = "snow"
    FOREST = "forest"
    STREET = "street"
    ROOM = "room"
    SEA = "sea"
    LAKE = "lake"
    SKY = "sky"


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """How a subject gets from one place to another.

    Attributes:
        start: where its lowest point stands at the beginning, in world units.
        end: and at the end of the shot.
        cycle_hz: steps, flaps or strokes per second.
        hop: height of one hop per cycle, in world units.
        sway: amplitude of a slow rise and fall, in world units.
        tilt_deg: amplitude of rocking.
        turns: full turns that a rolling thing makes on the way.
    """

    start: Point
    end: Point
    cycle_hz: float
    hop: float = 0.0
    sway: float = 0.0
    tilt_deg: float = 0.0
    turns: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One sprite of a shot.

    Attributes:
        word: names the shape, and the entity in the caption.
        size: world units per sprite unit.
        facing: 1 to the right, -1 to the left.
        casts_shadow: whether it stands on something.
        state: where states change: size and facing follow from it, lean and light are read of it.
    """

    word: str
    kind: EntityKind
    texture: Texture
    size: float
    facing: int
    track: Track
    casts_shadow: bool
    state: State = ()

    @property
    def shape(self) -> Shape:
        """Its silhouette."""
        return SHAPES[self.word]

    def phase(self, time_s: float) -> float:
        """Where in its cycle it is, in [0, 1)."""
        return (time_s * self.track.cycle_hz) % 1.0

    def ground_point(self, progress: float) -> Point:
        """Where its lowest point would stand without hops, at `progress` in [0, 1] of the way."""
        start, end = self.track.start, self.track.end
        return start[0] + (end[0] - start[0]) * progress, start[1] + (end[1] - start[1]) * progress

    def pose(self, time_s: float, progress: float) -> Affine:
        """The map from sprite units to world units."""
        track = self.track
        x, y = self.ground_point(progress)
        beat = 2 * np.pi * time_s * track.cycle_hz
        y += track.sway * np.sin(0.5 * beat) - track.hop * abs(np.sin(0.5 * beat))
        angle = np.deg2rad(track.tilt_deg) * np.sin(0.5 * beat) + 2 * np.pi * track.turns * progress * self.facing
        x0, y0, x1, y1 = self.shape.bounds()
        center, target = ((x0 + x1) / 2, (y0 + y1) / 2), (x, y - self.size * (y1 - y0) / 2)
        upright = taking(center, target, self.size * rotation(angle) * (self.facing, 1))
        return compose(upright, leaning(self.shape, self.state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A pan and zoom over the world, with the tremble of a hand.

    Attributes:
        start: the world point it looks at first; `end` last.
        start_zoom: pixels of the frame per pixel of the resting frame.
        shake: amplitude in world units.
        seed: of the tremble.
    """

    start: Point
    end: Point
    start_zoom: float
    end_zoom: float
    shake: float
    seed: int

    def view(self, time_s: float, progress: float, *, height: float, width: float) -> Affine:
        """The map from world units to pixels of a frame."""
        zoom = self.start_zoom + (self.end_zoom - self.start_zoom) * progress
        rates_hz = (1.1, 1.7, 2.3)
        starts = np.random.default_rng(self.seed).uniform(0, 2 * np.pi, (2, len(rates_hz)))
        tremble = self.shake * np.sin(2 * np.pi * np.array(rates_hz) * time_s + starts).mean(axis=1)
        center = np.array(self.start) + (np.array(self.end) - np.array(self.start)) * progress + tremble
        scale = zoom * height
        return np.array([[scale, 0.0, width / 2 - scale * center[0]], [0.0, scale, height / 2 - scale * center[1]]])


class OccluderKind(StrEnum):
    """Things that stand between the camera and the subjects."""

    BUSH = "bush"
    TREE = "tree"
    ROCK = "rock"
    CACTUS = "cactus"
    PINE = "pine"
    WEED = "weed"
    POST = "post"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occluder:
    """Something still in front of the subjects.

    Attributes:
        base: where it stands, in world units.
        height: in world units.
    """

    kind: OccluderKind
    base: Point
    height: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One shot, before it is drawn.

    Attributes:
        subjects: from back to front.
        is_photograph: nothing moves but the camera: a still picture that is zoomed into.
    """

    place: Place
    seed: int
    frames: int
    fps: float
    camera: Camera
    subjects: tuple[Subject, ...]
    occluders: tuple[Occluder, ...] = ()
    is_photograph: bool = False

    def clock(self, frame: int) -> tuple[float, float]:
        """Seconds since the start, and progress in [0, 1], as the subjects feel them."""
        time_s, progress = self.camera_clock(frame)
        return (0.5 * self.frames / self.fps, 0.5) if self.is_photograph else (time_s, progress)

    def camera_clock(self, frame: int) -> tuple[float, float]:
        """Seconds since the start, and progress in [0, 1], as the camera feels them."""
        return frame / self.fps, frame / max(1, self.frames - 1)
