"""Read as DiffSynth-Studio reads metadata (diffsynth 2.1.12): H3's rows, and the single picture of Wan."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exports.config import ExportConfig
from exports.cutting import CutConfig
from tests.exports.formats.conftest import LONGER, ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import expect_frames, expect_on_white, pace, rgb
from tests.exports.made_clips import BLUE, CAPTION, RED, shown


def rows_of(folder: Path) -> dict[int, list[dict[str, object]]]:
    """The lists by the length that stands in their names."""
    found = {}
    for path in folder.glob("metadata-*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(content, list)
        found[int(path.stem.split("-")[1])] = content
    return found


def test_h3_rows_hold_every_key_that_training_asks_for_and_exactly_its_frames(
    exported: Callable[..., Exported],
) -> None:
    found = exported("diffsynth-h3")

    pictures = {}
    for num_frames, rows in rows_of(found.folder).items():
        assert num_frames % 17 == 5
        for row in rows:
            # a missing key is a KeyError in `--extra_inputs "input_audio,references"`
            assert set(row) == {"video", "prompt", "input_audio", "frame_rate", "references"}
            video = found.folder / str(row["video"])
            assert row["input_audio"] == row["video"]
            assert (row["frame_rate"], pace(video)) == (24, 24.0)
            assert len(shown(video)) >= num_frames, "it would silently be lowered"
            for reference in row["references"]:  # type: ignore[attr-defined]
                assert set(reference) == {"type", "image"}
                assert reference["type"] == "image"
                height, width, _ = rgb(found.folder / reference["image"]).shape
                assert max(height, width) <= 3 * min(height, width) + 3, "its short side becomes 2048 pixels"
            pictures[video.stem] = [found.folder / each["image"] for each in row["references"]]  # type: ignore[attr-defined]
            named = {int(number) for number in re.findall(r"<Picture (\d+)>", str(row["prompt"]))}
            assert named == set(range(1, len(pictures[video.stem]) + 1))

    expect_on_white(pictures[TWO][0], RED)
    expect_on_white(pictures[TWO][1], BLUE)
    expect_frames(found.folder / f"videos/{TWO}.mp4", list(range(124)))
    # 30 fps seen at 24: the middle of frame k is (k + .5) / 24 s, frame floor(1.25 k + .625)
    expect_frames(found.folder / f"videos/{LONGER}.mp4", [int(1.25 * k + 0.625) for k in range(141)])
    assert "--silent_on_missing_audio" not in found.finished.command


@pytest.mark.parametrize(
    ("name", "column"), [("diffsynth-vace", "vace_reference_image"), ("diffsynth-fun", "reference_image")]
)
def test_wan_rows_hold_one_picture_as_a_text_and_run_at_16_fps(
    exported: Callable[..., Exported], name: str, column: str
) -> None:
    found = exported(name, ExportConfig(cut=CutConfig(frames=81)))

    (frames, rows), *others = rows_of(found.folder).items()
    assert (frames, others) == (81, [])
    assert {Path(str(row["video"])).stem for row in rows} >= {TWO, ONE, LONGER}
    assert SHORT not in {Path(str(row["video"])).stem for row in rows}
    for row in rows:
        assert set(row) == {"video", "prompt", column}
        assert isinstance(row[column], str), "a list is refused: unsupported data"
        assert pace(found.folder / str(row["video"])) == 16.0
        assert len(shown(found.folder / str(row["video"]))) == 81
    assert rows[0]["prompt"] == CAPTION
    expect_frames(found.folder / str(rows[0]["video"]), [int(1.5 * k + 0.75) for k in range(81)])
    seen = covered(rgb(found.folder / str(rows[1][column])), 64, 96)
    blue = np.abs(seen.astype(int) - BLUE).max(axis=2) < 60
    assert blue.any()
    assert not blue[[0, -1]].any()
    assert not blue[:, [0, -1]].all(axis=0).any()


def covered(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scaled to cover, then cropped around the centre, as the reader does."""
    scale = max(height / image.shape[0], width / image.shape[1])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    picture = np.asarray(Image.fromarray(image).resize(size))
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
