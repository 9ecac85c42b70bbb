"""Classes of a user's own, which files name by their import path: `profile = "package.module:ClassName"`.

To import a module is to run it, and a file may come from a stranger. So reading a file imports nothing: it finds what
is imported already, such as the classes of the script that reads. Whoever trusts a file imports what it names before.
"""

import importlib
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

# The field that says which config stands where one of several may.
PROFILE: Final = "profile"

EXAMPLE: Final = "package.module:ClassName"
_NAME: Final = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")


def is_class_name(profile: object) -> bool:
    """Whether a profile is the import path of a class."""
    return isinstance(profile, str) and _NAME.fullmatch(profile) is not None


def import_named(content: Any) -> None:
    """Import the modules of all classes that a file names. It is for files that are trusted like a script.

    Raises:
        ValueError: there is no such module, or its own code fails.
    """
    for profile in dict.fromkeys(_profiles(content)):
        module, _ = _parts(profile)
        try:
            importlib.import_module(module)
        except Exception as error:  # somebody's own code may raise anything
            raise ValueError(f"profile is {profile!r}, but {_why(error, module)}") from error


def _why(error: Exception, module: str) -> str:
    """Why a module cannot be imported."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    if name is not None and f"{module}.".startswith(f"{name}."):
        return f"there is no module {name}; install it, or run from the folder in which it lies"
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"importing {module} fails at {place.filename}, line {place.lineno} ({type(error).__name__}: {error}); mend it"
    )


def named_class(profile: str, place: str = PROFILE) -> type:
    """The class of this import path, of a module that is imported already.

    Args:
        profile: the import path.
        place: of the profile in its file.

    Raises:
        ValueError: it is not, or has no such class.
    """
    module_name, name = _parts(profile)
    module = sys.modules.get(module_name)
    if module is None:
        raise ValueError(
            f"{place} is {profile!r}, so code of the module {module_name} would run, and that is not imported; if you "
            "trust the file and the module, import it before, or say so (trusts_code=True, --trusts-code)"
        )
    found = getattr(module, name, None)
    if not isinstance(found, type):
        raise ValueError(  # noqa: TRY004  the file is wrong
            f"{place} is {profile!r}, but the module {module_name} has no class {name}"
        )
    return found


def class_name(kind: type) -> str:
    """The import path of a class.

    Raises:
        ValueError: it has none that another program could use.
    """
    name = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or not is_class_name(name) or named_class(name) is not kind:
        raise ValueError(
            f"{kind.__qualname__} is a class of {kind.__module__} that no other program could import; put it at the "
            "top of a module of its own, and import it from there"
        )
    return name


def _profiles(content: Any) -> list[str]:
    if isinstance(content, Mapping):
        own = content.get(PROFILE)
        below = [profile for part in content.values() for profile in _profiles(part)]
        return [own, *below] if isinstance(own, str) and is_class_name(own) else below
    return [profile for part in content for profile in _profiles(part)] if isinstance(content, list | tuple) else []


def _parts(profile: str) -> tuple[str, str]:
    module, _, name = profile.partition(":")
    return module, name
