"""Puts a cast into a place: sizes, ways, camera and what stands in front, so that everybody can be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np

from worlds.affine import apply, invert
from worlds.chances import Rng, between, chance, choose
from worlds.sprites.cast import SETTINGS, Medium, Role
from worlds.sprites.shapes import Point
from worlds.sprites.shot import SHAPES, Camera, Occluder, OccluderKind, Place, Shot, Subject, Track
from worlds.sprites.textures import draw_texture

# Share of the frame that each subject covers, by how many there are. Our choice: large enough that a reference image
# at 160 x 288 has some 50 pixels a side, small enough that all of them fit and move.
_AREAS: Final = {1: (0.09, 0.17), 2: (0.07, 0.12), 3: (0.055, 0.085)}

_EDGE: Final = 0.03  # free space at the frame's border, in world units
_FREE_WAY: Final = {1: 0.45, 2: 0.36, 3: 0.3}  # least share of the frame's width to move in, by size of the group
_TALLEST: Final = 0.68
_TALLEST_IN_COMPANY: Final = {Medium.GROUND: 0.5, Medium.SURFACE: 0.48, Medium.AIR: 0.42, Medium.WATER: 0.45}
_PAN: Final = 0.16
_ZOOM: Final = 1.12
_SHAKE: Final = 0.012

_OCCLUDER_HEIGHTS: Final = {
    OccluderKind.BUSH: (0.17, 0.23),
    OccluderKind.TREE: (1.3, 1.5),
    OccluderKind.ROCK: (0.14, 0.2),
    OccluderKind.CACTUS: (0.4, 0.5),
    OccluderKind.PINE: (0.4, 0.5),
    OccluderKind.WEED: (0.45, 0.7),
    OccluderKind.POST: (0.75, 0.9),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The size of a shot; `aspect` is width / height."""

    frames: int
    fps: float
    aspect: float

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (self.frames - 1) / self.fps


def arrange(rng: Rng, place: Place, cast: Sequence[Role], size: Format, *, occluder_share: float) -> Shot:
    """A shot with this cast, in which roles of one medium must stand together: they go in a row, the last one leading.

    What stands still comes last in the cast. With probability `occluder_share` something stands in front.
    """
    camera = _camera(rng, size.aspect)
    subjects: list[Subject] = []
    company = len({role.gait.medium for role in cast}) > 1
    for (medium, is_still), members in groupby(cast, key=lambda role: (role.gait.medium, role.gait.is_still)):
        group = list(members)
        tallest = min(_TALLEST_IN_COMPANY[medium] if company else _TALLEST, _standing(place, medium)[1] - 2 * _EDGE)
        sizes = _sizes(rng, group, size.aspect, count=len(cast), tallest=tallest)
        if is_still:
            subjects.append(_stand(rng, place, group[0], sizes[0], camera, size))
        else:
            subjects.extend(_march(rng, place, group, sizes, camera, size))
    subjects.sort(key=lambda subject: subject.track.start[1])
    moving = [subject for subject in subjects if subject.track.start != subject.track.end]
    hideable = [subject for subject in moving if subject.casts_shadow or place == Place.SEA]
    has_occluder = bool(hideable) and bool(SETTINGS[place].occluders) and chance(rng, occluder_share)
    return Shot(
        place=place,
        seed=int(rng.integers(2**31)),
        frames=size.frames,
        fps=size.fps,
        camera=camera,
        subjects=tuple(subjects),
        occluders=(_occluder(rng, place, hideable[-1]),) if has_occluder else (),
    )


def _camera(rng: Rng, aspect: float) -> Camera:
    pan, rise = rng.uniform(-_PAN, _PAN), rng.uniform(-0.02, 0.02)
    return Camera(
        start=(aspect / 2 - pan, 0.5 - rise),
        end=(aspect / 2 + pan, 0.5 + rise),
        start_zoom=between(rng, 1.0, _ZOOM),
        end_zoom=between(rng, 1.0, _ZOOM),
        shake=between(rng, 0, _SHAKE),
        seed=int(rng.integers(2**31)),
    )


def _standing(place: Place, medium: Medium) -> tuple[float, float]:
    return SETTINGS[place].standing[medium]


def _sizes(rng: Rng, group: Sequence[Role], aspect: float, *, count: int, tallest: float) -> list[float]:
    """World units per sprite unit, such that the group leaves a way to move."""
    sizes = []
    for role in group:
        wanted = np.sqrt(rng.uniform(*_AREAS[count]) * aspect / SHAPES[role.word].area())
        sizes.append(min(float(wanted), tallest / (_height(role) + role.gait.hop)))
    total = sum(size * _width(role) for size, role in zip(sizes, group, strict=True))
    room = aspect * (1 - _FREE_WAY[len(group)]) - 2 * _EDGE
    return [size * min(1.0, room / total) for size in sizes]


def _width(role: Role) -> float:
    x0, _, x1, _ = SHAPES[role.word].bounds()
    return x1 - x0


def _march(
    rng: Rng, place: Place, group: Sequence[Role], sizes: Sequence[float], camera: Camera, size: Format
) -> list[Subject]:
    """The group one behind the other, all in one direction."""
    facing = int(rng.choice([-1, 1]))
    widths = [_width(role) * unit for role, unit in zip(group, sizes, strict=True)]
    free = size.aspect - 2 * _EDGE - sum(widths)
    travel = free * between(rng, *group[0].gait.travel)
    left = _EDGE + rng.uniform(0, free - travel)
    subjects = []
    for role, unit, width in zip(group, sizes, widths, strict=True):
        x = left + width / 2
        left += width
        ways = (x, x + travel) if facing > 0 else (size.aspect - x, size.aspect - x - travel)
        low, high = _standing(place, role.gait.medium)
        tallest = unit * (_height(role) + role.gait.hop)
        low = min(max(low, tallest + _EDGE), high)
        rise = rng.uniform(-0.1, 0.1) if role.gait.medium in (Medium.AIR, Medium.WATER) else 0.0
        y = rng.uniform(low, high)
        end_y = float(np.clip(y + rise, low, high))
        track = _track(role, unit, camera, size, ((ways[0], y), (ways[1], end_y)))
        subjects.append(
            Subject(
                word=role.word,
                kind=role.kind,
                texture=draw_texture(rng),
                size=unit,
                facing=facing,
                track=track,
                casts_shadow=role.gait.medium in (Medium.GROUND, Medium.SURFACE),
            )
        )
    return subjects


def _stand(rng: Rng, place: Place, role: Role, unit: float, camera: Camera, size: Format) -> Subject:
    """Something that stands still far back, where the camera looks half-way through."""
    to_world = invert(camera.view(size.seconds / 2, 0.5, height=1.0, width=size.aspect))
    low, high = _standing(place, role.gait.medium)
    on_screen = (size.aspect * rng.uniform(0.3, 0.7), min(max(low, unit * _height(role) + _EDGE), high))
    x, y = apply(to_world, np.array([on_screen]))[0]
    spot = (float(x), float(y))
    return Subject(
        word=role.word,
        kind=role.kind,
        texture=draw_texture(rng),
        size=unit,
        facing=int(rng.choice([-1, 1])),
        track=Track(start=spot, end=spot, cycle_hz=0.0),
        casts_shadow=True,
    )


def _height(role: Role) -> float:
    _, y0, _, y1 = SHAPES[role.word].bounds()
    return y1 - y0


def _track(role: Role, unit: float, camera: Camera, size: Format, on_screen: tuple[Point, Point]) -> Track:
    """The way through the world that shows as `on_screen` while the camera moves."""
    gait = role.gait
    ends = []
    for point, time_s, progress in zip(on_screen, (0.0, size.seconds), (0.0, 1.0), strict=True):
        to_world = invert(camera.view(time_s, progress, height=1.0, width=size.aspect))
        x, y = apply(to_world, np.array([point]))[0]
        ends.append((float(x), float(y)))
    around = np.pi * unit * _height(role)
    return Track(
        start=ends[0],
        end=ends[1],
        cycle_hz=gait.cycle_hz,
        hop=gait.hop * unit,
        sway=gait.sway * unit,
        tilt_deg=gait.tilt_deg,
        turns=abs(ends[1][0] - ends[0][0]) / around if gait.rolls else 0.0,
    )


def _occluder(rng: Rng, place: Place, front: Subject) -> Occluder:
    """Something in front of the foremost subject, on its way."""
    kind = choose(rng, SETTINGS[place].occluders)
    start, end = front.track.start, front.track.end
    x = start[0] + (end[0] - start[0]) * rng.uniform(0.25, 0.75)
    return Occluder(
        kind=kind,
        base=(float(x), 1.02 if place == Place.SEA else max(start[1], end[1]) + between(rng, 0.03, 0.07)),
        height=between(rng, *_OCCLUDER_HEIGHTS[kind]),
        seed=int(rng.integers(2**31)),
    )
