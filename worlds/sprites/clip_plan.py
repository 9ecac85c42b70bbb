"""Which clip comes at which index of a world: a pure function of the configuration and the index."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

import numpy as np

from dataset_schema import EntityKind
from storage.configs import strict
from storage.numbers import expect_at_least
from worlds.chances import Rng, chance
from worlds.sprites.arrangement import Format, arrange
from worlds.sprites.captions import describe, describe_plural
from worlds.sprites.cast import ACTORS, Role, roles
from worlds.sprites.shot import Place, Shot
from worlds.sprites.textures import Texture, draw_texture


class ClipKind(StrEnum):
    """What a clip is good for; all but the first should be rejected, or fail, for the reason in their name."""

    DESIRABLE = "desirable"
    TWO_SHOTS = "two_shots"
    NOT_A_VIDEO = "not_a_video"
    PLURAL_SUBJECT = "plural_subject"
    PHOTOGRAPH = "photograph"
    NO_SUBJECT = "no_subject"
    DAMAGED = "damaged"


_UNDESIRABLE: Final = tuple(kind for kind in ClipKind if kind != ClipKind.DESIRABLE)
_SUBJECT_COUNTS: Final = (0.5, 0.35, 0.15)
_STILL_SHARE: Final = 0.5  # of the clips of several sprites, in which one stands still
_SHORTEST_SHOT: Final = 8
_AGAIN: Final = 7  # what is drawn for subjects that come again disturbs nothing else


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SpriteWorldConfig:
    """What a sprite world looks like.

    Attributes:
        clips: how many files.
        max_subjects: sprites per clip; one to three.
        max_moving: how many of them may move; a further one is a thing that stands still. The embedded profile, which
            finds subjects by their motion, tells them apart only where a single one moves.
        undesirable_share: share of clips that curation should not keep, spread evenly and of every kind in turn.
        occluder_share: share of clips in which something stands in front of a subject.
        looks: how many textures each shape has in this world, so that the same cat comes again among other cats; 0
            gives every subject one of its own.
    """

    profile: Literal["nature"] = "nature"
    seed: int = 0
    clips: int = 40
    frames: int = 49
    fps: int = 24
    height: int = 160
    width: int = 288
    max_subjects: int = 3
    max_moving: int = 3
    undesirable_share: float = 0.25
    occluder_share: float = 0.3
    looks: int = 0

    def __post_init__(self) -> None:
        if self.clips < 1 or self.frames < 2 * _SHORTEST_SHOT:
            raise ValueError(
                f"sprite world has {self.clips} clips of {self.frames} frames, "
                f"expected at least 1 clip of at least {2 * _SHORTEST_SHOT} frames"
            )
        expect_at_least(0, "sprite world", self, "seed", "looks")
        expect_at_least(1, "sprite world", self, "fps")
        expect_storable("sprite world", self.height, self.width)
        for name in ("max_subjects", "max_moving"):
            if not 1 <= getattr(self, name) <= len(_SUBJECT_COUNTS):
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 to {len(_SUBJECT_COUNTS)}")
        expect_shares(undesirable_share=self.undesirable_share, occluder_share=self.occluder_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An entity word of a caption."""

    word: str
    kind: EntityKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlan:
    """A clip before it is drawn.

    Attributes:
        words: of the caption, subjects and objects in its order, the place last.
        shots: one, or two with a hard cut between them.
    """

    index: int
    kind: ClipKind
    caption: str
    words: tuple[Word, ...]
    shots: tuple[Shot, ...]


def expect_storable(world: str, height: int, width: int) -> None:
    """Refuse a size that its videos cannot have."""
    if height % 2 or width % 2 or min(height, width) < 32:
        raise ValueError(f"{world} is {height}x{width}, expected even numbers from 32 (H.264 stores 4:2:0)")


def expect_shares(**shares: float) -> None:
    """Refuse what is no share, by its name."""
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share}, expected a share in [0, 1]")


def plan_clip(config: SpriteWorldConfig, index: int) -> ClipPlan:
    """The clip at `index`: the same arguments give the same clip."""
    rng = np.random.default_rng([config.seed, index])
    kind = _kind(config, index)
    place = Place(rng.choice(list(Place)))
    cast = _cast(rng, place, kind, config)
    frames = config.frames
    if kind == ClipKind.TWO_SHOTS:
        frames = int(rng.integers(2 * config.frames // 5, 3 * config.frames // 5 + 1))
    shot = _shot(rng, place, cast, frames, config)
    shots: tuple[Shot, ...] = (_photograph(shot),) if kind == ClipKind.PHOTOGRAPH else (shot,)
    if kind == ClipKind.TWO_SHOTS:
        elsewhere = Place(rng.choice([other for other in Place if other != place]))
        others = _cast(rng, elsewhere, kind, config)
        shots = (shot, _shot(rng, elsewhere, others, config.frames - frames, config))
    if kind == ClipKind.PLURAL_SUBJECT:
        caption = describe_plural(rng, place, cast[0], len(cast))
        words = [Word(word=caption.split()[1], kind=EntityKind.SUBJECT)]
    else:
        facing = shot.subjects[0].facing if len(cast) == 1 else 1
        caption = describe(rng, place, cast, facing)
        words = [Word(word=role.word, kind=role.kind) for role in cast]
    words.append(Word(word=place.value, kind=EntityKind.BACKGROUND))
    if config.looks:
        again = np.random.default_rng([config.seed, index, _AGAIN])
        shots = tuple(_with_known_looks(again, each, config) for each in shots)
    return ClipPlan(index=index, kind=kind, caption=caption, words=tuple(words), shots=shots)


def _kind(config: SpriteWorldConfig, index: int) -> ClipKind:
    before, after = (int(config.undesirable_share * count + 1e-9) for count in (index, index + 1))
    return ClipKind.DESIRABLE if before == after else _UNDESIRABLE[before % len(_UNDESIRABLE)]


def _cast(rng: Rng, place: Place, kind: ClipKind, config: SpriteWorldConfig) -> list[Role]:
    """Roles, those of one medium together, what stands still last."""
    animals, things = (roles(place, entity_kind) for entity_kind in (EntityKind.SUBJECT, EntityKind.OBJECT))
    if kind == ClipKind.NO_SUBJECT:
        return _draw(rng, things, 1) if things and chance(rng, 0.5) else []
    first = _draw(rng, animals, 1)
    if kind == ClipKind.PLURAL_SUBJECT:
        return first * int(rng.integers(2, 4))
    if kind == ClipKind.PHOTOGRAPH:
        return first
    chances = np.array(_SUBJECT_COUNTS[: config.max_subjects])
    count = 1 + int(rng.choice(config.max_subjects, p=chances / chances.sum()))
    wants_still = count > config.max_moving or (count > 1 and chance(rng, _STILL_SHARE))
    still = _draw(rng, roles(place, EntityKind.OBJECT, still=True), int(wants_still))
    others = [role for role in animals + things if role.word not in {used.word for used in first + still}]
    cast = first + _draw(rng, others, min(count - len(still), config.max_moving) - 1)
    order = list(dict.fromkeys(role.gait.medium for role in cast))
    return sorted(cast, key=lambda role: order.index(role.gait.medium)) + still


def _draw(rng: Rng, candidates: list[Role], count: int) -> list[Role]:
    """Roles of different words."""
    drawn: list[Role] = []
    for place in rng.permutation(len(candidates)):
        role = candidates[int(place)]
        if len(drawn) < count and all(role.word != other.word for other in drawn):
            drawn.append(role)
    return drawn


def _shot(rng: Rng, place: Place, cast: list[Role], frames: int, config: SpriteWorldConfig) -> Shot:
    size = Format(frames=frames, fps=config.fps, aspect=config.width / config.height)
    return arrange(rng, place, cast, size, occluder_share=config.occluder_share)


def look(config: SpriteWorldConfig, word: str, number: int) -> Texture:
    """One of the textures that a shape has in a world where subjects come again."""
    return draw_texture(np.random.default_rng([config.seed, list(ACTORS).index(word), number, _AGAIN]))


def _with_known_looks(rng: Rng, shot: Shot, config: SpriteWorldConfig) -> Shot:
    """The same shot, its subjects in textures of the world's own."""
    return replace(
        shot,
        subjects=tuple(
            replace(subject, texture=look(config, subject.word, int(rng.integers(config.looks))))
            for subject in shot.subjects
        ),
    )


def _photograph(shot: Shot) -> Shot:
    """Its middle as a still picture that the camera moves in on."""
    (x0, y0), (x1, y1) = shot.camera.start, shot.camera.end
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    camera = replace(shot.camera, start=middle, end=middle, start_zoom=1.0, end_zoom=1.25, shake=0.0)
    return replace(shot, camera=camera, is_photograph=True)
