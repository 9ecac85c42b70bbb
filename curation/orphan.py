"""Child processes that do not outlive the process that started them, however that ends."""

import os
import threading
import time
from typing import Final

_PARENT_CHECK_S: Final = 0.5


def end_with_parent(parent: int) -> None:
    """End this process within half a second once `parent` is no longer its parent.

    Linux could signal the parent's death, but does so already when the *thread* that started us ends.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)
