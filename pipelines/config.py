"""From a TOML preset and command-line overrides to a typed command: the only place that knows pydantic and tyro.

A preset is read strictly: an unknown key or a value of another type is an error with its path. The command line then
overrides single values; `--help` shows each of these with its meaning and its value in the preset, and `--help-all`
also the settings that stand in the preset alone.
"""

import dataclasses
import json
import tomllib
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import pydantic
import tyro
from tyro.conf import Positional as Positional  # of an argument without a flag
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo

from pipelines.chosen_profiles import problems_of_chosen_profiles, with_chosen_profiles
from pipelines.preset_only import has_preset_only, preset_only, turned_without_flag

Command = TypeVar("Command")

_PRESET_FLAG: Final = "--config"
_FULL_HELP_FLAG: Final = "--help-all"
_HELP_FLAGS: Final = frozenset({"-h", "--help", _FULL_HELP_FLAG})


class ConfigError(ValueError):
    """A preset or an argument is wrong; the message says which, and what was expected."""


def parse(command: type[Command], arguments: Sequence[str], *, verb: str, preset: Path | None = None) -> Command:
    """The command that the preset and the arguments describe.

    Args:
        command: a dataclass; its docstring and those of its fields become the help text.
        arguments: what follows the verb; `--config FILE` names another preset, `--help-all` lists all it may hold.
        verb: as the user typed it.
        preset: read when the arguments name none.

    Raises:
        ConfigError: the preset is not what the command expects, or a flag turns what stands in presets alone.
        SystemExit: with status 2 on a wrong argument, 0 after `--help`.
    """
    chosen, overrides = _split_preset(arguments, preset)
    values = read_preset(command, chosen) if chosen is not None else {}
    missing = {field.name: tyro.MISSING for field in _fields(command) if _is_required(field)}
    default = with_chosen_profiles(command(**{**missing, **values}), overrides)
    unlisted = turned_without_flag(default, overrides)
    if unlisted is not None:
        raise ConfigError(_stands_in_preset(unlisted))
    try:
        return _overridden(default, overrides, verb=verb)
    except SystemExit:
        if has_preset_only(default) and not _HELP_FLAGS.isdisjoint(overrides):
            print(_about_further_settings(verb, lists_all=_FULL_HELP_FLAG in overrides))
        raise


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
    types = typing.get_type_hints(command)
    unknown = sorted(set(content) - set(types))
    if unknown:
        raise ConfigError(f"config {path} has {', '.join(unknown)}, expected only {', '.join(sorted(types))}")
    return {name: _validated(types[name], name, value, path) for name, value in content.items()}


def to_plain(config: object) -> dict[str, Any]:
    """A config as plain JSON values, in the shape that a preset has."""
    plain = pydantic.TypeAdapter(type(config)).dump_python(config, mode="json")
    return typing.cast("dict[str, Any]", plain)


def with_changes(config: Command, changes: str) -> Command:
    """The config with the values that a piece of TOML changes, such as `sampling.steps = 12`.

    Raises:
        ConfigError: it is no TOML, or names no value of the config.
    """
    kind = pydantic.TypeAdapter(type(config))
    try:
        merged = _merged(to_plain(config), tomllib.loads(changes))
        return kind.validate_json(json.dumps(merged), strict=True, extra="forbid")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{changes!r} is no TOML: {error}") from error
    except pydantic.ValidationError as error:
        raise ConfigError(f"{changes!r}: {_problems(error)}") from error


def _validated(kind: Any, name: str, value: Any, path: Path) -> Any:
    try:
        # By way of JSON, so that a TOML array may fill a tuple while text never fills a number.
        return pydantic.TypeAdapter(kind).validate_json(json.dumps(value), strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        raise ConfigError(f"config {path}: {_problems(error, name)}") from error


def _problems(error: pydantic.ValidationError, *place: str) -> str:
    return "; ".join(
        f"{'.'.join([*place, *map(str, problem['loc'])])}: {problem['msg']}, found {problem['input']!r}"
        for problem in problems_of_chosen_profiles(error.errors())
    )


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


def _overridden(default: Command, overrides: Sequence[str], *, verb: str) -> Command:
    lists_all = _FULL_HELP_FLAG in overrides
    return tyro.cli(
        type(default),
        prog=f"python -m pipelines {verb}",
        args=["--help"] if lists_all else list(overrides),
        default=default,
        config=(
            tyro.conf.EnumChoicesFromValues,  # the words that a preset uses, not Python's names for them
            tyro.conf.AvoidSubcommands,  # where one of several configs may stand, the flags are those of the chosen one
        ),
        registry=None if lists_all else _listed_settings(),
    )


def _listed_settings() -> ConstructorRegistry:
    """How tyro makes configs: fields that stand in the preset alone keep the value that they have there."""
    registry = ConstructorRegistry()
    asks_tyro = False

    @registry.struct_rule
    def without_preset_only(info: StructTypeInfo) -> StructConstructorSpec | None:
        nonlocal asks_tyro
        hidden = preset_only(info.type) if dataclasses.is_dataclass(info.type) else frozenset()
        if asks_tyro or not hidden:
            return None
        asks_tyro = True  # this rule is silent, so that tyro's own answers
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            asks_tyro = False
        if not isinstance(spec, StructConstructorSpec):
            return None
        listed = tuple(field for field in spec.fields if field.name not in hidden)
        return StructConstructorSpec(fields=listed, instantiate=_keeping_the_rest(info))

    return registry


def _keeping_the_rest(info: StructTypeInfo) -> Callable[..., Any]:
    """Makes a config of its listed values; tyro shows the docstring."""
    if not isinstance(info.default, info.type):
        return info.type

    def make(**listed: Any) -> Any:
        return dataclasses.replace(info.default, **listed)

    make.__doc__ = info.type.__doc__
    return make


def _stands_in_preset(path: Sequence[str]) -> str:
    *sections, name = path
    where = f"under [{'.'.join(sections)}]" if sections else "at its top"
    flag = ".".join(path).replace("_", "-")
    return f"--{flag} is no flag: {name} stands in the preset file, {where}; name the file with --config FILE.toml"


def _about_further_settings(verb: str, *, lists_all: bool) -> str:
    if lists_all:
        return f"what `{verb} --help` leaves out has no flag and stands in a preset file: --config FILE.toml"
    return f"further settings stand in a preset file, --config FILE.toml; `{verb} --help-all` lists them"


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
