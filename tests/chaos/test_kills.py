from pathlib import Path

import pytest

from storage.address import Address
from tests.chaos.kills import Undisturbed, Victim, Workers, run_killed, run_undisturbed, victim_of
from tests.chaos.sites import DiskSite, StoreSite
from tests.object_store import Proxy, bucket, client, proxy, session_proxy, store_url

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

pytestmark = pytest.mark.slow

MOMENTS = 40


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return run_undisturbed(tmp_path_factory.mktemp("chaos") / "undisturbed")


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_run_killed_anywhere_and_started_again_ends_like_an_undisturbed_one(
    undisturbed: Undisturbed, tmp_path: Path, seed: int
) -> None:
    killed = run_killed(DiskSite(tmp_path / "dataset"), undisturbed, seed=seed)

    assert killed.differing == ()
    assert killed.left_over == ()


# The next run waits less long for a dead holder here; `benchmarks.kills --store` has the usual lease, and 40 moments.
@pytest.mark.parametrize(
    ("seed", "every", "workers"),
    [
        (0, 2, Workers.PROCESSES),
        (1, 4, Workers.PROCESSES),
        (2, 4, Workers.PROCESSES),
        (5, 0, Workers.PROCESSES),
        (8, 2, Workers.PROCESSES),
        (9, 4, Workers.RAY),
        (11, 4, Workers.RAY),
    ],
)
def test_into_a_store_that_refuses_some_requests_too(
    undisturbed: Undisturbed,
    tmp_path: Path,
    bucket: str,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    every: int,
    workers: Workers,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.upstream)  # who looks on asks the store itself
    proxy.plan(every, seed)
    site = StoreSite(Address(f"{bucket}/dataset"), proxy, tmp_path)

    killed = run_killed(site, undisturbed, seed=seed, workers=workers, lease_s=3.0)

    assert killed.differing == ()
    assert killed.left_over == ()


def test_a_kill_interrupts_a_run(undisturbed: Undisturbed, tmp_path: Path) -> None:
    killed = run_killed(DiskSite(tmp_path / "dataset"), undisturbed, seed=2)

    assert victim_of(2) is Victim.WRITER
    assert killed.rows_before < sum(map(len, undisturbed.tables.values()))


def test_what_a_kill_may_leave_in_a_store_would_be_seen(tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    dataset = Address(f"{bucket}/dataset")
    site = StoreSite(dataset, proxy, tmp_path)
    for name in ("dataset.json", ".run.lock", "samples/part-0001-000-00000.parquet", "index/part-00001.parquet"):
        dataset.bucket.put((dataset / name).key, b"")
    assert site.left_over() == ()

    dataset.bucket.put((dataset / "samples/.part-0001.tmp").key, b"")
    client(proxy.upstream).create_multipart_upload(Bucket=bucket.removeprefix("s3://"), Key="dataset/samples/part")
    (tmp_path / "half").touch()

    assert [each.rpartition("/")[2] for each in site.left_over()] == [".part-0001.tmp", "part", "half"]
