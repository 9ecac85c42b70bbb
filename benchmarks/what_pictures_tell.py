"""What reference pictures tell of the clip they are given for, in a world in which copying can cheat (docs/proof.md).

A model can copy of a picture only what the picture shows. So the pictures are read, in closed form: they are compared
with pictures of the same subject in every state, changed as those of training are, and taken to show the state that
comes nearest. The reader knows the texture and how pictures are changed; no model knows more.

    python -m benchmarks.what_pictures_tell [--subjects 40]
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from modeling.data.augmentation import augment, draw_augmentation
from modeling.encoders.cosine_patches import white_square
from pipelines.proof.scores import share
from worlds.affine import compose, invert
from worlds.arrays import Rgba
from worlds.sprites import (
    CELL,
    REACH,
    SHAPES,
    Change,
    ChangesConfig,
    SmallWorldConfig,
    State,
    Subject,
    Texture,
    alternatives,
    canvas_map,
    draw_sprite,
    light,
    lit,
    paint_texture,
    plan_in_small_world,
    sides,
    sprite_pose,
    sprite_size,
)

WORLD: Final = SmallWorldConfig(
    seed=5,
    frames=18,
    height=144,
    width=144,
    subjects=(1,),
    words=("cat", "elephant"),
    changes=ChangesConfig(kinds=tuple(Change)),
)

# As the encoder of the proof sees a picture.
_IMAGE_SIDE: Final = 32

# Pictures of every state that the reader compares with.
_KNOWN: Final = 16

# Curation's outlines of these sprites are good to about so much.
_EDGE_PX: Final = 2

Seen = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to give references.

    Attributes:
        augments: as in Table 4.
        is_of_another_time: cut from the frames after the clip, in which the state is another.
        pictures: of each subject.
    """

    name: str
    augments: bool
    is_of_another_time: bool
    pictures: int = 3


WAYS: Final = (
    Way(name="pictures of the clip", augments=False, is_of_another_time=False),
    Way(name="one of them (A.3 draws one to three)", augments=False, is_of_another_time=False, pictures=1),
    Way(name="augmented", augments=True, is_of_another_time=False),
    Way(name="one of them, augmented", augments=True, is_of_another_time=False, pictures=1),
    Way(name="of another time", augments=False, is_of_another_time=True),
    Way(name="of another time, augmented", augments=True, is_of_another_time=True),
)


def cut_out(subject: Subject, state: State) -> Image.Image:
    """A subject in a state, cut out to its edges, in the size that it has in a frame."""
    scale = WORLD.height
    sprite = lit(_upright(subject.word, subject.texture), light(state))
    side = sprite.shape[0]
    room = round(1.5 * CELL * scale)
    pose = sprite_pose(subject.word, state) * scale
    pose[:, 2] += (room - CELL * scale) / 2
    laid: Rgba = np.asarray(cv2.warpAffine(sprite, compose(pose, invert(canvas_map(side))), (room, room)))
    rows, columns = (np.flatnonzero((laid[..., 3] > 127).any(axis=axis)) for axis in (1, 0))
    cut = laid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    colors = np.clip(cut[..., :3] * 255 / np.maximum(cut[..., 3:], 1), 0, 255)
    return Image.fromarray(np.dstack([colors, 255.0 * (cut[..., 3] > 127)]).astype(np.uint8))


@lru_cache(maxsize=1)
def _upright(word: str, texture: Texture) -> Rgba:
    """The sprite, which is drawn once for all states."""
    side = round(2 * REACH * sprite_size(word) * WORLD.height)
    return draw_sprite(SHAPES[word], paint_texture(texture, side), phase=0.0)


def seen(picture: Image.Image, generator: np.random.Generator, *, augments: bool) -> Seen:
    """What the encoder sees of a picture, whose edges are where curation saw them."""
    left, top, right, bottom = generator.integers(-_EDGE_PX, _EDGE_PX + 1, size=4).tolist()
    picture = picture.crop((left, top, picture.width + right, picture.height + bottom))
    if augments:
        picture = augment(picture, draw_augmentation(*picture.size, generator))
    return np.asarray(white_square(picture, side=_IMAGE_SIDE), np.float32).ravel()


def read(shown: Sequence[Seen], known: Mapping[State, Seen]) -> State:
    """The state that comes nearest to all pictures together."""

    def distance(state: State) -> float:
        return sum(float(np.square(known[state] - one).sum(axis=1).min()) for one in shown)

    return min(known, key=distance)


def answers(way: Way, index: int) -> dict[Change, bool]:
    """Of every change, whether the pictures that are given for a clip tell its side in the clip."""
    generator = np.random.default_rng([WORLD.seed, index])
    clip, after = (shot.subjects[0] for shot in plan_in_small_world(WORLD, index).shots)
    pictures = {state: cut_out(clip, state) for state in alternatives(clip.state)}
    known = {
        state: np.stack([seen(picture, generator, augments=way.augments) for _ in range(_KNOWN if way.augments else 1)])
        for state, picture in pictures.items()
    }
    given = pictures[after.state if way.is_of_another_time else clip.state]
    shown = [seen(given, generator, augments=way.augments) for _ in range(way.pictures)]
    told = sides(read(shown, known))
    return {change: told[change] == side for change, side in sides(clip.state).items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=40)
    subjects = parser.parse_args().subjects
    print(f"| pictures | {' | '.join(Change)} |\n|---|{'---|' * len(Change)}")
    for way in WAYS:
        found = [answers(way, index) for index in range(subjects)]
        cells = ["{:.2f} ({:.2f} to {:.2f})".format(*share([each[change] for each in found])) for change in Change]
        print(f"| {way.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
