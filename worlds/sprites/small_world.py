"""A small world for proofs: one to three sprites glide over a still place, each in its own region, as the caption says.

The layout follows from the words alone, so that a small model can learn it in minutes and what is left to learn is what
the sprites wear. Textures are drawn anew for every subject and never named. Where its
state changes (`changes`), a picture of a subject also shows what the clip that it is given for need not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from dataset_schema import EntityKind
from storage.configs import PRESET_ONLY, strict
from storage.numbers import expect_at_least
from worlds.affine import Affine, Points, apply, compose, taking
from worlds.chances import Rng, between, chance
from worlds.sprites.captions import sentence, with_article
from worlds.sprites.cast import ACTORS
from worlds.sprites.changes import ChangesConfig
from worlds.sprites.clip_plan import ClipKind, ClipPlan, Word, expect_shares, expect_storable
from worlds.sprites.shapes import Point
from worlds.sprites.shot import SHAPES, Camera, Place, Shot, Subject, Track
from worlds.sprites.states import State, facing, leaning, size
from worlds.sprites.textures import Pattern, Texture, draw_texture

# In world units, which are frame heights: a subject has a cell, and a cell moves within a region of height 1.
CELL: Final = 2 / 3
_TRAVEL: Final = 1 / 3
_FILL: Final = 0.94  # of the cell, by the longer side of the sprite
_PHASE: Final = 0.0  # of the cycle, in which every sprite is shown

# Our choice: patterns with few, large fields, because a sprite of 32 pixels shows no others.
_PATTERNS: Final = (
    Pattern.HALVES,
    Pattern.STRIPES,
    Pattern.CHECKS,
    Pattern.GRADIENT,
    Pattern.PATCHES,
    Pattern.DOTS,
)
_PERIOD: Final = (0.3, 0.5)

_MOST_SUBJECTS: Final = 3


class Way(StrEnum):
    """Where a subject goes; the last word of "a cat moves left"."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


_BACKWARDS: Final = (Way.LEFT, Way.UP)  # towards smaller coordinates
_SIDEWAYS: Final = (Way.LEFT, Way.RIGHT)

# How a caption says where.
_PASSAGES: Final = {
    Place.MEADOW: "in the meadow",
    Place.BEACH: "on the beach",
    Place.DESERT: "in the desert",
    Place.SNOW: "in the snow",
    Place.SEA: "in the sea",
    Place.SKY: "in the sky",
}


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SmallWorldConfig:
    """What a small world shows.

    Captions name the subjects from left to right.

    Attributes:
        clips: how many files.
        subjects: numbers of subjects, which take turns from clip to clip; each from 1 to 3 and at most width / height.
        same_word_share: of the clips with several subjects, those in which all have one word, so that only the place in
            the caption tells which picture belongs to whom. In the others all words differ.
        words: shapes to draw from.
        places: backdrops to draw from; each always looks the same.
        jitter: how far ways may lie off the grid of a third of the frame's height. At 0 every way goes from one point
            of the grid to the next, which a small model learns several times sooner; at 1 a way lies anywhere within
            the subject's region and covers at least half of that third.
        changes: of what pictures of a subject show beside its texture.
    """

    profile: Literal["small_world"] = "small_world"
    seed: int = 0
    clips: int = 40
    frames: int = 17
    fps: int = 24
    height: int = 192
    width: int = 384
    subjects: tuple[int, ...] = (1, 2)
    same_word_share: float = 0.3
    words: tuple[str, ...] = ("elephant", "cat", "fish", "rabbit")
    places: tuple[Place, ...] = (Place.MEADOW, Place.BEACH, Place.SNOW, Place.SEA)
    jitter: float = 0.0
    changes: ChangesConfig = field(default_factory=ChangesConfig, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if self.clips < 1 or self.frames < 2:
            raise ValueError(f"small world has {self.clips} clips of {self.frames} frames, expected at least 1 of 2")
        expect_at_least(0, "small world", self, "seed")
        expect_at_least(1, "small world", self, "fps")
        expect_storable("small world", self.height, self.width)
        most = min(_MOST_SUBJECTS, self.width // self.height)
        if not self.subjects or not set(self.subjects) <= set(range(1, most + 1)):
            raise ValueError(
                f"small world of {self.height}x{self.width} has {self.subjects} subjects, expected 1 to {most}"
            )
        _expect_known("words", self.words, ACTORS)
        _expect_known("places", self.places, _PASSAGES)
        expect_shares(same_word_share=self.same_word_share, jitter=self.jitter)
        if self.same_word_share < 1 and len(set(self.words)) < max(self.subjects):
            raise ValueError(
                f"small world has {max(self.subjects)} subjects of different words, but only the words "
                f"{', '.join(self.words)}; name more, or set same_word_share to 1"
            )


def plan_in_small_world(config: SmallWorldConfig, index: int) -> ClipPlan:
    """The clip at `index`: the same arguments give the same clip."""
    rng = np.random.default_rng([config.seed, index])
    count = config.subjects[index % len(config.subjects)]
    place = Place(rng.choice(config.places))
    words = [str(word) for word in rng.permutation(config.words)]
    words = words[:1] * count if chance(rng, config.same_word_share) else words[:count]
    ways = [Way(rng.choice(list(Way))) for _ in words]
    aspect = config.width / config.height
    subjects = tuple(
        _subject(rng, word, way, left=region_left(number, count, aspect), jitter=config.jitter)
        for number, (word, way) in enumerate(zip(words, ways, strict=True))
    )
    lengths = config.changes.lengths(config.frames)
    states = [[config.changes.draw_state(rng) for _ in words] for _ in lengths]
    told = [config.changes.draw_told(rng, state) for state in states[0]]
    return ClipPlan(
        index=index,
        kind=ClipKind.DESIRABLE,
        caption=tell(told, words, ways, place),
        words=(
            *(Word(word=word, kind=ACTORS[word].kind) for word in words),
            Word(word=place.value, kind=EntityKind.BACKGROUND),
        ),
        shots=tuple(
            Shot(
                place=place,
                seed=0,
                frames=frames,
                fps=config.fps,
                camera=_still_camera(aspect),
                subjects=tuple(in_state(subject, state) for subject, state in zip(subjects, each, strict=True)),
            )
            for frames, each in zip(lengths, states, strict=True)
        ),
    )


def tell(told: Sequence[State], words: Sequence[str], ways: Sequence[Way], place: Place) -> str:
    """The caption: of every subject its word, what is told of its state, and its way; then the place."""
    parts = [
        f"{', '.join((with_article(word), *state))}{',' if state else ''} moves {way}"
        for word, state, way in zip(words, told, ways, strict=True)
    ]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return sentence(f"{listed} {_PASSAGES[place]}")


def draw_small_texture(rng: Rng) -> Texture:
    """A texture of large fields; see `_PATTERNS`."""
    return replace(draw_texture(rng), pattern=Pattern(rng.choice(_PATTERNS)), period=between(rng, *_PERIOD))


def sprite_size(word: str) -> float:
    """World units per sprite unit at which the shape fills its cell."""
    x0, y0, x1, y1 = SHAPES[word].bounds_at(_PHASE)
    return CELL * _FILL / max(x1 - x0, y1 - y0)


def sprite_pose(word: str, state: State = ()) -> Affine:
    """The map from sprite units to world units that puts the sprite in the middle of the cell [0, CELL) x [0, CELL)."""
    unit = sprite_size(word)
    x0, y0, x1, y1 = SHAPES[word].bounds_at(_PHASE)
    upright = np.array([[unit, 0.0, (CELL - unit * (x0 + x1)) / 2], [0.0, unit, (CELL - unit * (y0 + y1)) / 2]])
    return compose(_in_cell(state), compose(upright, leaning(SHAPES[word], state)))


def _in_cell(state: State) -> Affine:
    """The map of the cell to itself that mirrors and shrinks, about its middle."""
    middle = (CELL / 2, CELL / 2)
    return taking(middle, middle, size(state) * np.diag((facing(state), 1.0)))


def _expect_known(name: str, found: Sequence[str], known: Collection[str]) -> None:
    unknown = [each for each in found if each not in known]
    if unknown or not found:
        raise ValueError(f"small world has {name} {', '.join(unknown) or 'none'}, expected some of {', '.join(known)}")


def region_left(number: int, count: int, aspect: float) -> float:
    """Left edge of a subject's region: side by side around the middle, on the grid."""
    first = np.floor((aspect - count) / 2 / _TRAVEL + 1e-9) * _TRAVEL
    return float(first + number)


def _subject(rng: Rng, word: str, way: Way, *, left: float, jitter: float) -> Subject:
    ground = _ground(word)[0]
    ends = [(left + _TRAVEL * x + ground[0], _TRAVEL * y + ground[1]) for x, y in _ends(rng, way, jitter)]
    return Subject(
        word=word,
        kind=ACTORS[word].kind,
        texture=draw_small_texture(rng),
        size=sprite_size(word),
        facing=1,
        track=Track(start=ends[0], end=ends[1], cycle_hz=0.0),
        casts_shadow=False,
    )


def _ground(word: str) -> Points:
    """The one point that the track leads, within the cell: below the middle of the sprite at rest."""
    x0, _, x1, y1 = SHAPES[word].bounds()
    return apply(sprite_pose(word), np.array([[(x0 + x1) / 2, y1]]))


def in_state(subject: Subject, state: State) -> Subject:
    """A subject without a state in one, on its way: its cell is where it was."""
    ground = _ground(subject.word)
    x, y = (apply(_in_cell(state), ground) - ground)[0]
    start, end = subject.track.start, subject.track.end
    return replace(
        subject,
        size=subject.size * size(state),
        facing=facing(state),
        track=replace(subject.track, start=(start[0] + x, start[1] + y), end=(end[0] + x, end[1] + y)),
        state=state,
    )


def _ends(rng: Rng, way: Way, jitter: float) -> list[Point]:
    """Where the cell begins and ends within its region, in shares of the travel along x and y."""
    begins, stops, across = (float(share) for share in jitter * rng.uniform(0, (0.25, 0.25, 1.0)))
    along = (begins, 1 - stops)
    if way in _BACKWARDS:
        along = (1 - begins, stops)
    return [(share, across) if way in _SIDEWAYS else (across, share) for share in along]


def _still_camera(aspect: float) -> Camera:
    middle = (aspect / 2, 0.5)
    return Camera(start=middle, end=middle, start_zoom=1.0, end_zoom=1.0, shake=0.0, seed=0)
