import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from storage.address import Address, Place
from storage.whole_files import publish, unfinished, whole_file, write_whole_text

KILLED_WHILE_WRITING = """
import os, signal, sys
from storage.places import place_of
from storage.whole_files import whole_file
with whole_file(place_of(sys.argv[1])) as written:
    written.write_text("half of the new")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write_until_the_disk_is_full(path: Place) -> None:
    with whole_file(path) as written:
        written.write_text("half")
        raise OSError(28, "No space left on device")


def test_the_file_is_there_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"

    with whole_file(path) as written:
        written.write_bytes(b"whole")
        assert not path.exists()

    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole_text(path, "old")

    with pytest.raises(OSError, match=f"No space left on device: '{path}'"):
        write_until_the_disk_is_full(path)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_its_place_is_an_error_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(IsADirectoryError), whole_file(tmp_path / "folder"):
        raise AssertionError("the block began")

    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_an_address_does_not_become_a_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ValueError, match=r"is an address \(s3\)"):
        write_whole_text(Path("s3://bucket/a.json"), "new")

    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_leaves_the_old_file_and_a_hidden_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole_text(path, "old")

    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)

    assert done.returncode == -9
    assert path.read_text() == "old"
    (left,) = set(tmp_path.iterdir()) - {path}
    assert left.match(".a.json.*.tmp")


def test_a_process_killed_while_it_writes_for_a_store_leaves_nothing_on_this_machine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, "s3://bucket/a.json"]

    done = subprocess.run(command, env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)

    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_of_this_machine_is_not_taken_for_the_store(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"No space left on device: '{tempfile.gettempdir()}'"):
        write_until_the_disk_is_full(Address("s3://bucket/a.json"))


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_files_are_as_readable_as_any_other(umask: int, mode: int, tmp_path: Path) -> None:
    usual = os.umask(umask)
    try:
        with whole_file(tmp_path / "a") as written:
            written.unlink()  # as a library does that makes its files anew, for the owner alone
            os.close(os.open(written, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(usual)

    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_everything_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[tuple[str, int]] = []
    replace = Path.replace

    def named(self: Path, target: Path) -> Path:
        events.append(("name", self.stat().st_ino))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", lambda descriptor: events.append(("sync", os.fstat(descriptor).st_ino)))
    monkeypatch.setattr(Path, "replace", named)

    with whole_file(tmp_path / "a") as written:
        written.write_text("text")

    file, folder = (tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino
    assert events == [("sync", file), ("name", file), ("sync", folder)]


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "old"
    for folder, text in ((path, "1"), (unfinished(path), "2")):
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / text).write_text(text)

    publish(path)

    assert [file.name for file in (path / "inner").iterdir()] == ["2"]
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    write_whole_text(tmp_path / "a.txt", "Käse 猫\n")

    assert (tmp_path / "a.txt").read_bytes() == "Käse 猫\n".encode()


def test_a_folder_of_many_files_is_put_in_its_place_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "export"
    (unfinished(path) / "videos").mkdir(parents=True)
    for number in range(3000):
        (unfinished(path) / "videos" / f"{number}.mp4").touch()

    tracemalloc.start()
    publish(path, are_files_synced=True)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(list((path / "videos").iterdir())) == 3000
    assert peak_bytes < 100_000, "no list of the names"
