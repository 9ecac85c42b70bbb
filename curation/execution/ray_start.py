"""Joining a Ray cluster, or starting Ray on this machine: what can go wrong is one sentence, and comes at once."""

import logging
import os
import socket
import subprocess
import sys
from typing import Any, Final

import ray

from curation.execution.executor import BrokenRunError
from curation.execution.ray_folder import ray_folder
from curation.execution.this_machine import this_machine

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S: Final = 10.0
_STATUS_TIMEOUT_S: Final = 30.0

# What `ray.init` says, in a plain Exception, where its own processes are not up after 30 s.
_TOO_SLOW: Final = "timed out during startup"
# Ray ends a node whose helpers, Python processes too, have not begun after this long; its own limit is 30 s.
_PATIENT_START_MS: Final = 300_000


def join_cluster(address: str) -> None:
    """Connect to a running cluster: `auto` finds the one of this machine.

    Ray itself tries for minutes, and warns all the while, before it says that nobody is there.

    Raises:
        ValueError: no Ray cluster answers at the address.
    """
    if address != "auto":
        _expect_ray_at(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise ValueError(
            f"no Ray cluster at the address {address} ({error}); start one with: ray start --head"
        ) from error


def start_here() -> None:
    """Start Ray on this machine for this run alone; once more, with longer limits, where the first start is too slow.

    On the cores that this process may use: Ray by itself counts those that a scheduler or `taskset` gave to others.

    Raises:
        BrokenRunError: it does not start.
        OSError: its files have no place.
    """
    options: dict[str, Any] = {
        "num_cpus": int(this_machine().cpus),
        "include_dashboard": False,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "_temp_dir": str(ray_folder()),
    }
    try:
        ray.init(address="local", **options)
    except Exception as error:  # Ray raises no narrower one
        if _TOO_SLOW not in str(error):
            raise
    else:
        return
    logger.warning(
        "Ray was not up within its 30 s on this machine (%s); starting it once more, with longer limits", _busyness()
    )
    ray.shutdown()
    try:
        ray.init(address="local", _system_config={"agent_register_timeout_ms": _PATIENT_START_MS}, **options)
    except Exception as error:
        ray.shutdown()
        raise BrokenRunError(
            f"Ray did not start on this machine, twice ({error}; {_busyness()}); run with --executor processes, which "
            "needs no Ray, or start again when the machine has less to do"
        ) from error


def _busyness() -> str:
    return f"{os.getloadavg()[0]:.0f} processes want its {os.cpu_count()} cores"


def _expect_ray_at(address: str) -> None:
    scheme, _, place = address.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme not in ("", "ray") or not host or not port.isdecimal():
        raise ValueError(
            f"address is {address!r}, expected HOST:PORT of a cluster's head, such as 10.0.0.1:6379, or `auto`; "
            "`submit` takes the http:// address of its dashboard"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"nobody answers at the address {address} ({error}); expected the head of a running Ray cluster: look at "
            "it with `ray status` there, or start one with: ray start --head"
        ) from error
    if not scheme and (trouble := _trouble_at(place)):
        raise ValueError(f"what answers at the address {address} is no Ray cluster that can be joined: {trouble}")


def _trouble_at(place: str) -> str | None:
    """What Ray's own command finds wrong there, None if nothing: the library itself would try for five minutes."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "status", "--address", place]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_STATUS_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"`ray status --address {place}` has no answer after {_STATUS_TIMEOUT_S:.0f} s"
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]
