"""`sprites`: writes a sprite world, for trying things out and for measuring."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pipelines.config import parse
from pipelines.progress import progress
from pipelines.written_places import WRITES_FOLDER
from worlds.sprites import SmallWorldConfig, SpriteWorldConfig, make_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprites:
    """Generate videos of moving sprites with captions, and the truth about every frame.

    Example: python -m pipelines sprites --output out/sprites --world.clips 40

    A small world: python -m pipelines sprites --output out/small --world.profile small_world --world.same-word-share 1

    Attributes:
        output: folder for the videos, `manifest.csv` and the truth.
        world: what the world looks like; `profile` chooses another kind of world.
    """

    output: Path = field(metadata=WRITES_FOLDER)
    world: SpriteWorldConfig | SmallWorldConfig = field(default_factory=SpriteWorldConfig)


def main(arguments: Sequence[str]) -> int:
    """Generate a world, with a progress bar."""
    command = parse(Sprites, arguments, verb="sprites")
    with progress("sprites", total=command.world.clips, unit="clip") as report:
        done = count(1)
        manifest = make_world(command.output, command.world, on_clip=lambda: report(next(done)))
    print(f"manifest: {manifest}")
    return 0
