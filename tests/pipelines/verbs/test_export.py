"""The command: what it says before and after, and what it ends with."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.__main__ import main
from pipelines.known_errors import WRONG_INPUT
from tests.exports.made_clips import grey, make_sample, video_bytes, write_dataset

LONG, SHORT = video_bytes(frames=130), video_bytes(frames=60)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two clips, of which one is too short for the model."""
    return write_dataset(tmp_path / "dataset", [make_sample(0, video=LONG), make_sample(1, video=SHORT, frames=60)])


def words(dataset: Path, output: Path, *more: str, to: str = "musubi") -> list[str]:
    return ["export", "--dataset", str(dataset), "--to", to, "--output", str(output), *more]


def test_it_says_what_falls_out_and_what_comes_next(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(dataset, tmp_path / "out")) == 0

    said = capsys.readouterr().out
    assert "too_short" in said
    assert "2.50 s give 60 frames" in said
    assert "rows 2 = written 1 + refused 1" in said
    assert f"next: python minimax_h3_cache_latents.py --dataset_config {tmp_path / 'out'}/dataset.toml" in said
    assert "2 pictures, 0 of them from another time than their clip" in said


def test_a_dry_run_writes_nothing(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(dataset, tmp_path / "out", "--dry-run")) == 0

    assert "too_short" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_again_it_says_that_it_is_there(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(words(dataset, tmp_path / "out"))
    capsys.readouterr()

    assert main(words(dataset, tmp_path / "out")) == 0

    assert "the same export is there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--options.cut.frames", "81"], "cut.frames is 81, expected 17n+5 frames at 24 fps, 124 to 345"),
        (["--options.words.captions", "images"], "words.captions is images, expected sections or pictures"),
        (["--options.cut.frames", "345"], "no clip of"),
    ],
)
def test_wrong_input_is_one_sentence(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(words(dataset, tmp_path / "out", *more)) == WRONG_INPUT

    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_an_output_that_is_there_is_refused_before_the_dataset_is_looked_through(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()

    assert main(words(dataset, tmp_path / "mine")) == WRONG_INPUT

    assert "exists and is another export, or none; name a new folder" in capsys.readouterr().err


def test_options_reach_the_files(dataset: Path, tmp_path: Path) -> None:
    options = ["--options.words.captions", "pictures", "--options.pictures.cutouts", "rectangle"]

    main(words(dataset, tmp_path / "out", *options))

    (rows,) = (tmp_path / "out").glob("train-*.jsonl")
    assert '"A woman (<Picture 1>) in a red coat walks her dog (<Picture 2>) along the beach."' in rows.read_text()
    picture = next((tmp_path / "out" / "references").iterdir())
    image = np.asarray(Image.open(io.BytesIO(picture.read_bytes())))
    middle = image[image.shape[0] // 2, image.shape[1] // 2]
    assert np.abs(middle.astype(int) - grey(24)).max() <= 2  # the frame at the reference's time, not the cut-out
