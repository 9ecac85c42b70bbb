"""Run a statement as if only one extra of the project were installed.

`python extra_alone.py EXTRA STATEMENT`: every package outside the extra's closure of requirements, as the installed
metadata state it, is not found.
"""

import importlib.metadata
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(requirement: Requirement, seen: dict[str, set[str]]) -> dict[str, set[str]]:
    """Distribution name -> extras, of everything that installing `requirement` would install."""
    name = canonicalize_name(requirement.name)
    wanted = requirement.extras | {""}
    new = wanted - seen.get(name, set())
    if not new:
        return seen
    seen.setdefault(name, set()).update(new)
    try:
        lines = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return seen  # an optional platform requirement that is not installed here
    for needed in map(Requirement, lines):
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in new):
            closure(needed, seen)
    return seen


class WithoutForeign:
    """A finder that does not find modules whose distribution is not among the allowed ones."""

    def __init__(self, finder: Any, allowed: set[str]) -> None:
        self._finder = finder
        owners = importlib.metadata.packages_distributions()
        self._foreign = {
            module for module, names in owners.items() if not allowed & {canonicalize_name(name) for name in names}
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        """Nothing for a foreign module, the wrapped finder's answer for any other."""
        if path is None and fullname in self._foreign:
            return None
        found: ModuleSpec | None = self._finder.find_spec(fullname, path, target)
        return found


if __name__ == "__main__":
    extra, statement = sys.argv[1:]
    allowed = set(closure(Requirement(f"openalchemist[{extra}]"), {}))
    sys.meta_path[:] = [WithoutForeign(finder, allowed) for finder in sys.meta_path]
    exec(statement, {"__name__": "__main__"})
