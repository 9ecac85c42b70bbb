"""Configs: frozen dataclasses as plain values, as JSON and back, read strictly; and what a field may say of itself.

A value of another type is never bent into the one expected: 5.5, "5" and true are no integers. A problem is told with
its place, what was found and what was expected. Files, flags and Python are held to the same: what Python hands to a
config that is `strict` is read as a file would be, so that "separate" is `GuidanceForm.SEPARATE`, and "seperate" an
error.

Where a protocol is among the types of a field, a config of the user's own may stand there: a dataclass with what the
protocol has. Files name the class by its import path (`named_classes.py`).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import lru_cache, wraps
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, no_type_check

from storage.address import Address, Place
from storage.named_classes import EXAMPLE, PROFILE, class_name, import_named, is_class_name, named_class
from storage.places import local_path, place_of
from storage.text_files import read_text
from storage.whole_files import write_whole_text

Config = TypeVar("Config")

Marks = MappingProxyType[str, Any]

# The value changes where and how hard a run works, and nothing about what becomes of a clip: another machine may go on.
UNDECISIVE: Final[Marks] = MappingProxyType({"decides": False})

# Nobody turns it from a shell: it stands in the preset, and `--help` does not list it.
PRESET_ONLY: Final[Marks] = MappingProxyType({"has_flag": False})

# Types that are one value of a file: what it may be there, and in words. For Python, true is an integer; not here.
_SIMPLE: Final[Mapping[Any, tuple[tuple[type, ...], str]]] = {
    bool: ((bool,), "true or false"),
    int: ((Integral,), "an integer"),
    float: ((Real,), "a number"),
    str: ((str,), "a text"),
}


def strict(kind: type[Config]) -> type[Config]:
    """A class decorator above `dataclass`: fields take values of their type, or what a file would hold in its place.

    The config then raises a ValueError that names the field, what was found and what was expected.
    """
    init: Callable[..., None] = kind.__init__

    @no_type_check  # of other libraries, before the values are read
    @wraps(init)
    def read_and_init(self: object, **values: Any) -> None:
        types = _types(kind)
        known = {name: _given(types[name], value, name, kind) for name, value in values.items() if name in types}
        init(self, **{**values, **known})

    setattr(kind, "__init__", read_and_init)  # noqa: B010  (mypy refuses the plain form)
    return kind


def write_config(path: Path, config: object) -> None:
    """Write a config as JSON, with every field."""
    write_whole_text(path, json.dumps(to_plain(config), indent=2) + "\n")


def read_config(path: Path, kind: type[Config], *, trusts_code: bool = False) -> Config:
    """Read a config that `write_config` wrote; a field that the file lacks takes its default.

    Args:
        path: of the file.
        kind: of the config.
        trusts_code: whether the modules of classes that the file names may be imported, and so run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, or not what `kind` expects.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected a directory that save_pretrained or training wrote")
    try:
        content = json.loads(read_text(path))
        if trusts_code:
            import_named(content)
        return from_plain(kind, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def to_plain(config: object) -> dict[str, Any]:
    """A config as plain values, in the shape that a file has.

    Raises:
        ValueError: a field holds what no file can, such as an object of the user's own.
    """
    plain: dict[str, Any] = _plain(config, "")
    return plain


def from_plain(kind: type[Config], content: object) -> Config:
    """The config that plain values describe; a field that they lack takes its default.

    Where one of several configs may stand, `profile` says which; without it, it is the first. A type with a method
    `parse` is read from its text. Nothing is imported: a class of the user's own is one that is imported already.

    Raises:
        ValueError: a field is unknown or missing, or a value of another type, or refused by its config.
    """
    config: Config = _read(kind, content, "")
    return config


def read_fields(kind: Any, content: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """The fields of a config that plain values give, without those that they lack.

    Raises:
        ValueError: as `from_plain` does, but for missing fields.
    """
    types, values, problems = _types(kind), {}, []
    for name, value in content.items():
        try:
            values[name] = _read(_known(types, name, kind, place), value, _inner(place, name))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("; ".join(problems))
    return values


def differing_fields(found: object, expected: object) -> list[str]:
    """Every field in which two configs of one kind differ, such as `model.width is 128, expected 256`."""
    left, right = _flatten(to_plain(found)), _flatten(to_plain(expected))
    return [
        f"{name} is {left.get(name)!r}, expected {right.get(name)!r}"
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    ]


def undecisive_fields(config: Any, below: str = "") -> Iterator[str]:
    """The full names, such as `annotators.shots.device`, of the fields of a config that are marked as `UNDECISIVE`."""
    if not is_dataclass(config):
        return
    for each in fields(config):
        if each.metadata.get("decides") is False:
            yield f"{below}{each.name}"
        else:
            yield from undecisive_fields(getattr(config, each.name), f"{below}{each.name}.")


def is_text(kind: object) -> bool:
    """Whether files and flags hold values of a type as their text: it has a method `parse` that reads `str(value)`."""
    return isinstance(kind, type) and hasattr(kind, "parse")


def _plain(value: object, place: str, kind: Any = None) -> Any:
    if is_text(type(value)):
        _read_text(type(value), str(value), place)  # what cannot be read again is not written
        return str(value)
    if is_dataclass(value):
        own: Any = type(value)
        types = _types(own)
        plain = {name: _plain(getattr(value, name), _inner(place, name), types[name]) for name in types}
        return {**plain, PROFILE: _class_name(own, place)} if _is_own(own, kind) else plain
    if isinstance(value, Mapping):
        return {name: _plain(part, _inner(place, name)) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part, f"{place}[{index}]") for index, part in enumerate(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path | Address):
        return str(value)
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ValueError(f"{place} is {value!r}, which a file cannot hold")
    return value


def _class_name(kind: type, place: str) -> str:
    try:
        return class_name(kind)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _given(kind: Any, value: Any, name: str, config: type) -> Any:
    try:
        return _read(kind, value, name)
    except ValueError as error:
        raise ValueError(f"{config.__name__}: {error}") from error


def _read(kind: Any, value: Any, place: str) -> Any:
    if _is_read(kind, value):
        return value
    for is_kind, read in _READERS:
        if is_kind(kind):
            return read(kind, value, place)
    raise TypeError(f"{place} has the type {kind}, which a config cannot have")


def _is_read(kind: Any, value: Any) -> bool:
    """Whether it is an object such as a config or a member of an Enum, which no file holds but Python does."""
    if isinstance(kind, type):
        return kind not in _SIMPLE and isinstance(value, kind)
    return get_origin(kind) in (Union, UnionType) and any(_is_read(member, value) for member in get_args(kind))


def _read_simple(kind: Any, value: Any, place: str) -> Any:
    found_as, expected = _SIMPLE[kind]
    if not isinstance(value, found_as) or (isinstance(value, bool) and kind is not bool):
        raise _problem(place, value, expected)
    found = kind(value)
    if kind is float and not math.isfinite(found):  # no field has a use for infinity, and NaN passes every comparison
        raise _problem(place, value, expected)
    return found


def _read_path(_: Any, value: Any, place: str) -> Path:
    if not isinstance(value, str):
        raise _problem(place, value, "a path")
    try:
        return local_path(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _read_place(kind: Any, value: Any, place: str) -> Place | None:
    if value is None and NoneType in get_args(kind):
        return None
    if not isinstance(value, str):
        raise _problem(place, value, "a path or an address")
    try:
        return place_of(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _read_text(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, str):
        raise _problem(place, value, "a text")
    try:
        return kind.parse(value)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _read_config(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _problem(place, value, "a table")
    values = read_fields(kind, value, place)
    needed = [field.name for field in fields(kind) if field.default is field.default_factory is MISSING]
    if missing := [_inner(place, name) for name in needed if name not in values]:
        raise ValueError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{place}: {error}" if place else str(error)) from error


def _read_choice(kind: Any, value: Any, place: str) -> Any:
    """An Enum by its values, or a Literal."""
    choices = get_args(kind) or tuple(kind)
    names = [each.value if isinstance(each, Enum) else each for each in choices]
    for name, choice in zip(names, choices, strict=True):
        if type(value) is type(name) and value == name:
            return choice
    raise _problem(place, value, " or ".join(map(repr, names)))


def _read_union(kind: Any, value: Any, place: str) -> Any:
    """None, or one of several configs: by its profile, or where a protocol is among them, one of the user's own."""
    members = [member for member in get_args(kind) if member is not NoneType]
    if value is None and NoneType in get_args(kind):
        return None
    if len(members) == 1:
        return _read(members[0], value, place)
    protocol = _protocol(kind)
    if not isinstance(value, Mapping):
        raise _problem(place, value, "a table" if protocol is None else f"a table, or {_as_protocol(protocol, value)}")
    profile = value.get(PROFILE)
    if protocol is not None and is_class_name(profile):
        return _read_own(protocol, value, place)
    profiles = {
        field.default: member
        for member in members
        if member is not protocol
        for field in fields(member)
        if field.name == PROFILE
    }
    chosen = next(iter(profiles)) if profile is None else profile
    if chosen not in list(profiles):
        own = () if protocol is None else (f"the import path of a class of your own ({EXAMPLE})",)
        raise _problem(_inner(place, PROFILE), chosen, " or ".join([*map(repr, profiles), *own]))
    return _read_config(profiles[chosen], value, place)


def _read_own(protocol: type, value: Mapping[str, Any], place: str) -> Any:
    """A config of the user's own, by the import path of its class."""
    kind = named_class(value[PROFILE], _inner(place, PROFILE))
    if not is_dataclass(kind) or _lacking(protocol, kind):
        raise _problem(_inner(place, PROFILE), value[PROFILE], _as_protocol(protocol, kind))
    return _read_config(kind, {name: part for name, part in value.items() if name != PROFILE}, place)


def _protocol(kind: Any) -> type | None:
    """Among the types of a field, the one that says what a class of the user's own must have."""
    return next((member for member in get_args(kind) if getattr(member, "_is_protocol", False)), None)


def _is_own(kind: type, field_kind: Any) -> bool:
    """Whether it is a class of the user's own, which may well be a child of one of ours."""
    return _protocol(field_kind) is not None and kind not in get_args(field_kind)


def _as_protocol(protocol: type, found: object) -> str:
    lacking = _lacking(protocol, found)
    lacks = f", and it lacks {', '.join(lacking)}" if lacking else ""
    return f"a dataclass with what {protocol.__name__} has ({', '.join(_members(protocol))}){lacks}"


def _lacking(protocol: type, found: object) -> list[str]:
    has = {*dir(found), *(each.name for each in fields(found))} if is_dataclass(found) else set(dir(found))
    return [name for name in _members(protocol) if name not in has]


def _members(protocol: type) -> list[str]:
    return [name for name in vars(protocol) if not name.startswith("_")]


def _read_tuple(kind: Any, value: Any, place: str) -> Any:
    kinds = get_args(kind)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _problem(place, value, "an array")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise _problem(place, value, f"an array of {len(kinds)}")
    places = [f"{place}[{index}]" for index in range(len(value))]
    return tuple(_read(*each) for each in zip(kinds, value, places, strict=True))


def _read_mapping(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _problem(place, value, "a table")
    return {name: _read(get_args(kind)[1], part, _inner(place, name)) for name, part in value.items()}


_READERS: Final[Sequence[tuple[Callable[[Any], bool], Callable[[Any, Any, str], Any]]]] = (
    (lambda kind: kind in _SIMPLE, _read_simple),
    (lambda kind: kind is Path, _read_path),
    (lambda kind: Address in get_args(kind), _read_place),
    (is_text, _read_text),
    (is_dataclass, _read_config),
    (lambda kind: get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)), _read_choice),
    (lambda kind: get_origin(kind) in (Union, UnionType), _read_union),
    (lambda kind: get_origin(kind) is tuple, _read_tuple),
    (lambda kind: get_origin(kind) in (dict, Mapping), _read_mapping),
)


@lru_cache
def _types(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _known(types: Mapping[str, Any], name: str, kind: type, place: str) -> Any:
    if name not in types:
        known = ", ".join(sorted(types))
        raise ValueError(f"{_inner(place, name)} is unknown, expected a field of {kind.__name__}: {known}")
    return types[name]


def _inner(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _problem(place: str, value: object, expected: str) -> ValueError:
    return ValueError(f"{place or 'it'} is {value!r}, expected {expected}")


def _flatten(content: Any, place: str = "") -> dict[str, Any]:
    if isinstance(content, dict):
        items = [(_inner(place, name), value) for name, value in content.items()]
    elif isinstance(content, list):
        items = [(f"{place}[{index}]", value) for index, value in enumerate(content)]
    else:
        return {place: content}
    return {name: value for inner, part in items for name, value in _flatten(part, inner).items()}
