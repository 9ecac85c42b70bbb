"""A wrong output is refused before the work; nothing here has the inputs that the work would need."""

from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.config import ConfigError
from pipelines.outputs import output_file, output_folder


def test_a_file_is_put_in_place_at_the_end_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.mp4"

    with output_file(path) as written:
        written.write_bytes(b"whole")
        assert not path.exists()

    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_refused_before_the_block(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path, found in {
        tmp_path: "is a folder",
        tmp_path / "file" / "a.mp4": f"lies below {tmp_path / 'file'}, which is a file",
        tmp_path / "file" / "b" / "a.mp4": f"lies below {tmp_path / 'file'}, which is a file",
        tmp_path / f"{'a' * 300}.mp4": "cannot be written (File name too long)",
        Path("/proc/nobody/a.mp4"): "cannot be written (No such file or directory)",
    }.items():
        with pytest.raises(ConfigError) as refusal, output_file(path):
            raise AssertionError("the work began")

        assert str(refusal.value) == f"output {path} {found}; expected the name of a file that can be written"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_errors_of_the_work_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"), output_file(tmp_path / "a"):
        raise OSError(28, "No space left on device")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a").write_text("kept")

    assert output_folder(tmp_path / "new" / "folder").is_dir()
    assert list(output_folder(tmp_path / "old").iterdir()) == [tmp_path / "old" / "a"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path, found in {
        tmp_path / "file": "is a file",
        tmp_path / "file" / "a" / "b": f"lies below {tmp_path / 'file'}, which is a file",
        Path("/proc/nobody"): "cannot be written (No such file or directory)",
    }.items():
        with pytest.raises(ConfigError) as refusal:
            output_folder(path)

        assert str(refusal.value) == f"output {path} {found}; expected the name of a folder that can be written"


@pytest.mark.parametrize(
    "command",
    [
        ["sample", "--model", "{}/none", "--prompt", "A cat.", "--output", "{}/file/a.mp4"],
        ["explain", "--output", "{}/file/a.png", "{}/file", "A cat."],
        ["export", "--checkpoint", "{}", "--output", "{}/file"],
        ["label-clips", "--input", "{}/none", "--output", "{}/file/labels"],
        ["train-filter", "--output", "{}/file"],
        ["sprites", "--output", "{}/file/sprites"],
        ["train", "--dataset", "{}/none", "--output", "{}/file/model"],
        ["prove", "--output", "{}/file/proof"],
        ["demo", "--output", "{}/file"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_looks_at_its_output_first(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "run.json").write_text("{}")

    status = main([word.format(tmp_path) for word in command])

    message = capsys.readouterr().err
    assert status == 2
    assert message.startswith(f"{command[0]}: output {tmp_path}/file")
    assert "is a file" in message
    assert message.count("\n") == 1
    assert (tmp_path / "file").read_text() == "kept"
