"""Configs of which one or another may stand in a place, such as the encoders: their `profile` says which."""

import dataclasses
import typing
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

Config = TypeVar("Config")

_PROFILE = "profile"


def with_chosen_profiles(config: Config, arguments: Sequence[str]) -> Config:
    """The config, with those of another profile wherever the arguments choose one: `--path.to.it.profile VALUE`.

    Values whose names both profiles have are kept where they are not a profile's default, but for configs inside them:
    those of another profile are other choices. A place or profile that does not exist changes nothing: whoever reads
    the arguments next says what was expected.
    """
    for path, profile in _chosen(arguments):
        config = _with_profile(config, path, profile)
    return config


def _chosen(arguments: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        flag, separator, value = argument.partition("=")
        *path, last = flag.removeprefix("--").replace("-", "_").split(".")
        if flag.startswith("--") and path and last == _PROFILE:
            yield path, value if separator else following


def _with_profile(config: Any, path: Sequence[str], profile: str) -> Any:
    name, *rest = path
    if not dataclasses.is_dataclass(config) or isinstance(config, type) or not hasattr(config, name):
        return config
    current = getattr(config, name)
    if rest:
        return dataclasses.replace(config, **{name: _with_profile(current, rest, profile)})
    usual = _defaults(type(current))
    kinds: Sequence[Any] = typing.get_args(typing.get_type_hints(type(config))[name])
    for kind in kinds:
        defaults = _defaults(kind)
        if defaults.get(_PROFILE) == profile:
            values = {key: getattr(current, key) for key in defaults if key != _PROFILE and hasattr(current, key)}
            kept = {
                key: value
                for key, value in values.items()
                if not dataclasses.is_dataclass(value) and value != usual.get(key)
            }
            return dataclasses.replace(config, **{name: kind(**kept)})
    return config


def _defaults(kind: Any) -> dict[str, Any]:
    """What the fields of a config are by default; nothing if it is none."""
    return {field.name: field.default for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else {}
