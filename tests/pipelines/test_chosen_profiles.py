"""The encoders are chosen by their profile, in a preset and on the command line."""

from dataclasses import replace
from pathlib import Path

import pytest

from examples.own_encoders import ColorEncoders
from modeling.encoders import EmbeddedEncoders, PaperEncoders
from modeling.encoders.vision_patches import ImageKind
from modeling.training.config import RunConfig
from modeling.training.presets import tiny
from pipelines.config import ConfigError, parse, read_preset
from pipelines.verbs.train import Train

CONFIGS = Path(__file__).parents[2] / "configs"


def trained(arguments: list[str], preset: str | None = None) -> RunConfig:
    given = ["--dataset", "dataset", "--output", "model", *arguments]
    return parse(Train, given, verb="train", preset=CONFIGS / preset if preset else None).run


def test_the_flags_of_the_encoders_are_those_of_the_presets_profile() -> None:
    embedded = trained(["--run.pipeline.encoders.max-text-tokens", "32"])
    paper_ones = trained(["--run.pipeline.encoders.text-encoder", "t5"], "train_paper.toml")

    assert embedded.pipeline.encoders == replace(tiny().pipeline.encoders, max_text_tokens=32)
    assert paper_ones.pipeline.encoders == PaperEncoders(text_encoder="t5")


@pytest.mark.parametrize(
    "chosen", [["--run.pipeline.encoders.profile", "paper"], ["--run.pipeline.encoders.profile=paper"]]
)
def test_the_command_line_chooses_other_encoders_of_the_same_widths(chosen: list[str]) -> None:
    run = trained([*chosen, "--run.pipeline.encoders.image-kind", "clip"])

    widths = tiny().pipeline.encoders
    assert isinstance(widths, EmbeddedEncoders)
    assert run.pipeline.encoders == PaperEncoders(
        image_kind=ImageKind.CLIP,
        text_channels=widths.text_channels,
        max_text_tokens=widths.max_text_tokens,
        image_channels=widths.image_channels,
        image_side=widths.image_side,
        patch_side=widths.patch_side,
    )
    assert replace(run, pipeline=replace(run.pipeline, encoders=widths)) == tiny()


def test_the_command_line_goes_back_to_the_embedded_encoders() -> None:
    run = trained(["--run.pipeline.encoders.profile", "embedded"], "train_paper.toml")

    assert run.pipeline.encoders == EmbeddedEncoders()


@pytest.mark.parametrize(
    "flag", ["--run.pipeline.encoders.profile", "--run.pipeline.coders.profile", "--nothing.profile"]
)
def test_a_profile_or_place_that_does_not_exist_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        trained([flag, "papper"])

    assert stop.value.code == 2
    assert flag in capsys.readouterr().err


@pytest.mark.parametrize(
    ("encoders", "problem"),
    [
        (
            'profile = "paper"\nimage_kind = "clop"',
            "run.pipeline.encoders.image_kind is 'clop', expected 'dinov2' or 'clip'",
        ),
        (
            'profile = "embedded"\ntext_encoder = "t5"',
            "encoders.text_encoder is unknown, expected a field of EmbeddedEncoders",
        ),
        ('profile = "papper"', "encoders.profile is 'papper', expected 'embedded' or 'paper'"),
    ],
)
def test_only_the_chosen_encoders_are_spoken_of(encoders: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "preset.toml"
    path.write_text(f"[run.pipeline.encoders]\n{encoders}\n")

    with pytest.raises(ConfigError) as error:
        read_preset(Train, path)

    assert problem in str(error.value)
    assert str(error.value).count("expected") == 1


def test_a_preset_names_encoders_of_ones_own_by_their_import_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[run.pipeline.encoders]\nprofile = "examples.own_encoders:ColorEncoders"\nmax_text_tokens = 9\n'
        "[run.pipeline.model]\ntext_channels = 64\nimage_channels = 3\n"
    )

    run = parse(Train, ["--dataset", "dataset", "--output", "model", "--config", str(path)], verb="train").run

    assert run.pipeline.encoders == ColorEncoders(max_text_tokens=9)


def test_a_preset_that_names_a_module_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[run.pipeline.encoders]\nprofile = "no_such:Encoders"\n')

    with pytest.raises(ConfigError, match=r"own\.toml: profile is 'no_such:Encoders', but there is no module no_such"):
        read_preset(Train, path)
