"""A dataset of one's own videos and pictures, on which nothing was measured, goes through every command."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_schema import (
    Bucket,
    RejectedClip,
    Sample,
    open_index,
    read_shard,
    shard_paths,
    write_shard,
)
from modeling.data.own_clips import own_clips
from modeling.data.own_dataset import write_own_dataset
from modeling.data.video import write_video
from pipelines.__main__ import main
from pipelines.housekeeping.validation.validate import validate
from pipelines.views.dataset_summary import summarize
from tests.pipelines.shown_page import ShownPage

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a dataset of a picture and a video, whose words have pictures and whose place has a background."""

    def picture(path: Path, color: tuple[int, ...], size: tuple[int, int]) -> str:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", size, color).save(path)
        return str(path)

    def written(name: str) -> Path:
        home = tmp_path / f"home of {name}"
        picture(home / "a.png", (len(name), 90, 30, 255), (120, 70))
        write_video(home / "b.mp4", np.full((12, 70, 120, 3), len(name), np.uint8))
        picture(home / "dog.png", (200, 90, 30, 255), (60, 50))
        picture(home / "place.png", (20, 90, 230, 255), (120, 70))
        (home / "clips.jsonl").write_text(
            '{"file": "a.png", "caption": "A dog on a meadow.", "references": {"dog": ["dog.png", "dog.png"]}, '
            '"background": "place.png", "background_word": "meadow"}\n'
            '{"file": "b.mp4", "caption": "A dog runs.", "references": {"dog": ["dog.png"]}}\n'
        )
        buckets = [Bucket(1, 64, 112), Bucket(9, 64, 112)]
        return write_own_dataset(tmp_path / name, own_clips(home / "clips.jsonl"), buckets=buckets)

    return written


def samples(dataset: Path) -> list[Sample]:
    return [sample for shard in shard_paths(dataset, Sample) for sample in read_shard(shard, Sample)]


def test_validate_finds_nothing_wrong(write: Write) -> None:
    report = validate(write("own"))

    assert report.findings == []
    assert (report.looked_at["samples"], report.looked_at["videos"], report.looked_at["pictures"]) == (2, 2, 4)


def test_the_index_has_words_and_pictures_and_no_scores(write: Write) -> None:
    dataset = write("own")

    assert main(["index", "--dataset", str(dataset)]) == 0
    table = open_index(dataset).table(["subjects", "num_references", "has_background", "desirable", "background_leak"])

    rows = sorted(table.to_pylist(), key=lambda row: -row["num_references"])
    assert [row["num_references"] for row in rows] == [2, 1]
    assert [row["has_background"] for row in rows] == [True, False]
    assert {row["desirable"] for row in rows} | {row["background_leak"] for row in rows} == {None}
    assert [row["subjects"] for row in rows] == [["dog"], ["dog"]]


def test_compact_leaves_the_rows_as_they_are_and_says_that_nobody_measured_them(write: Write) -> None:
    dataset = write("own")
    before = samples(dataset)
    (shard,) = shard_paths(dataset, Sample)
    shard.unlink()
    for number, sample in enumerate(before):
        write_shard(dataset / "samples" / f"part-0000-000-0000{number}.parquet", [sample])

    assert main(["compact", "--dataset", str(dataset)]) == 0

    assert samples(dataset) == before
    assert len(shard_paths(dataset, Sample)) == 1
    assert validate(dataset).findings == []
    assert "OpenAlchemist measured nothing on them; schema 3.5" in (dataset / "README.md").read_text()


def test_repolicy_is_told_that_there_is_nothing_to_decide(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write("own")

    assert main(["repolicy", "--dataset", str(dataset), "--curation.content-filter.min-desirable", "0.9"]) == 2

    assert "nothing was measured that a threshold could decide" in capsys.readouterr().err
    assert len(samples(dataset)) == 2


def test_inspect_counts_and_draws_its_clips(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = write("own")

    assert main(["inspect", "--dataset", str(dataset)]) == 0

    assert "read 2 = kept 2 + rejected 0 + failed 0" in capsys.readouterr().out
    summary = summarize(dataset)
    assert (summary.backgrounds, sorted(summary.references.items())) == (1, [(1, 1), (2, 1)])
    page = ShownPage((dataset / "contact_sheets" / "kept.html").read_text())
    for alt, color in (("dog", (200, 90, 30)), ("background", (20, 90, 230))):
        pixels = np.asarray(page.pictures(alt)[0].convert("RGB")).astype(int)
        assert (np.abs(pixels - color).max(axis=-1) <= 8).mean() > 0.3


def test_select_by_words_keeps_and_by_scores_says_that_no_clip_has_any(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    select = ["select", "--dataset", str(write("own")), "--where"]

    assert main([*select, "caption LIKE '%runs%'", "--output", str(tmp_path / "words")]) == 0
    assert main([*select, "scores.desirable >= 0", "--output", str(tmp_path / "scores")]) == 2

    assert [sample.caption for sample in samples(tmp_path / "words")] == ["A dog runs."]
    assert len(list(read_shard(shard_paths(tmp_path / "words", RejectedClip)[0], RejectedClip))) == 1
    assert "fulfils scores.desirable >= 0; nothing is written" in capsys.readouterr().err


def test_two_of_them_merge_and_one_does_not_differ_from_itself(write: Write, tmp_path: Path) -> None:
    first, second = write("first"), write("the second")

    merged = ["merge", str(first), str(second), "--output", str(tmp_path / "both")]
    assert main(merged) == 0

    assert len(samples(tmp_path / "both")) == 4
    assert validate(tmp_path / "both").findings == []
    assert main(["diff", str(first), str(first)]) == 0
