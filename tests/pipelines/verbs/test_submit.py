"""`submit` against a real Ray head on this machine."""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from dataset_schema import read_manifest
from pipelines.__main__ import main
from pipelines.config import parse
from pipelines.verbs.submit import Submit, _own_packages, entrypoint, submit_when_ready
from storage.address import Address, Place
from tests.curation.scripted_stages import read_tables
from tests.object_store import KEY, SECRET, bucket, environment, proxy, session_proxy, store_url, upload
from worlds.sprites import SpriteWorldConfig, make_world

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

ROOT = Path(__file__).parents[3]
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
WORLD = SpriteWorldConfig(clips=4, frames=37, undesirable_share=0.0, max_subjects=1)


def test_the_entrypoint_is_the_same_curation_with_absolute_paths() -> None:
    command = Submit(
        address="http://head:8265",
        input=Path("my videos"),
        output=Path("/data/out"),
        options="--score-all --sources.caption 'A dog runs.'",
    )

    words = shlex.split(entrypoint(command))

    assert words[:8] == ["python", "-m", "pipelines", "curate", "--executor", "ray", "--address", "auto"]
    assert words[8:] == [
        *("--input", str(Path.cwd() / "my videos"), "--output", "/data/out"),
        *("--score-all", "--sources.caption", "A dog runs."),
    ]


def test_what_lies_in_a_store_is_read_and_written_there_by_the_cluster() -> None:
    command = parse(
        Submit,
        ["--address", "http://head:8265", "--input", "s3://bucket/m.csv", "--output", "s3://bucket/out/"],
        verb="submit",
    )

    assert shlex.split(entrypoint(command))[8:] == ["--input", "s3://bucket/m.csv", "--output", "s3://bucket/out"]


def test_a_job_brings_every_package_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = project["tool"]["setuptools"]["packages"]["find"]["include"]

    assert sorted(Path(package).name for package in _own_packages()) == sorted(name.strip("*") for name in installed)


class StartingCluster:
    """Refuses so many jobs, with these words, before it takes one."""

    def __init__(
        self, refusals: int, words: str = "code 500: No available agent to submit job, please try again"
    ) -> None:
        self._refusals = refusals
        self._words = words

    def submit_job(self, **job: Any) -> str:
        if self._refusals:
            self._refusals -= 1
            raise RuntimeError(self._words)
        return "job-1"


def test_a_cluster_that_has_just_started_is_waited_for() -> None:
    command = Submit(address="http://head:8265", input=Path("a"), output=Path("b"))

    assert submit_when_ready(cast("Any", StartingCluster(2)), command, patience_s=30.0) == "job-1"
    with pytest.raises(ValueError, match="took no job for 0 s"):
        submit_when_ready(cast("Any", StartingCluster(2)), command, patience_s=0.0)
    with pytest.raises(RuntimeError, match="disk is full"):
        submit_when_ready(cast("Any", StartingCluster(1, "disk is full")), command, patience_s=30.0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def head(store_url: str) -> Iterator[str]:
    """The dashboard address of a Ray head that is these tests' own, with the credentials for a store."""
    port = free_port()
    options = ["--head", "--block", "--num-cpus", "2", "--port", str(free_port())]
    options += ["--dashboard-host", "127.0.0.1", "--dashboard-port", str(port)]
    # The agent takes jobs at a fixed port by default, which another head on this machine may hold.
    options += ["--dashboard-agent-listen-port", str(free_port())]
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:  # socket paths must be short
        ray = Path(sys.executable).with_name("ray")
        process = subprocess.Popen(
            [str(ray), "start", *options, "--temp-dir", folder],
            env={**os.environ, **QUIET, **environment(store_url)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(address)
        yield address
        started = psutil.Process(process.pid)
        for child in [*started.children(recursive=True), started]:
            with contextlib.suppress(psutil.NoSuchProcess):  # its parent ended it
                child.kill()
        process.wait(timeout=60)


def run_verb(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "submit", *arguments],
        env={**os.environ, **QUIET},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def test_a_submitted_job_runs_to_the_end_and_writes_the_dataset(head: str, tmp_path: Path) -> None:
    manifest = make_world(tmp_path / "world", WORLD)
    output = tmp_path / "dataset"
    buckets = "--curation.buckets 17x80x144"

    done = _submitted(head, manifest, output, buckets)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout
    assert f"read {WORLD.clips} = kept" in done.stdout
    assert read_manifest(output).complete


@pytest.mark.slow
@pytest.mark.timeout(900)  # curates twice, once on a cluster that starts
def test_a_submitted_job_reads_and_writes_a_store_as_a_run_on_this_machine_its_disk(
    head: str, store_url: str, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store_url)  # as the cluster has it
    world = make_world(tmp_path / "world", WORLD)
    videos = upload(world.parent, Address(f"{bucket}/world"))
    buckets, output = "--curation.buckets 17x80x144", Address(f"{bucket}/dataset")

    done = _submitted(head, videos / world.name, output, buckets)

    assert done.returncode == 0, done.stdout + done.stderr
    assert read_manifest(output).complete
    for secret in (KEY, SECRET):
        assert secret not in done.stdout + done.stderr
    where = ["--input", str(videos / world.name), "--output", str(tmp_path / "here"), "--executor", "local"]
    assert main(["curate", *where, *buckets.split()]) == 0
    assert sum(map(len, read_tables(output).values())) == WORLD.clips
    assert read_tables(output) == read_tables(tmp_path / "here")
    assert read_manifest(output).funnel == read_manifest(tmp_path / "here").funnel
    assert {path.name for path in output.rglob("*") if path.name.startswith(".")} == {".run.lock"}
    assert main(["inspect", "--dataset", str(output), "--output", str(tmp_path / "sheets")]) == 0
    assert main(["validate", "--dataset", str(output), "--workers", "1"]) == 0


def test_a_job_that_fails_ends_with_status_1(head: str, tmp_path: Path) -> None:
    done = _submitted(head, tmp_path / "nothing.csv", tmp_path / "dataset", "")

    assert done.returncode == 1
    assert "nothing.csv does not exist" in done.stdout


def test_a_cluster_that_is_not_there_is_one_clear_line() -> None:
    done = run_verb("--address", f"http://127.0.0.1:{free_port()}", "--input", "a", "--output", "b")

    assert done.returncode == 2
    assert "no Ray dashboard answers" in done.stderr


def _submitted(head: str, source: Place, output: Place, options: str) -> subprocess.CompletedProcess[str]:
    where = ["--address", head, "--input", str(source), "--output", str(output), "--python", sys.executable]
    return run_verb(*where, *([f"--options={options}"] if options else []))


def _wait_until_up(head: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{head}/api/version", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"no Ray head at {head} after 60 s")
