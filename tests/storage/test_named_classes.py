"""Reading a file runs no code; only who trusts it imports what it names."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import pytest

from storage.configs import from_plain, read_config, to_plain, write_config
from storage.named_classes import import_named, named_class

OWN = """
from dataclasses import dataclass
from pathlib import Path

(Path(__file__).parent / "ran").touch()


@dataclass(frozen=True)
class Fire:
    logs: int = 3
    watts: float = 1.0


class Candle:
    watts = 1.0


@dataclass(frozen=True)
class Ice:
    cold: bool = True
"""


@runtime_checkable
class Heat(Protocol):
    @property
    def watts(self) -> float: ...


@dataclass(frozen=True, kw_only=True)
class Plate:
    profile: Literal["plate"] = "plate"
    watts: float = 2.0


@dataclass(frozen=True, kw_only=True)
class LargePlate(Plate):
    rings: int = 2


@dataclass(frozen=True, kw_only=True)
class Kitchen:
    heat: Plate | Heat = field(default_factory=Plate)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that leaves a file behind when it runs, and its name."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_reading_does_not_run_what_a_file_names(module: str, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=rf"heat\.profile is '{module}:Fire', so code of the module {module} would run"
    ):
        from_plain(Kitchen, {"heat": {"profile": f"{module}:Fire"}})

    assert not (tmp_path / "ran").exists()
    assert module not in sys.modules


def test_a_trusted_file_is_read_and_is_written_as_it_was(module: str, tmp_path: Path) -> None:
    path = tmp_path / "kitchen.json"
    path.write_text(f'{{"heat": {{"profile": "{module}:Fire", "logs": 7}}}}', encoding="utf-8")

    read = read_config(path, Kitchen, trusts_code=True)
    write_config(tmp_path / "again.json", read)

    assert (type(read.heat).__name__, read.heat.watts) == ("Fire", 1.0)
    assert read_config(tmp_path / "again.json", Kitchen) == read
    assert to_plain(read) == {"heat": {"profile": f"{module}:Fire", "logs": 7, "watts": 1.0}}


def test_the_fields_of_an_own_class_are_read_strictly(module: str) -> None:
    import_named({"any": [{"profile": f"{module}:Fire"}]})

    with pytest.raises(ValueError, match=r"heat\.logs is '7', expected an integer"):
        from_plain(Kitchen, {"heat": {"profile": f"{module}:Fire", "logs": "7"}})
    with pytest.raises(ValueError, match=r"heat\.twigs is unknown, expected a field of Fire: logs, watts"):
        from_plain(Kitchen, {"heat": {"profile": f"{module}:Fire", "twigs": 1}})


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Ice", r"expected a dataclass with what Heat has \(watts\), and it lacks watts"),
        ("Candle", r"expected a dataclass with what Heat has \(watts\)$"),
        ("Stove", "has no class Stove"),
    ],
)
def test_a_class_that_cannot_stand_there_is_refused_with_what_it_lacks(module: str, name: str, problem: str) -> None:
    import_named({"heat": {"profile": f"{module}:{name}"}})

    with pytest.raises(ValueError, match=problem):
        from_plain(Kitchen, {"heat": {"profile": f"{module}:{name}"}})


def test_only_classes_of_imported_modules_that_have_what_is_wanted_can_be_named() -> None:
    with pytest.raises(ValueError, match="expected a dataclass with what Heat has"):
        from_plain(Kitchen, {"heat": {"profile": "subprocess:Popen", "args": "ls"}})


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="there is no module no_such_module; install it, or run from the folder"):
        import_named({"heat": {"profile": "no_such_module.part:Fire"}})


def test_a_module_that_fails_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_fails.py").write_text("heat = 1\ncold = heat / 0\n", encoding="utf-8")
    (tmp_path / "own_needs.py").write_text("import no_such_library\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(ValueError, match=r"importing own_fails fails at .*own_fails\.py, line 2 \(ZeroDivisionError: "):
        import_named({"profile": "own_fails:Fire"})
    with pytest.raises(
        ValueError, match=r"own_needs fails at .*own_needs\.py, line 1 \(ModuleNotFoundError: No module"
    ):
        import_named({"profile": "own_needs:Fire"})


def test_a_child_of_our_own_class_keeps_its_name() -> None:
    kitchen = Kitchen(heat=LargePlate(rings=4))

    assert to_plain(kitchen)["heat"] == {"profile": f"{__name__}:LargePlate", "watts": 2.0, "rings": 4}
    assert from_plain(Kitchen, to_plain(kitchen)) == kitchen


def test_a_class_that_nobody_else_could_import_is_not_written() -> None:
    @dataclass(frozen=True)
    class Hidden:
        watts: float = 1.0

    with pytest.raises(ValueError, match=r"heat: .*Hidden is a class of .* that no other program could import; put it"):
        to_plain(Kitchen(heat=Hidden()))


def test_an_unknown_profile_is_told_that_a_class_of_ones_own_may_stand_there() -> None:
    with pytest.raises(ValueError, match=r"heat\.profile is 'plat', expected 'plate' or the import path of a class"):
        from_plain(Kitchen, {"heat": {"profile": "plat"}})


def test_the_class_of_a_path_is_found() -> None:
    assert named_class("pathlib:Path") is Path
