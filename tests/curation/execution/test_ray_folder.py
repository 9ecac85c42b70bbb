import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.execution.ray_folder import ray_folder


@pytest.fixture(autouse=True)
def no_folder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Path]:
    """A folder with a name as short as those people give."""
    link = Path("/tmp") / f"t{os.getpid()}"
    link.symlink_to(tmp_path)
    yield link
    link.unlink()


def test_a_folder_that_fits_is_the_one_that_ray_would_take(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(short))
    assert ray_folder() == short / "ray"

    monkeypatch.setenv("RAY_TMPDIR", str(short / "own"))
    assert ray_folder() == short / "own" / "ray"


@pytest.mark.parametrize("named", ["/tmp/" + "n" * 60, "relative", "/proc/nowhere", "/dev/null"])
def test_a_folder_that_ray_cannot_use_gives_way_to_one_that_it_can(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, named: str
) -> None:
    monkeypatch.setenv("TMPDIR", named)

    folder = ray_folder()

    socket = folder / "session_2026-11-29_12-34-56_123456_1234567" / "sockets" / "plasma_store"
    assert len(os.fsencode(socket)) <= 107
    assert str(folder).startswith(("/tmp/ray", "/var/tmp/ray", "/dev/shm/ray"))
    assert f"Ray's files go to {folder}: {named}" in caplog.text
    assert not folder.is_relative_to(named)


def test_a_folder_of_somebody_else_gives_way_to_one_of_one_s_own(monkeypatch: pytest.MonkeyPatch, short: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(short))
    (short / "ray").write_text("in the way, also for root")

    assert ray_folder() == short / f"ray-{os.getuid()}"
