"""From a TOML preset and command-line overrides to a typed command: the only place that knows tyro.

A preset is read strictly: an unknown key or a value of another type is an error with its path. The command line then
overrides single values; `--help` shows each of these with its meaning and its value in the preset, and `--help-all`
also the settings that stand in the preset alone.
"""

import dataclasses
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import tyro
from tyro.conf import Positional as Positional  # of an argument without a flag
from tyro.conf import arg as arg  # `Annotated[str, arg(name="from")]`: a flag that no field can be named like
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructTypeInfo,
)

from pipelines.chosen_profiles import with_chosen_profiles
from pipelines.preset_only import has_preset_only, preset_only, turned_without_flag
from pipelines.written_places import expect_writable
from storage.address import Address
from storage.configs import from_plain, is_text, read_fields, to_plain
from storage.named_classes import import_named
from storage.places import local_path, place_of
from storage.text_files import read_text

Command = TypeVar("Command")
Written = TypeVar("Written")

_PRESET_FLAG: Final = "--config"
_FULL_HELP_FLAG: Final = "--help-all"
_HELP_FLAGS: Final = frozenset({"-h", "--help", _FULL_HELP_FLAG})


class ConfigError(ValueError):
    """A preset or an argument is wrong; the message says which, and what was expected."""


class _RefusedPathError(Exception):
    """A path that `storage.places` refuses. No ValueError: tyro would break its sentence into a box."""

    def __init__(self, word: str, problem: ValueError) -> None:
        super().__init__(str(problem))
        self.word = word


def parse(
    command: type[Command],
    arguments: Sequence[str],
    *,
    verb: str,
    preset: Path | None = None,
    base: Mapping[str, Any] | None = None,
    check: Callable[[Command], object] = lambda _: None,
) -> Command:
    """The command that the preset and the arguments describe.

    Args:
        command: a dataclass; its docstring and those of its fields become the help text.
        arguments: what follows the verb; `--config FILE` names another preset, `--help-all` lists all it may hold.
        verb: as the user typed it.
        preset: read when the arguments name none.
        base: values, as a preset holds them, of all that neither the preset nor the arguments turn.
        check: raises where the arguments contradict each other. It comes before anything is tried to be written, which
            in a store takes a line and credentials.

    Raises:
        ConfigError: the preset is not what the command expects, a flag turns what stands in presets alone, or a path
            is none of this machine.
        ValueError: the command cannot write where it is told to.
        SystemExit: with status 2 on a wrong argument, 0 after `--help`.
    """
    try:
        parsed = _parsed(command, arguments, verb=verb, preset=preset, base=base or {})
    except _RefusedPathError as error:
        raise ConfigError(f"{_flag_of(error.word, arguments)}{error}") from error
    check(parsed)
    expect_writable(parsed)
    return parsed


def _parsed(
    command: type[Command], arguments: Sequence[str], *, verb: str, preset: Path | None, base: Mapping[str, Any]
) -> Command:
    chosen, overrides = _split_preset(arguments, preset)
    values = read_preset(command, chosen, base) if chosen is not None else read_fields(command, base)
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


def read_preset(command: type[Any], path: Path, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The fields of `command` that the TOML file at `path` gives, checked against their types; `base` is below it.

    Raises:
        ConfigError: no such file, no TOML, an unknown key, or a value of another type.
    """
    try:
        content = tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise ConfigError(f"config {path} does not exist") from None
    except OSError as error:
        raise ConfigError(f"config {path} cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"config {path} is no TOML: {error}") from error
    except ValueError as error:
        raise ConfigError(f"config {error}") from error
    try:
        import_named(content)  # who names a preset trusts it like a script
        return read_fields(command, _merged(base or {}, content))
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
        registry=_flags(lists_all=lists_all),
    )


def _flags(*, lists_all: bool) -> ConstructorRegistry:
    """How tyro makes configs, beside its own rules."""
    registry = ConstructorRegistry()
    registry.primitive_rule(_text)
    registry.primitive_rule(_path)
    registry.primitive_rule(_place)
    if not lists_all:
        _hide_preset_only(registry)
    return registry


def _text(field: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A value that a preset holds as its text has one flag, also where it is a config inside, as a size is."""
    kind: Any = field.type
    if not is_text(kind):
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=lambda words: kind.parse(words[0]),
        is_instance=lambda value: isinstance(value, kind),
        str_from_instance=lambda value: [str(value)],
    )


def _path(field: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if field.type is not Path:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: _local_path(words[0]),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda value: [str(value)],
    )


def _place(field: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    options = get_args(field.type)
    if Address not in options:
        return None
    is_optional = type(None) in options
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH|ADDRESS",
        instance_from_str=lambda words: None if is_optional and words[0] == "None" else _as_written(words[0], place_of),
        is_instance=lambda value: isinstance(value, options),
        str_from_instance=lambda value: [str(value)],
    )


def _local_path(word: str) -> Path:
    return _as_written(word, local_path)


def _as_written(word: str, parse_word: Callable[[str], Written]) -> Written:
    try:
        return parse_word(word)
    except ValueError as error:
        raise _RefusedPathError(word, error) from error


def _hide_preset_only(registry: ConstructorRegistry) -> None:
    """Fields that stand in the preset alone get no flag, and keep the value that they have there."""
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


def split_flag(arguments: Sequence[str], flag: str, read: Callable[[str], Written]) -> tuple[Written | None, list[str]]:
    """The place after a flag that is needed before all others can be read, and the other arguments.

    Args:
        arguments: what follows the verb.
        flag: with its two hyphens.
        read: makes the place of the word, `local_path` or `place_of`.

    Raises:
        ConfigError: the flag has no value, or one that `read` refuses.
    """
    rest = list(arguments)
    for index, argument in enumerate(rest):
        name, separator, value = argument.partition("=")
        if name == flag:
            if not separator and index + 1 == len(rest):
                raise ConfigError(f"{flag} needs a path")
            taken = 1 if separator else 2
            try:
                place = read(value if separator else rest[index + 1])
            except ValueError as error:
                raise ConfigError(f"{flag}: {error}") from error
            return place, rest[:index] + rest[index + taken :]
    return None, rest


def _split_preset(arguments: Sequence[str], preset: Path | None) -> tuple[Path | None, list[str]]:
    named, rest = split_flag(arguments, _PRESET_FLAG, local_path)
    return preset if named is None else named, rest


def _flag_of(word: str, arguments: Sequence[str]) -> str:
    for before, argument in pairwise(["", *arguments]):
        if argument == word and before.startswith("--"):
            return f"{before}: "
        if argument.startswith("--") and argument.endswith(f"={word}"):
            return f"{argument.removesuffix(f'={word}')}: "
    return ""


def _fields(command: type[Any]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(command)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
