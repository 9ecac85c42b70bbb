"""Where networks run: names as torch has them, and whether there is such a device; torch is imported when asked."""

import re
from typing import Any, Final

from storage.libraries import library

KINDS: Final = ("cpu", "cuda", "mps", "xpu")
_NAME: Final = re.compile(rf"({'|'.join(KINDS)})(:\d+)?")


def check_device_name(name: str) -> None:
    """Refuse what is no name of a device.

    Raises:
        ValueError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"device is {name!r}, expected one of {', '.join(KINDS)}, or one with a number such as cuda:0")


def torch_device(name: str) -> Any:
    """The `torch.device` of this name, which is there.

    Raises:
        ValueError: it is no name, or there is no such device on this machine.
    """
    check_device_name(name)
    torch = library("torch", extra="modeling")
    device = torch.device(name)
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # a torch without CUDA asserts
        first, *_ = str(error).splitlines()
        raise ValueError(f"device is {name!r}, which this machine does not have ({first}); cpu always works") from error
    return device
