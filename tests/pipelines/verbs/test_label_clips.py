"""`label-clips` writes a folder that `train-filter` reads."""

from pathlib import Path

import pytest
from PIL import Image

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.labels import read_labels
from pipelines.__main__ import main
from tests.curation.made_videos import write_barcodes


def run(*arguments: str | Path) -> int:
    return main(["label-clips", *map(str, arguments)])


def read_size(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(3):
        write_barcodes(folder / f"{number}.mp4", 24)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def test_writes_what_people_need_and_says_what_was_lost(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "labels"

    status = run("--input", videos, "--output", output, "--annotator", "Ann")

    said = capsys.readouterr().out
    assert status == 0
    assert "3 clips to label; 1 lost" in said
    assert "broken.mp4: is a text file" in said
    sheets = sorted((output / "sheets").iterdir())
    assert [read_size(sheet) for sheet in sheets] == [(960, 540)] * 3
    assert [sheet.name for sheet in sheets] == ["00001.png", "00002.png", "00003.png"]
    file = output / "labels.csv"
    assert read_labels([file]).unlabelled == 3
    file.write_text(file.read_text().replace(",,,,Ann", f",,,{CONTENT_CLASSES[2]},Ann"))
    found = {Path(label.source.uri).name for label in read_labels([file]).given}
    assert found == {"0.mp4", "1.mp4", "2.mp4"}


def test_spreads_over_the_classes_of_a_filter(videos: Path, tmp_path: Path) -> None:
    assert run("--input", videos, "--output", tmp_path / "labels", "--clips", "2", "--spread", "2") == 0

    assert read_labels([tmp_path / "labels" / "labels.csv"]).unlabelled == 2


def test_labels_are_never_overwritten(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels").mkdir()

    assert run("--input", videos, "--output", tmp_path / "labels") == 2
    assert "expected a new folder" in capsys.readouterr().err


def test_an_input_of_which_nothing_can_be_decoded_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"no video")

    assert run("--input", tmp_path / "videos", "--output", tmp_path / "labels") == 2
    assert "none of 1 clips can be decoded" in capsys.readouterr().err
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize("wrong", [("--clips", "0"), ("--spread", "0.5"), ("--annotator", " ")])
def test_impossible_options_are_errors(wrong: tuple[str, str], videos: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--input", videos, "--output", tmp_path / "labels", *wrong)

    assert ended.value.code == 2
