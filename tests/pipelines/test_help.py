"""What `--help` loads, and what it says of settings that have no flag."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from curation.annotators.faces import BlazeFaceConfig
from curation.annotators.inpainting.stable_diffusion import StableDiffusionConfig
from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.profiles import EmbeddedAnnotators
from pipelines.__main__ import main
from pipelines.config import ConfigError, parse
from pipelines.proof.prove import PRESET, Prove
from pipelines.verbs.curate import Curate
from storage.configs import PRESET_ONLY

HEAVY = {"torch", "ray", "transformers", "cv2", "scipy", "av", "pandas"}
WHERE = ["--input", "videos", "--output", "dataset"]


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after the code."""
    shown = f"import sys\n{code}\nprint(); print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("verb", ["curate", "explain", "inspect"])
def test_help_loads_no_network_no_cluster_and_no_picture_library(verb: str) -> None:
    help_of = f"from pipelines.__main__ import main\ntry: main([{verb!r}, '--help'])\nexcept SystemExit: pass"

    loaded = loaded_by(help_of)

    assert "tyro" in loaded
    assert loaded & HEAVY == set()


def test_configs_and_stages_are_made_without_a_network() -> None:
    build = "from curation.profiles import *\nbuild_stages(CurationConfig())\nPaperAnnotators().inpainting.build()"

    assert loaded_by(build) & {"torch", "ray", "transformers", "scipy"} == set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Oven:
    """An oven.

    Attributes:
        degrees: how hot.
        has_fan: whether air is moved.
    """

    degrees: int = 180
    has_fan: bool = field(default=True, metadata=PRESET_ONLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bake:
    """Bake a cake.

    Attributes:
        flour: where it lies.
        oven: at home.
        shop: where ovens are sold.
    """

    flour: Path
    oven: Oven = field(default_factory=Oven)
    shop: Oven = field(default_factory=lambda: Oven(degrees=20), metadata=PRESET_ONLY)


def preset(folder: Path, text: str) -> Path:
    path = folder / "preset.toml"
    path.write_text(text)
    return path


def help_text(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    with pytest.raises(SystemExit) as stop:
        parse(Bake, options, verb="bake")
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_what_has_no_flag_keeps_its_value_of_the_preset_beside_flags(tmp_path: Path) -> None:
    path = preset(tmp_path, "[oven]\ndegrees = 200\nhas_fan = false\n[shop]\ndegrees = 5\n")

    command = parse(Bake, ["--flour", "mill", "--oven.degrees", "220"], verb="bake", preset=path)

    assert command == Bake(flour=Path("mill"), oven=Oven(degrees=220, has_fan=False), shop=Oven(degrees=5))
    assert type(command) is Bake


@pytest.mark.parametrize(
    ("option", "name", "place"),
    [
        (["--oven.has-fan"], "oven.has-fan", "has_fan stands in the preset file, under [oven]"),
        (["--oven.no-has-fan"], "oven.has-fan", "has_fan stands in the preset file, under [oven]"),
        (["--shop.degrees=7"], "shop.degrees", "degrees stands in the preset file, under [shop]"),
    ],
)
def test_a_flag_for_what_has_none_is_refused_with_its_place(option: list[str], name: str, place: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(Bake, ["--flour", "mill", *option], verb="bake")

    assert str(error.value).startswith(f"--{name} is no flag: {place}; name the file with --config")


def test_a_path_that_only_looks_like_such_a_flag_is_taken(tmp_path: Path) -> None:
    path = preset(tmp_path, 'flour = "mill"')

    assert parse(Bake, ["--flour=--oven.has-fan"], verb="bake", preset=path).flour == Path("--oven.has-fan")


def test_help_lists_the_flags_and_says_where_the_rest_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys, "--help")

    assert "--oven.degrees" in text
    assert "An oven." in text or "at home." in text
    assert "has-fan" not in text
    assert "--shop" not in text
    assert text.splitlines()[-1].startswith(
        "further settings stand in a preset file, --config FILE.toml; `bake --help-all`"
    )


def test_the_full_help_lists_everything_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_text(capsys, "--help-all")

    assert "--oven.has-fan" in text
    assert "--shop.degrees" in text
    assert "whether air is moved" in text
    assert "stands in a preset file" in text.splitlines()[-1]


def test_help_of_a_verb_whose_settings_all_have_flags_speaks_of_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])

    assert "further settings" not in capsys.readouterr().out


def test_curation_takes_what_has_no_flag_from_its_preset_whatever_profiles_are_chosen(tmp_path: Path) -> None:
    path = preset(
        tmp_path,
        "[curation.annotators.faces]\nmin_score = 0.45\n[curation.annotators.masks]\nprofile = 'moving_object'\n"
        "working_side = 240\n",
    )
    chosen = ["--curation.annotators.inpainting.profile", "stable_diffusion"]

    command = parse(
        Curate, [*WHERE, *chosen, "--curation.annotators.masks.min-confidence", "0.5"], verb="curate", preset=path
    )

    assert command.curation.annotators == EmbeddedAnnotators(
        faces=BlazeFaceConfig(min_score=0.45),
        masks=MovingObjectConfig(working_side=240, min_confidence=0.5),
        inpainting=StableDiffusionConfig(),
    )


def test_a_proof_is_turned_by_its_world_and_sampling_and_the_rest_stands_in_its_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse(Prove, ["--help"], verb="prove", preset=PRESET)

    text = capsys.readouterr().out
    assert "--world.clips" in text
    assert "--run." not in text
    assert "--curation." not in text
    assert len(text.splitlines()) < 120  # three screens
    assert main(["prove", "--run.training.seed", "3"]) == 2
    assert "seed stands in the preset file, under [run.training]" in capsys.readouterr().err


def test_a_verb_stands_apart_from_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert {line.split("  ")[1] for line in lines} >= {"curate", "prove-backbone"}
