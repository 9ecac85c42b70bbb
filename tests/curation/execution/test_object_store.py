import random
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curation.execution import run
from curation.execution.local import LocalExecutor
from curation.execution.lock import DatasetBusyError, locked_for_run
from dataset_schema import read_manifest
from storage.address import Address
from tests.curation.execution.child_run import start_run
from tests.curation.scripted_stages import curate, mixed_clips, read_tables
from tests.object_store import KEY, SECRET, Proxy, bucket, proxy, session_proxy, store_url

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

RUN_IN_CHILD = """
import sys
from curation.execution.local import LocalExecutor
from storage.address import Address
from tests.curation.scripted_stages import curate, mixed_clips
curate(mixed_clips(40, slow=True), Address(sys.argv[1]), LocalExecutor())
"""


def local_tables(tmp_path: Path, *, clips: int, slow: bool) -> dict[str, list[Any]]:
    curate(mixed_clips(clips, slow=slow), tmp_path / "local", LocalExecutor())
    return read_tables(tmp_path / "local")


@pytest.mark.parametrize("every", [4, *(pytest.param(every, marks=pytest.mark.slow) for every in (0, 2))])
def test_a_run_into_a_store_that_refuses_some_requests_ends_as_on_a_disk(
    every: int, tmp_path: Path, bucket: str, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = Address(f"{bucket}/set")
    proxy.plan(every, seed=every)

    curate(mixed_clips(10, slow=False), dataset, LocalExecutor())
    proxy.plan(0, 0)

    assert read_tables(dataset) == local_tables(tmp_path, clips=10, slow=False)
    assert read_manifest(dataset).complete
    written = {path.name: path.read_bytes() for path in Address(bucket).rglob("*")}
    assert {name for name in written if name.startswith(".")} == {".run.lock"}
    for secret in (KEY, SECRET):
        assert not any(secret.encode() in content for content in written.values())
        assert secret not in caplog.text


def test_the_second_run_is_told_who_writes(bucket: str) -> None:
    dataset = Address(f"{bucket}/set")

    with locked_for_run(dataset, lease_s=1.0) as holder, pytest.raises(DatasetBusyError) as told:
        curate(mixed_clips(3, slow=False), dataset, LocalExecutor())

    assert f"another run; wait for its end, or stop it (process {holder.pid} on {holder.host}, since" in str(told.value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_run_into_a_store_killed_at_any_moment_and_started_again_ends_like_an_undisturbed_one(
    seed: int, tmp_path: Path, bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Address(f"{bucket}/set")
    proxy.plan((0, 4, 2)[seed % 3], seed=seed)
    with start_run(RUN_IN_CHILD, dataset) as child:
        while not (dataset / "dataset.json").is_file():
            assert child.poll() is None
        time.sleep(random.Random(seed).uniform(0.0, 2.0))  # the moment of the kill
        child.send_signal(signal.SIGKILL)
    monkeypatch.setattr(run, "locked_for_run", partial(locked_for_run, lease_s=2.0))

    curate(mixed_clips(40, slow=True), dataset, LocalExecutor())

    assert read_tables(dataset) == local_tables(tmp_path, clips=40, slow=True)
    assert [path.name for path in dataset.rglob("*") if path.name.startswith(".")] == [".run.lock"]
