import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from storage.address import Address
from storage.busy import BusyError
from storage.holder import Holder
from storage.lease import expect_leased, leased
from storage.lock import held_alone
from tests.object_store import Proxy, bucket, proxy, session_proxy, store_url

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

HELD_UNTIL_KILLED = """
import sys
from storage.address import Address
from storage.lease import leased
with leased(Address(sys.argv[1]), busy="", lease_s=1.0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_holds_it_and_the_third_gets_it(bucket: str) -> None:
    lock = Address(f"{bucket}/set/.lock")

    with leased(lock, busy="at work", lease_s=1.0) as holder:
        with pytest.raises(BusyError) as told, leased(lock, busy="at work", lease_s=1.0):
            pass
        expect_leased(lock, holder)
    with leased(lock, busy="at work", lease_s=60.0) as next_holder:
        expect_leased(lock, next_holder)

    assert str(told.value) == f"at work (process {holder.pid} on {holder.host}, since {holder.since})"


def test_of_many_at_once_one_gets_it(bucket: str, proxy: Proxy) -> None:
    lock = Address(f"{bucket}/.lock")
    begun, ended = threading.Barrier(6), threading.Barrier(6)
    got: list[Holder] = []
    refused: list[BusyError] = []
    proxy.plan(4, seed=1)

    def try_it() -> None:
        begun.wait()
        try:
            with leased(lock, busy="at work", lease_s=3.0) as holder:
                got.append(holder)
                ended.wait()
        except BusyError as error:
            refused.append(error)
            ended.wait()

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 1
    assert len(refused) == 5


def test_a_killed_holder_loses_it_and_is_told_if_it_was_only_asleep(bucket: str) -> None:
    lock = Address(f"{bucket}/.lock")
    command = [sys.executable, "-c", HELD_UNTIL_KILLED, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        child.send_signal(signal.SIGKILL)
    dead = Holder.of_text(lock.read_bytes())
    assert dead is not None

    with leased(lock, busy="at work", lease_s=1.0) as holder:
        expect_leased(lock, holder)
        with pytest.raises(BusyError, match=f"another process took it .process {holder.pid} on"):
            expect_leased(lock, dead)


def test_a_lock_on_a_disk_says_who_holds_it_too(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"

    with (
        held_alone(lock, busy="at work") as holder,
        pytest.raises(BusyError) as told,
        held_alone(lock, busy="at work"),
    ):
        pass

    assert str(told.value) == f"at work (process {holder.pid} on {holder.host}, since {holder.since})"
