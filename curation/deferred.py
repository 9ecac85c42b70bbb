"""A heavy library, imported when it is first used: what lies beside it, such as a config, is there at once."""

from importlib import import_module
from typing import Any


class Deferred:
    """Stands for a module in place of its import: `cv2: Any = Deferred("cv2")`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """What the module has under this name."""
        return getattr(import_module(self._name), attribute)
