"""Configs as JSON, beside the weights that they describe."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


def write_config(path: Path, config: Any) -> None:
    """Write a config dataclass with every field."""
    path.write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def read_config(path: Path, kind: type[Config]) -> Config:
    """Read a config that `write_config` wrote; a field that the file lacks takes its default.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file has a field that `kind` does not have.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected a directory that save_pretrained or training wrote")
    return _build(kind, json.loads(path.read_text(encoding="utf-8")), where=str(path))


def differing_fields(found: Any, expected: Any) -> list[str]:
    """Every field in which two configs of one kind differ, such as `model.width is 128, expected 256`."""
    left, right = _flatten(asdict(found)), _flatten(asdict(expected))
    return [
        f"{name} is {left.get(name)!r}, expected {right.get(name)!r}"
        for name in dict.fromkeys([*left, *right])
        if left.get(name) != right.get(name)
    ]


def _build(kind: type[Config], content: Mapping[str, Any], *, where: str) -> Config:
    types = get_type_hints(kind)
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every config is a dataclass
    if unknown := sorted(content.keys() - known):
        raise ValueError(f"{where} has the fields {', '.join(unknown)}, expected only {', '.join(sorted(known))}")
    return kind(**{name: _value(types[name], value, f"{where}: {name}") for name, value in content.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _build(kind, value, where=where)  # type: ignore[arg-type]  # a class, not an instance
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if get_origin(kind) is tuple:
        return tuple(_value(get_args(kind)[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if value is not None and (members := [member for member in get_args(kind) if is_dataclass(member)]):
        return _value(members[0] if len(members) == 1 else _of_profile(members, value, where), value, where)
    return value


def _of_profile(members: Sequence[Any], content: Mapping[str, Any], where: str) -> Any:
    """The config class that the content's `profile` names; without one, the first."""
    profiles = {field.default: member for member in members for field in fields(member) if field.name == "profile"}
    named = content.get("profile", next(iter(profiles)))
    if named not in profiles:
        raise ValueError(f"{where} has the profile {named!r}, expected {' or '.join(map(repr, profiles))}")
    return profiles[named]


def _flatten(content: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(content, dict):
        items = [(f"{prefix}.{name}" if prefix else name, value) for name, value in content.items()]
    elif isinstance(content, tuple | list):
        items = [(f"{prefix}[{place}]", value) for place, value in enumerate(content)]
    else:
        return {prefix: content}
    return {name: value for inner, part in items for name, value in _flatten(part, inner).items()}
