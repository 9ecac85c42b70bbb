"""What a field of a config may say of itself, as metadata: `field(default=1, metadata=UNDECISIVE)`."""

from types import MappingProxyType
from typing import Any, Final

Marks = MappingProxyType[str, Any]

# The value changes where and how hard a run works, and nothing about what becomes of a clip: another machine may go on.
UNDECISIVE: Final[Marks] = MappingProxyType({"decides": False})

# Nobody turns it from a shell: it stands in the preset, and `--help` does not list it.
PRESET_ONLY: Final[Marks] = MappingProxyType({"has_flag": False})
