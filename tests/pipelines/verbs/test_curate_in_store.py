"""`curate` with its input and output in a store: what the store refuses, and what the person is told."""

import time
from collections import Counter
from pathlib import Path

import pytest

from dataset_schema import FailedClip, FailureKind, Sample, read_shard, shard_paths
from pipelines.__main__ import main
from storage.address import Address
from tests.object_store import KEY, SECRET, Proxy, bucket, free_port, proxy, put, session_proxy, store_url
from worlds.sprites import SpriteWorldConfig, make_world

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

WORLD = SpriteWorldConfig(clips=3, frames=37, undesirable_share=0.0, max_subjects=1, occluder_share=0.0)


def curate(bucket: str, *options: str) -> int:
    """From a manifest in the bucket into a dataset in the bucket."""
    places = ("--input", f"{bucket}/in/manifest.csv", "--output", f"{bucket}/set")
    return main(["curate", *places, "--executor", "local", "--curation.buckets", "17x80x144", *options])


def put_world(folder: Path, bucket: str) -> None:
    make_world(folder, WORLD)
    for path in (folder / "manifest.csv", *folder.glob("videos/*")):
        put(f"{bucket}/in/{path.relative_to(folder).as_posix()}", path.read_bytes())


def failures(bucket: str) -> list[FailedClip]:
    dataset = Address(f"{bucket}/set")
    return [failed for path in shard_paths(dataset, FailedClip) for failed in read_shard(path, FailedClip)]


@pytest.mark.slow
def test_a_video_that_its_store_refuses_is_a_failure_that_one_option_tries_again_alone(
    tmp_path: Path, bucket: str, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    put_world(tmp_path, bucket)
    proxy.always, proxy.always_of = (503, "SlowDown"), "0001.mp4"

    assert curate(bucket) == 0
    (failed,) = failures(bucket)
    assert failed.kind is FailureKind.IO
    assert failed.message.startswith(f"{bucket}/in/videos/0001.mp4: the store refuses requests (503 SlowDown), tried")
    assert "kept 2 + rejected 0 + failed 1" in capsys.readouterr().out
    proxy.plan(0, 0)
    assert curate(bucket) == 0
    assert failures(bucket) == [failed]  # nobody asked to try it again
    assert curate(bucket, "--retry", "io") == 0

    videos = Counter(path.rpartition("/")[2] for path in proxy.asked_for if path.endswith(".mp4"))
    assert set(videos) == {"0001.mp4"}
    assert failures(bucket) == []
    assert "kept 3 + rejected 0 + failed 0" in capsys.readouterr().out
    kept = [path for path in shard_paths(Address(f"{bucket}/set"), Sample) for _ in read_shard(path, Sample)]
    assert len(kept) == 3


FAULTS = [
    ("RequestTimeTooSkewed", "the clock of this machine differs too much from that of the store; set it (by NTP)"),
    ("AccessDenied", "the credentials in the environment do not allow this; grant them to read, write, list and"),
    ("down", "cannot be reached, tried for"),
    ("busy", "the store refuses requests (503"),
    ("no bucket", "there is no such bucket; make it, or correct its name"),
]


@pytest.mark.parametrize(("fault", "sentence"), FAULTS)
@pytest.mark.parametrize("side", ["--input", "--output", "--dataset"])
def test_a_store_that_cannot_be_used_is_one_line_and_status_2(
    side: str,
    fault: str,
    sentence: str,
    tmp_path: Path,
    bucket: str,
    proxy: Proxy,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.bucket._PATIENCE_S", 0.1)
    monkeypatch.setattr("storage.bucket._LIBRARY_PATIENCE_S", 0.1)
    if fault == "down":
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    elif fault == "busy":
        proxy.always = (503, "SlowDown")
    elif fault == "no bucket":
        bucket = "s3://no-such-bucket-anywhere"
    else:
        proxy.always = (403, fault)
    (tmp_path / "m.csv").write_text("video,caption\na.mp4,A dog runs.\n")
    began = time.monotonic()

    status = main(
        {
            "--input": ["curate", "--input", f"{bucket}/m.csv", "--output", str(tmp_path / "set")],
            "--output": ["curate", "--input", str(tmp_path / "m.csv"), "--output", f"{bucket}/set"],
            "--dataset": ["inspect", "--dataset", f"{bucket}/set", "--output", str(tmp_path / "sheets")],
        }[side]
    )

    assert status == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert bucket in told
    assert told.count("\n") == 1
    assert not told.rstrip().endswith("choose another")
    assert not any(secret in told for secret in (KEY, SECRET))
    assert time.monotonic() - began < 30
    assert not (tmp_path / "set").exists()


def test_a_key_that_may_read_and_not_write_is_told_before_anything_is_read(
    tmp_path: Path, bucket: str, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy.always, proxy.always_of = (403, "AccessDenied"), "/set/"

    assert curate(bucket) == 2

    assert f"--output {bucket}/set cannot be written: the credentials in the environment do not" in (
        capsys.readouterr().err
    )
    assert not any("/in/" in path for path in proxy.asked_for)
