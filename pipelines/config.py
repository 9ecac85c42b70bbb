"""From a TOML preset and command-line overrides to a typed command: the only place that knows tyro.

A preset is read strictly: an unknown key or a value of another type is an error with its path. The command line then
overrides single values; `--help` shows every one of them with its meaning and its value in the preset.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tyro
from tyro.conf import Positional as Positional  # of an argument without a flag

from pipelines.chosen_profiles import with_chosen_profiles
from storage.configs import from_plain, is_text, read_fields, to_plain

Command = TypeVar("Command")

_PRESET_FLAG = "--config"
_FLAGS = tyro.constructors.ConstructorRegistry()


class ConfigError(ValueError):
    """A preset or an argument is wrong; the message says which, and what was expected."""


def parse(command: type[Command], arguments: Sequence[str], *, verb: str, preset: Path | None = None) -> Command:
    """The command that the preset and the arguments describe.

    Args:
        command: a dataclass; its docstring and those of its fields become the help text.
        arguments: what follows the verb; `--config FILE` names another preset.
        verb: as the user typed it.
        preset: read when the arguments name none.

    Raises:
        ConfigError: the preset is not what the command expects.
        SystemExit: with status 2 on a wrong argument, 0 after `--help`.
    """
    chosen, overrides = _split_preset(arguments, preset)
    values = read_preset(command, chosen) if chosen is not None else {}
    missing = {field.name: tyro.MISSING for field in _fields(command) if _is_required(field)}
    return tyro.cli(
        command,
        prog=f"python -m pipelines {verb}",
        args=list(overrides),
        default=with_chosen_profiles(command(**{**missing, **values}), overrides),
        config=(
            tyro.conf.EnumChoicesFromValues,  # the words that a preset uses, not Python's names for them
            tyro.conf.AvoidSubcommands,  # where one of several configs may stand, the flags are those of the chosen one
        ),
        registry=_FLAGS,
    )


@_FLAGS.primitive_rule
def _text(field: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
    """A value that a preset holds as its text has one flag, also where it is a config inside, as a size is."""
    kind: Any = field.type
    if not is_text(kind):
        return None
    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=lambda words: kind.parse(words[0]),
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=lambda value: [str(value)],
    )


def read_preset(command: type[Any], path: Path) -> dict[str, Any]:
    """The fields of `command` that the TOML file at `path` gives, checked against their types.

    Raises:
        ConfigError: no such file, no TOML, an unknown key, or a value of another type.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"config {path} does not exist") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {path} is no TOML: {error}") from error
    try:
        return read_fields(command, content)
    except ValueError as error:
        raise ConfigError(f"config {path}: {error}") from error


def with_changes(config: Command, changes: str) -> Command:
    """The config with the values that a piece of TOML changes, such as `sampling.steps = 12`.

    Raises:
        ConfigError: it is no TOML, or names no value of the config.
    """
    try:
        return from_plain(type(config), _merged(to_plain(config), tomllib.loads(changes)))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{changes!r} is no TOML: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{changes!r}: {error}") from error


def _merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **values,
        **{
            name: _merged(values[name], change)
            if isinstance(change, dict) and isinstance(values.get(name), dict)
            else change
            for name, change in changes.items()
        },
    }


def _split_preset(arguments: Sequence[str], preset: Path | None) -> tuple[Path | None, list[str]]:
    rest = list(arguments)
    for index, argument in enumerate(rest):
        name, separator, value = argument.partition("=")
        if name == _PRESET_FLAG:
            if not separator and index + 1 == len(rest):
                raise ConfigError("--config needs the path of a TOML file")
            taken = 1 if separator else 2
            return Path(value or rest[index + 1]), rest[:index] + rest[index + taken :]
    return preset, rest


def _fields(command: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(command)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
