import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from storage.places import expect_file_to_write, expect_folder_to_write, local_path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("s3://my-bucket/clips", r"'s3://my-bucket/clips' is an address \(s3\), expected a path on this machine"),
        (Path("s3://my-bucket/clips"), r"'s3:/my-bucket/clips' is an address \(s3\)"),
        ("S3://my-bucket", r"is an address \(s3\)"),
        ("gs://bucket/a", r"is an address \(gs\)"),
        ("hf://datasets/me/clips", r"is an address \(hf\)"),
        ("https://example.org/a.mp4", r"is an address \(https\)"),
        ("abfss://box@account/a", r"is an address \(abfss\)"),
        ("file:///data/clips", "write it without file://"),
        (r"C:\Users\me\videos", "is one of Windows"),
        ("D:/videos", r"such as /mnt/d/"),
        ("", "path '' is empty, expected the name of a file or folder"),
        (" \n", "expected the name of a file or folder"),
        ("videos\n", r"'videos\\n' has quotes or white space around it; perhaps 'videos' is meant"),
        ("videos\r", "perhaps 'videos' is meant"),
        ("'my videos'", "perhaps 'my videos' is meant"),
        ('"videos"', "perhaps 'videos' is meant"),
        ("\u201cvideos\u201d", "perhaps 'videos' is meant"),
        ("a\0b", "holds what no table can, expected UTF-8 without NUL"),
        ("vid\udce9os", r"path 'vid\\udce9os' holds what no table can"),
        ("~nobody-of-this-name/videos", "write the folder out"),
    ],
)
def test_what_is_no_path_of_this_machine_is_refused(given: str | Path, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        local_path(given)


def test_a_path_stays_as_it_is_whatever_letters_it_has() -> None:
    for text in ("runs/[v2]/ds", "a b.mp4", "100%:/x", "backup~", "two\nlines", "vid\u00e9os", "it's", "/", ".", "a:b"):
        assert local_path(text) == Path(text)


def test_a_tilde_that_the_shell_left_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert local_path("~/videos") == tmp_path / "videos"


def test_a_name_that_is_there_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~", "'quoted'", "ends in a space "):
        (tmp_path / name).mkdir()

        assert local_path(name) == Path(name)


def test_places_to_write_need_not_exist_and_are_not_made(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").touch()

    expect_folder_to_write(tmp_path)
    expect_folder_to_write(tmp_path / "new" / "folder")
    expect_file_to_write(tmp_path / "new" / "a.mp4")
    expect_file_to_write(tmp_path / "old.mp4")

    assert [path.name for path in tmp_path.rglob("*")] == ["old.mp4"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taken", "taken is a file"),
        ("taken/below/it", "taken is a file"),
        ("lost", "lost is a link that leads nowhere"),
        ("lost/below", "lost is a link that leads nowhere"),
        ("n" * 300 + "/below", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")

    with pytest.raises(OSError, match=message):
        expect_folder_to_write(tmp_path / name)
    with pytest.raises(OSError, match=message):
        expect_file_to_write(tmp_path / name / "a.mp4")


def test_a_name_leaves_room_for_that_of_the_unfinished_file(tmp_path: Path) -> None:
    name = "n" * 250

    with pytest.raises(OSError, match="File name too long"):
        expect_folder_to_write(tmp_path / name)
    with pytest.raises(OSError, match="File name too long"):
        expect_file_to_write(tmp_path / name)


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"is a folder, expected the name of a file to write"):
        expect_file_to_write(tmp_path)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("everything may be written by root")
    tmp_path.chmod(0o500)

    with pytest.raises(PermissionError, match="new cannot be written: Permission denied"):
        expect_folder_to_write(tmp_path / "new")


def test_a_disk_without_room_is_refused(tmp_path: Path) -> None:
    # The one limit that a test can set without being root: on the size of files.
    code = (
        "import sys; from pathlib import Path; from storage.places import *; expect_folder_to_write(Path(sys.argv[1]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "new")],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)),
    )

    assert "new cannot be written: File too large" in ended.stderr
