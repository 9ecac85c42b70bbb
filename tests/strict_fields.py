"""The fields of every config of a package, by what they hold, for tests of what they take."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from types import MappingProxyType, ModuleType
from typing import Any, get_args, get_type_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a config class."""

    config: type
    name: str
    hint: Any

    def __str__(self) -> str:
        return f"{self.config.__name__}.{self.name}"

    @property
    def is_number(self) -> bool:
        return bool({int, float} & {self.hint, *get_args(self.hint)})

    @property
    def is_switch(self) -> bool:
        return self.hint is bool

    @property
    def choices(self) -> type[Enum] | None:
        return self.hint if isinstance(self.hint, type) and issubclass(self.hint, Enum) else None


def every_field(package: ModuleType, is_config: Callable[[str], bool]) -> list[Field]:
    """Those of all dataclasses of a package whose names say that they are configs."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            if not isinstance(kind, type) or not kind.__module__.startswith(f"{package.__name__}."):
                continue
            if is_config(name) and is_dataclass(kind):
                found[name] = kind
    return [
        Field(config=found[name], name=each.name, hint=get_type_hints(found[name])[each.name])
        for name in sorted(found)
        for each in fields(found[name])
    ]


def with_value(field: Field, value: object, needed: Mapping[str, Mapping[str, Any]] = MappingProxyType({})) -> Any:
    """The config with one field so, and the others as they are, or as `needed` has them by the name of the class."""
    return field.config(**{**needed.get(field.config.__name__, {}), field.name: value})
