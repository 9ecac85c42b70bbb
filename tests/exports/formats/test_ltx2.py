"""Read as LTX-2's trainer reads (dataset-preparation.md @94a2c9a), and as its pull request 289 does (@4e277dd)."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from exports.config import ExportConfig
from exports.formats.ltx2 import Ltx2
from exports.planning import plan_clip
from tests.exports.formats.conftest import ONE, TWO, Exported
from tests.exports.formats.reading import expect_on_white
from tests.exports.made_clips import BLUE, CAPTION, RED, make_sample, shown


def read(path: Path) -> list[dict[str, str]]:
    """Columns come from the first row alone; a missing file stops everything."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    columns = set(rows[0])
    for row in rows:
        assert set(row) == columns
        for column, value in row.items():
            assert isinstance(value, str)
            assert value
            if column != "caption":
                assert (path.parent / value).is_file()
    return list(rows)


def test_main_has_one_picture_a_row_and_frames_for_a_bucket(exported: Callable[..., Exported]) -> None:
    found = exported("ltx2")

    rows = read(found.folder / "dataset.json")

    assert len(rows) == 5
    assert set(rows[0]) == {"video", "caption", "reference_video"}
    for row in rows:
        sample = found.samples[Path(row["video"]).stem]
        assert row["caption"] == sample.caption
        assert (found.folder / row["video"]).read_bytes() == sample.video.bytes
        assert len(shown(found.folder / row["video"])) >= 17
        assert row["reference_video"].endswith(".png")
    expect_on_white(found.folder / rows[0]["reference_video"], RED)
    (buckets,) = [word for word in found.finished.command.split('"') if word.count("x") >= 2 and ";" in word]
    assert buckets == "96x64x185;96x64x1"


def test_numbered_pictures_are_equal_in_number_and_declared_in_order(exported: Callable[..., Exported]) -> None:
    found = exported("ltx2-numbered")

    ones, twos = (read(found.folder / f"dataset-{number}-references.json") for number in (1, 2))

    assert {Path(row["video"]).stem for row in ones} == {ONE}
    assert set(ones[0]) == {"video", "caption", "reference_video_0"}
    assert ones[0]["caption"] == "A dog sleeps."
    (two,) = (row for row in twos if Path(row["video"]).stem == TWO)
    assert set(two) == {"video", "caption", "reference_video_0", "reference_video_1"}
    assert two["caption"].startswith("<Image 1> is the woman. <Image 2> is the dog. A woman (<Image 1>)")
    expect_on_white(found.folder / two["reference_video_0"], RED)
    expect_on_white(found.folder / two["reference_video_1"], BLUE)


@pytest.mark.parametrize("column", ["video", "caption", "reference_video"])
def test_an_empty_column_is_found_before_the_reader_stops_at_it(column: str) -> None:
    form, sample = Ltx2(), make_sample(video=b"not looked at")
    clip = plan_clip(sample, form, ExportConfig(), root=Path(), has_bytes=True).clip
    row = form.row(clip, sample)

    assert list(form.problems(row, clip)) == []
    assert list(form.problems({**row, column: " "}, clip)) == [f"its {column} is empty"]
    assert row["caption"] == CAPTION
