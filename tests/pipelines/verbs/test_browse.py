"""The command itself: what it says, what it refuses, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pipelines.__main__ import main
from tests.pipelines.housekeeping.conftest import dataset as dataset
from tests.pipelines.housekeeping.conftest import tables as tables

ROOT = Path(__file__).parents[3]


def test_it_tells_its_address_shows_the_dataset_there_and_ends_with_ctrl_c(dataset: Path) -> None:
    command = [sys.executable, "-m", "pipelines", "browse", "--dataset", str(dataset), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        with urllib.request.urlopen(address, timeout=60) as answer:
            page = answer.read().decode()
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()

    assert address.startswith("http://127.0.0.1:")
    assert "read 6 =" in page
    assert "leaked" not in complaints
    assert "Traceback" not in complaints
    assert (process.returncode, complaints) == (0, "")


def test_it_starts_without_libraries_that_only_networks_and_decoders_need() -> None:
    statement = "import sys, pipelines.verbs.browse; print({'torch', 'ray', 'cv2', 'av', 'scipy'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, cwd=ROOT, check=True, timeout=120
    )

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--host", "0.0.0.0"), "expected 127.0.0.1, or --beyond-loopback and a password"),
        (("--port", "70000"), "port is 70000, expected 0 to 65535"),
        (("--host", "0.0.0.0", "--beyond-loopback"), "expected at least 12 where other machines may ask"),
        (("--host", "192.0.2.1", "--beyond-loopback"), "expected at least 12 where other machines may ask"),
    ],
)
def test_it_listens_to_no_other_machine_unasked(
    dataset: Path,
    given: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENALCHEMIST_BROWSE_PASSWORD", raising=False)

    try:
        status: object = main(["browse", "--dataset", str(dataset), *given])
    except SystemExit as end:
        status = end.code

    assert status == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["browse", "--dataset", str(tmp_path), "--port", "0"]) == 2

    assert "has no dataset.json" in capsys.readouterr().err


def test_a_port_that_another_program_has_is_told(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status = main(["browse", "--dataset", str(dataset), "--port", str(port)])

    assert status == 2
    assert f"cannot listen at 127.0.0.1, port {port}" in capsys.readouterr().err
