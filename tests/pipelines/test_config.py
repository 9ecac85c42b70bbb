from dataclasses import dataclass, field
from pathlib import Path

import pytest

from curation.sources import SourcesConfig
from dataset_schema import Bucket
from pipelines.__main__ import main
from pipelines.config import ConfigError, parse, read_preset
from storage.configs import to_plain

SMALL_TIN = Bucket(5, 16, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bake:
    """Bake a cake.

    Attributes:
        flour: where the flour lies.
        sources: the rest of the shopping.
        minutes: how long.
        kinds: of cake.
        tin: its size.
        tins: of the others.
    """

    flour: Path
    sources: SourcesConfig = field(default_factory=SourcesConfig)
    minutes: float = 3.0
    kinds: tuple[str, ...] = ()
    tin: Bucket = SMALL_TIN
    tins: tuple[Bucket, ...] = ()


def baked(*arguments: str, preset: Path | None = None) -> Bake:
    return parse(Bake, ["--flour", "mill", *arguments], verb="bake", preset=preset)


def preset(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "preset.toml"
    path.write_text(text)
    return path


def test_arguments_override_the_preset_and_the_preset_the_defaults(tmp_path: Path) -> None:
    path = preset(tmp_path, 'minutes = 5\nkinds = ["plum"]\n[sources]\ncaption = "A cake."\nid_column = "name"\n')

    command = parse(Bake, ["--flour", "mill", "--sources.id-column", "key"], verb="bake", preset=path)

    assert command == Bake(
        flour=Path("mill"), minutes=5.0, kinds=("plum",), sources=SourcesConfig(caption="A cake.", id_column="key")
    )


@pytest.mark.parametrize("given", [["--config", "{}"], ["--config={}"]])
def test_config_names_another_preset(tmp_path: Path, given: list[str]) -> None:
    path = preset(tmp_path, "minutes = 7")

    command = parse(Bake, ["--flour", "x", *(part.format(path) for part in given)], verb="bake")

    assert command.minutes == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("minuts = 5", "minuts is unknown, expected a field of Bake: flour, kinds, minutes, sources, tin, tins"),
        ('minutes = "5"', "minutes is '5', expected a number"),
        ("[sources]\ncaptoin = 'x'", "sources.captoin is unknown, expected a field of SourcesConfig: caption"),
        ('tin = "9x64"', "tin: bucket is '9x64', expected FRAMESxHEIGHTxWIDTH such as 17x144x256"),
        ("minutes = ", "is no TOML"),
    ],
)
def test_a_preset_is_read_strictly(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_preset(Bake, preset(tmp_path, text))

    assert problem in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_preset_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "preset.toml").write_text('kinds = ["plüm"]\n', encoding=encoding)

    assert read_preset(Bake, tmp_path / "preset.toml") == {"kinds": ("plüm",)}


def test_a_preset_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "preset.toml").write_bytes(b"minutes = 5  # \xff")

    with pytest.raises(ConfigError, match=r"config .*preset\.toml is not UTF-8 at byte 15"):
        read_preset(Bake, tmp_path / "preset.toml")


def test_a_preset_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml does not exist"):
        read_preset(Bake, tmp_path / "nothing.toml")


def test_a_config_as_plain_values_has_the_shape_of_a_preset() -> None:
    command = Bake(flour=Path("mill"), kinds=("plum", "apple"), minutes=2.5)

    plain = to_plain(command)

    assert plain["flour"] == "mill"
    assert plain["kinds"] == ["plum", "apple"]
    assert plain["sources"]["video_column"] == "video"


def test_a_size_is_one_text_in_a_preset_and_in_one_flag(tmp_path: Path) -> None:
    path = preset(tmp_path, 'tin = "9x64x112"\ntins = ["5x16x32"]\n')

    from_preset, from_flags = baked(preset=path), baked("--tin", "9x64x112", "--tins", "5x16x32", "5x32x32")

    assert from_preset.tin == from_flags.tin == Bucket(9, 64, 112)
    assert (from_preset.tins, from_flags.tins) == ((Bucket(5, 16, 32),), (Bucket(5, 16, 32), Bucket(5, 32, 32)))
    assert to_plain(from_flags)["tins"] == ["5x16x32", "5x32x32"]


def test_a_size_that_cannot_be_is_refused_with_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        baked("--tin", "9x65x112")

    assert stop.value.code == 2
    assert "--tin: bucket has height 65, expected a positive multiple" in capsys.readouterr().err


def test_help_shows_every_option_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Bake, ["--help"], verb="bake")

    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--sources.id-column" in text
    assert "where the flour lies" in text


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curat"]) == 2

    assert "there is no verb 'curat'" in capsys.readouterr().err
