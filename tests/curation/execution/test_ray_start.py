import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from curation.execution.executor import BrokenRunError
from curation.execution.ray_start import join_cluster, start_here

TOO_SLOW = "The current node timed out during startup. This could happen because some of the raylet failed to startup."


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Somebody listens, takes connections, and is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        yield server.getsockname()[1]


def hang_up(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with pytest.raises(ValueError, match=f"nobody answers at the address 127.0.0.1:{port} .*ray start --head"):
        join_cluster(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "head", "head:", "127.0.0.1:port", ""])
def test_what_is_no_address_of_a_head_is_told(address: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT of a cluster's head"):
        join_cluster(address)


@pytest.mark.slow
def test_another_server_at_the_address_is_told_within_a_minute(silent_port: int) -> None:
    with pytest.raises(ValueError, match="is no Ray cluster that can be joined"):
        join_cluster(f"127.0.0.1:{silent_port}")


class SlowRay:
    """`ray.init` as a busy machine has it: too slow so many times."""

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self.starts: list[dict[str, Any]] = []

    def init(self, **options: Any) -> None:
        self.starts.append(options)
        if len(self.starts) <= self._failures:
            raise Exception(TOO_SLOW)


def test_a_start_that_was_too_slow_is_tried_once_more_and_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow = SlowRay(1)
    monkeypatch.setattr(ray, "init", slow.init)

    start_here()

    first, second = slow.starts
    assert "_system_config" not in first
    assert second["_system_config"] == {"agent_register_timeout_ms": 300_000}
    assert "starting it once more, with longer limits" in caplog.text


def test_ray_here_has_the_cores_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowRay(0)
    monkeypatch.setattr(ray, "init", slow.init)
    cores = os.sched_getaffinity(0)

    os.sched_setaffinity(0, {min(cores)})
    try:
        start_here()
    finally:
        os.sched_setaffinity(0, cores)

    assert slow.starts[0]["num_cpus"] == 1


def test_a_machine_on_which_ray_never_starts_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", SlowRay(2).init)

    with pytest.raises(BrokenRunError, match=r"Ray did not start on this machine, twice .* --executor processes"):
        start_here()
