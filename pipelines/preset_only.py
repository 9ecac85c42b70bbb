"""Settings that nobody turns from a shell: their field says so, and they stand in the preset alone."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from storage.configs import PRESET_ONLY


def preset_only(config: type[Any]) -> frozenset[str]:
    """The fields of a dataclass that have no flag."""
    marks = PRESET_ONLY.items()
    return frozenset(field.name for field in dataclasses.fields(config) if marks <= field.metadata.items())


def has_preset_only(config: object) -> bool:
    """Whether the config, or one inside it, has such fields."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        return False
    inner = (getattr(config, field.name) for field in dataclasses.fields(config))
    return bool(preset_only(type(config))) or any(map(has_preset_only, inner))


def turned_without_flag(config: object, arguments: Sequence[str]) -> tuple[str, ...] | None:
    """The path of the first setting that the arguments would turn although it stands in the preset alone."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for option in options:
        flag = option.partition("=")[0]
        *places, last = flag.removeprefix("--").replace("-", "_").split(".")
        for path in ((*places, last), (*places, last.removeprefix("no_"))):
            if flag.startswith("--") and _leads_to_preset(config, path):
                return path
    return None


def _leads_to_preset(config: object, path: Sequence[str]) -> bool:
    for name in path:
        if not dataclasses.is_dataclass(config) or isinstance(config, type):
            return False
        if name in preset_only(type(config)):
            return True
        config = getattr(config, name, None)
    return False
