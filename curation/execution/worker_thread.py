"""One long-lived thread that runs calls in turn, and can be abandoned when a call hangs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

# How the names of threads begin that run a stage.
STAGE_THREAD: Final = "stage-"


class WorkerThread:
    """Runs every call on the same thread.

    The same thread, because a child process that shall die with its parent dies with the *thread* that started it. A
    daemon, so that a call that never returns cannot keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def submit(self, call: Callable[[], Result]) -> "Future[Result]":
        """Have the thread make this call after those before it."""
        future: Future[Result] = Future()
        self._calls.put((future, call))
        return future

    def stop(self) -> None:
        """Let the thread end once it has made every call."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (item := self._calls.get()) is not None:
            _answer(*item)
            del item  # or the thread would hold on to the clips of its last call


def _answer(future: "Future[Any]", call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits for the answer
        future.set_exception(error)
    else:
        future.set_result(result)
