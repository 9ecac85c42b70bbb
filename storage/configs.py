"""What a field of a config may say of itself, as metadata: `field(default=1, metadata=UNDECISIVE)`."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import Any, Final

Marks = MappingProxyType[str, Any]

# The value changes where and how hard a run works, and nothing about what becomes of a clip: another machine may go on.
UNDECISIVE: Final[Marks] = MappingProxyType({"decides": False})

# Nobody turns it from a shell: it stands in the preset, and `--help` does not list it.
PRESET_ONLY: Final[Marks] = MappingProxyType({"has_flag": False})


def undecisive_fields(config: Any, below: str = "") -> Iterator[str]:
    """The full names, such as `annotators.shots.device`, of the fields of a config that are marked as `UNDECISIVE`."""
    if not is_dataclass(config):
        return
    for each in fields(config):
        if each.metadata.get("decides") is False:
            yield f"{below}{each.name}"
        else:
            yield from undecisive_fields(getattr(config, each.name), f"{below}{each.name}.")
