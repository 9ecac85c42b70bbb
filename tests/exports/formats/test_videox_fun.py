"""Read as VideoX-Fun reads (videox_fun/data/dataset_image_video.py @804a425)."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.exports.formats.conftest import ONE, SHORT, TWO, Exported
from tests.exports.formats.reading import expect_on_white, pace
from tests.exports.made_clips import BLUE, RED, shown

KEYS = {"file_path", "text", "type", "control_file_path", "width", "height", "object_file_path"}


def test_what_the_reader_gets_is_what_went_in(exported: Callable[..., Exported]) -> None:
    found = exported("videox-fun")

    rows = {Path(row["file_path"]).stem: row for row in json.loads((found.folder / "metadata.json").read_text())}

    assert SHORT not in rows
    for stem, row in rows.items():
        assert set(row) == KEYS, "a misspelt key loses the row without a count"
        assert (row["type"], row["control_file_path"]) == ("video", None)
        video = found.folder / row["file_path"]
        assert (pace(video), len(shown(video)) % 4) == (16.0, 1)
        assert row["text"] == found.samples[stem].caption
        assert 1 <= len(row["object_file_path"]) <= 4
        assert all(Path(path).is_absolute() and Path(path).is_file() for path in row["object_file_path"])
    expect_on_white(Path(rows[TWO]["object_file_path"][0]), RED)
    expect_on_white(Path(rows[TWO]["object_file_path"][1]), BLUE)
    assert len(rows[ONE]["object_file_path"]) == 1
