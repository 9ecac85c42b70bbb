"""Who may appear where, and how they move: the vocabulary of the sprite world."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dataset_schema import EntityKind
from worlds.sprites.shot import OccluderKind, Place


class Medium(StrEnum):
    """What a subject moves on or in."""

    GROUND = "ground"
    AIR = "air"
    WATER = "water"
    SURFACE = "surface"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gait:
    """A way of moving.

    Attributes:
        verb: as in "a cat runs"; `plain` as in "a cat and a dog run"; `gerund` as in "a cat is running".
        travel: smallest and largest share of the free way that is covered in a clip.
        hop: height of a hop, in sprite units; so is `sway`.
        rolls: whether it turns with the way it covers.
        cycle_hz: 0 for what stands still.
    """

    verb: str
    plain: str
    gerund: str
    medium: Medium
    travel: tuple[float, float]
    cycle_hz: float
    hop: float = 0.0
    sway: float = 0.0
    tilt_deg: float = 0.0
    rolls: bool = False

    @property
    def is_still(self) -> bool:
        """Whether it stands where it is."""
        return self.cycle_hz == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A shape's part in the world.

    Attributes:
        fits_indoors: whether it may appear in a room.
    """

    kind: EntityKind
    gaits: tuple[Gait, ...]
    fits_indoors: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A place's part in the world.

    Attributes:
        opening: how a sentence may begin: "In a meadow".
        passages: how one moves there, by medium: "across a meadow".
        standing: lowest and highest world y at which a subject's lowest point may be, by medium.
    """

    opening: str
    passages: dict[Medium, tuple[str, ...]]
    standing: dict[Medium, tuple[float, float]]
    occluders: tuple[OccluderKind, ...] = ()


_WALK: Final = Gait(
    verb="walks", plain="walk", gerund="walking", medium=Medium.GROUND, travel=(0.6, 0.85), cycle_hz=1.6, hop=0.04
)
_RUN: Final = Gait(
    verb="runs",
    plain="run",
    gerund="running",
    medium=Medium.GROUND,
    travel=(0.85, 1.0),
    cycle_hz=2.6,
    hop=0.13,
    tilt_deg=3,
)
_HOP: Final = Gait(
    verb="hops",
    plain="hop",
    gerund="hopping",
    medium=Medium.GROUND,
    travel=(0.7, 1.0),
    cycle_hz=2.0,
    hop=0.4,
    tilt_deg=7,
)
_TROT: Final = Gait(
    verb="trots",
    plain="trot",
    gerund="trotting",
    medium=Medium.GROUND,
    travel=(0.75, 1.0),
    cycle_hz=2.2,
    hop=0.1,
    tilt_deg=2,
)
_CRAWL: Final = Gait(
    verb="crawls", plain="crawl", gerund="crawling", medium=Medium.GROUND, travel=(0.6, 0.8), cycle_hz=1.6, tilt_deg=2
)
_SWIM: Final = Gait(
    verb="swims",
    plain="swim",
    gerund="swimming",
    medium=Medium.WATER,
    travel=(0.7, 1.0),
    cycle_hz=2.0,
    sway=0.08,
    tilt_deg=5,
)
_PADDLE: Final = Gait(
    verb="swims",
    plain="swim",
    gerund="swimming",
    medium=Medium.SURFACE,
    travel=(0.65, 0.95),
    cycle_hz=1.6,
    sway=0.04,
    tilt_deg=4,
)
_FLY: Final = Gait(
    verb="flies",
    plain="fly",
    gerund="flying",
    medium=Medium.AIR,
    travel=(0.75, 1.0),
    cycle_hz=3.0,
    sway=0.08,
    tilt_deg=4,
)
_DRIFT: Final = Gait(
    verb="drifts",
    plain="drift",
    gerund="drifting",
    medium=Medium.AIR,
    travel=(0.6, 0.85),
    cycle_hz=1.0,
    sway=0.06,
    tilt_deg=6,
)
_FLOAT: Final = Gait(
    verb="floats",
    plain="float",
    gerund="floating",
    medium=Medium.AIR,
    travel=(0.6, 0.85),
    cycle_hz=0.9,
    sway=0.05,
    tilt_deg=3,
)
_DRIVE: Final = Gait(
    verb="drives",
    plain="drive",
    gerund="driving",
    medium=Medium.GROUND,
    travel=(0.75, 1.0),
    cycle_hz=3.0,
    hop=0.02,
    tilt_deg=1,
)
_ROLL: Final = Gait(
    verb="rolls", plain="roll", gerund="rolling", medium=Medium.GROUND, travel=(0.7, 1.0), cycle_hz=1.0, rolls=True
)
_BOUNCE: Final = Gait(
    verb="bounces",
    plain="bounce",
    gerund="bouncing",
    medium=Medium.GROUND,
    travel=(0.6, 0.9),
    cycle_hz=1.8,
    hop=0.7,
    rolls=True,
)
_SAIL: Final = Gait(
    verb="sails",
    plain="sail",
    gerund="sailing",
    medium=Medium.SURFACE,
    travel=(0.65, 0.95),
    cycle_hz=1.0,
    sway=0.04,
    tilt_deg=6,
)

_STAND: Final = Gait(
    verb="stands", plain="stand", gerund="standing", medium=Medium.GROUND, travel=(0.0, 0.0), cycle_hz=0
)
_ANCHOR: Final = Gait(verb="lies", plain="lie", gerund="lying", medium=Medium.SURFACE, travel=(0.0, 0.0), cycle_hz=0)

ACTORS: Final[dict[str, Actor]] = {
    "cat": Actor(kind=EntityKind.SUBJECT, gaits=(_WALK, _RUN)),
    "dog": Actor(kind=EntityKind.SUBJECT, gaits=(_WALK, _RUN)),
    "rabbit": Actor(kind=EntityKind.SUBJECT, gaits=(_HOP,)),
    "horse": Actor(kind=EntityKind.SUBJECT, gaits=(_WALK, _TROT), fits_indoors=False),
    "elephant": Actor(kind=EntityKind.SUBJECT, gaits=(_WALK,), fits_indoors=False),
    "turtle": Actor(kind=EntityKind.SUBJECT, gaits=(_CRAWL, _SWIM)),
    "fish": Actor(kind=EntityKind.SUBJECT, gaits=(_SWIM,)),
    "bird": Actor(kind=EntityKind.SUBJECT, gaits=(_FLY,)),
    "duck": Actor(kind=EntityKind.SUBJECT, gaits=(_PADDLE,)),
    "car": Actor(kind=EntityKind.OBJECT, gaits=(_DRIVE, _STAND), fits_indoors=False),
    "ball": Actor(kind=EntityKind.OBJECT, gaits=(_ROLL, _BOUNCE, _STAND)),
    "kite": Actor(kind=EntityKind.OBJECT, gaits=(_DRIFT,)),
    "balloon": Actor(kind=EntityKind.OBJECT, gaits=(_FLOAT,)),
    "boat": Actor(kind=EntityKind.OBJECT, gaits=(_SAIL, _ANCHOR)),
}

_OPEN_AIR: Final = (0.34, 0.56)
_ON_GROUND: Final = (0.74, 0.96)

ANIMALS: Final = tuple(word for word, actor in ACTORS.items() if actor.kind is EntityKind.SUBJECT)

SETTINGS: Final[dict[Place, Setting]] = {
    Place.MEADOW: Setting(
        opening="In a meadow",
        passages={Medium.GROUND: ("across a meadow", "through a meadow"), Medium.AIR: ("over a meadow",)},
        standing={Medium.GROUND: _ON_GROUND, Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.BUSH, OccluderKind.TREE),
    ),
    Place.BEACH: Setting(
        opening="On a beach",
        passages={Medium.GROUND: ("along a beach", "across a beach"), Medium.AIR: ("over a beach",)},
        standing={Medium.GROUND: _ON_GROUND, Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.ROCK,),
    ),
    Place.DESERT: Setting(
        opening="In a desert",
        passages={Medium.GROUND: ("across a desert", "through a desert"), Medium.AIR: ("over a desert",)},
        standing={Medium.GROUND: _ON_GROUND, Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.CACTUS, OccluderKind.ROCK),
    ),
    Place.SNOW: Setting(
        opening="In the snow",
        passages={Medium.GROUND: ("across the snow", "through the snow"), Medium.AIR: ("over the snow",)},
        standing={Medium.GROUND: _ON_GROUND, Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.PINE,),
    ),
    Place.FOREST: Setting(
        opening="In a forest",
        passages={Medium.GROUND: ("through a forest",), Medium.AIR: ("through a forest",)},
        standing={Medium.GROUND: _ON_GROUND, Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.TREE, OccluderKind.BUSH),
    ),
    Place.STREET: Setting(
        opening="On a street",
        passages={Medium.GROUND: ("along a street", "down a street"), Medium.AIR: ("over a street",)},
        standing={Medium.GROUND: (0.8, 0.96), Medium.AIR: _OPEN_AIR},
        occluders=(OccluderKind.POST,),
    ),
    Place.ROOM: Setting(
        opening="In a room",
        passages={Medium.GROUND: ("across a room",)},
        standing={Medium.GROUND: _ON_GROUND},
    ),
    Place.SEA: Setting(
        opening="In the sea",
        passages={Medium.WATER: ("through the sea", "in the sea")},
        standing={Medium.WATER: (0.5, 0.92)},
        occluders=(OccluderKind.WEED,),
    ),
    Place.LAKE: Setting(
        opening="On a lake",
        passages={Medium.SURFACE: ("across a lake", "on a lake"), Medium.AIR: ("over a lake",)},
        standing={Medium.SURFACE: (0.72, 0.92), Medium.AIR: _OPEN_AIR},
    ),
    Place.SKY: Setting(
        opening="In the sky",
        passages={Medium.AIR: ("through the sky", "across the sky")},
        standing={Medium.AIR: (0.5, 0.92)},
    ),
}


@dataclass(frozen=True, slots=True)
class Role:
    """An actor and how it moves."""

    word: str
    gait: Gait

    @property
    def kind(self) -> EntityKind:
        """Subject for an animal, object for a thing."""
        return ACTORS[self.word].kind


def roles(place: Place, kind: EntityKind, *, still: bool = False) -> list[Role]:
    """Every actor of a kind that can move, or stand still, in a place, in each of its ways."""
    media = SETTINGS[place].passages
    return [
        Role(word, gait)
        for word, actor in ACTORS.items()
        if actor.kind == kind and (actor.fits_indoors or place != Place.ROOM)
        for gait in actor.gaits
        if gait.medium in media and gait.is_still == still
    ]
