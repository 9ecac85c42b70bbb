import csv
import json
from pathlib import Path

import pytest

from pipelines.config import ConfigError
from pipelines.verbs.sprites import Sprites, main
from storage.configs import from_plain
from worlds.sprites import Place, SmallWorldConfig, SpriteWorldConfig, plan_clip, plan_in_small_world


def captions(output: Path) -> list[str]:
    with (output / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return [row["caption"] for row in csv.DictReader(file)]


def written(output: Path) -> SpriteWorldConfig | SmallWorldConfig:
    return from_plain(Sprites, {"output": str(output), "world": json.loads((output / "world.json").read_text())}).world


def test_a_nature_world_is_made_unless_another_is_chosen(tmp_path: Path) -> None:
    main(["--output", str(tmp_path), "--world.clips", "2", "--world.frames", "16", "--world.seed", "4"])

    world = SpriteWorldConfig(clips=2, frames=16, seed=4)
    assert written(tmp_path) == world
    assert captions(tmp_path) == [plan_clip(world, index).caption for index in range(2)]


def test_a_preset_chooses_a_small_world(tmp_path: Path) -> None:
    preset = tmp_path / "small_world.toml"
    preset.write_text('[world]\nprofile = "small_world"\nframes = 9\nplaces = ["sea"]\n')

    main(["--config", str(preset), "--output", str(tmp_path), "--world.clips", "2", "--world.jitter", "0.5"])

    small_world = SmallWorldConfig(clips=2, frames=9, places=(Place.SEA,), jitter=0.5)
    assert written(tmp_path) == small_world
    assert captions(tmp_path) == [plan_in_small_world(small_world, index).caption for index in range(2)]


def test_the_command_line_chooses_a_small_world_with_its_own_defaults(tmp_path: Path) -> None:
    main(["--output", str(tmp_path), "--world.profile", "small_world", "--world.clips", "1", "--world.seed", "4"])

    assert written(tmp_path) == SmallWorldConfig(clips=1, seed=4)


def test_what_a_preset_gives_is_kept_when_another_world_is_chosen(tmp_path: Path) -> None:
    preset = tmp_path / "nature.toml"
    preset.write_text("[world]\nclips = 1\nframes = 16\nheight = 64\nwidth = 160\n")

    main(["--config", str(preset), "--output", str(tmp_path), "--world.profile", "small_world"])

    assert written(tmp_path) == SmallWorldConfig(clips=1, frames=16, height=64, width=160)


def test_a_preset_of_a_small_world_takes_nothing_of_another_world(tmp_path: Path) -> None:
    preset = tmp_path / "small_world.toml"
    preset.write_text('[world]\nprofile = "small_world"\noccluder_share = 0.5\n')

    with pytest.raises(ConfigError, match=r"world\.occluder_share is unknown, expected a field of SmallWorldConfig"):
        main(["--config", str(preset), "--output", str(tmp_path)])
