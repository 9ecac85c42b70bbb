"""Libraries that only an extra installs: imported when they are needed, or asked for by the name of the extra."""

import importlib
from typing import Any


def library(name: str, *, extra: str, constraints: str | None = None) -> Any:
    """The module of this name.

    Args:
        name: of the module, which may lie inside a package.
        extra: that installs it.
        constraints: the file of versions that the extra installs with, if it needs an environment of its own.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing, package = error.name or "", name.partition(".")[0]
        if missing.partition(".")[0] != package:
            raise  # the library is there, and lacks something itself
        install = f"pip install 'openalchemist[{extra}]'"
        if constraints:
            install = f"in an environment of its own, pip install -c {constraints} 'openalchemist[{extra}]'"
        raise ModuleNotFoundError(f"this needs {package}, which is not installed: {install}", name=package) from error
