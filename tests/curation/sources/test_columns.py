import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from curation.sources import SourcesConfig, read_sources
from tests.curation.sources.inputs import clips, names, read, write, write_parquet


def manifest(folder: Path, ending: str, row: Mapping[str, str]) -> Path:
    """One row in one of the formats."""
    path = folder / f"m.{ending}"
    if ending == "csv":
        return write(path, ",".join(row) + "\n" + ",".join(row.values()) + "\n")
    if ending == "jsonl":
        return write(path, json.dumps(row))
    return write_parquet(path, **{name: [value] for name, value in row.items()})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_blanks_and_case_in_a_column_name_do_not_matter(tmp_path: Path, ending: str) -> None:
    path = manifest(tmp_path, ending, {"Video": "a.mp4", " caption ": "A dog.", "START_S": "0.5", "\ufeffend_s": "2"})

    (clip,) = clips(read(path))

    assert (clip.caption, clip.source.start_s, clip.source.end_s, clip.extra) == ("A dog.", 0.5, 2.0, "{}")


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("column", "option"),
    [
        *(
            (name, "--sources.caption-column")
            for name in ("text", "Prompt", "Long description", "video_caption", "name")
        ),
        *(
            (name, "--sources.start-column")
            for name in ("start", "begin_s", "Start Time (seconds)", "clip_start", "startTimestamp")
        ),
        *((name, "--sources.end-column") for name in ("end", "end_time", "Stop")),
    ],
)
def test_a_column_that_looks_like_a_missing_one_stops_the_run_and_is_named(
    tmp_path: Path, ending: str, column: str, option: str
) -> None:
    path = manifest(tmp_path, ending, {"video": "a.mp4", column: "1"})

    with pytest.raises(ValueError, match=r"m\.") as error:
        read_sources(path, SourcesConfig())

    assert f"give {option} {column!r} to read it" in str(error.value)
    assert "or '' to leave it out" in str(error.value)


@pytest.mark.parametrize("column", ["path", "file_name", "videoPath", "clip", "contentUrl", "videoID", "relative_path"])
def test_a_column_that_looks_like_the_videos_is_named(tmp_path: Path, column: str) -> None:
    path = manifest(tmp_path, "csv", {column: "a.mp4", "caption": "A dog."})

    with pytest.raises(ValueError, match=f"give --sources.video-column '{column}' to read it"):
        read_sources(path, SourcesConfig())


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"start_frame": "0", "end_frame": "9"}, "'start_frame' looks like 'start_s' in another unit"),
        ({"start_ms": "0"}, "'start_ms' looks like 'start_s' in another unit"),
        ({"timestamp": "[0.5, 2]"}, "'timestamp' looks like spans: write 'start_s' and 'end_s' in seconds"),
        ({"start_s": "1", "duration": "2"}, "'duration' looks like the length of the spans"),
        ({"Caption": "A dog.", "caption": "A cat."}, "'Caption' and 'caption' are both 'caption' but for blanks"),
    ],
)
def test_spans_in_another_form_and_columns_that_cannot_be_told_apart_stop_the_run(
    tmp_path: Path, row: dict[str, str], problem: str
) -> None:
    path = manifest(tmp_path, "jsonl", {"video": "a.mp4", **row})

    with pytest.raises(ValueError, match=r"m\.jsonl") as error:
        read_sources(path, SourcesConfig())

    assert problem in str(error.value)


def test_the_message_has_every_column_that_has_to_be_named(tmp_path: Path) -> None:
    path = manifest(tmp_path, "csv", {"file": "a.mp4", "text": "A dog.", "begin": "1"})

    with pytest.raises(ValueError, match=r"has the columns file, text, begin;.*'file'.*'text'.*'begin'"):
        read_sources(path, SourcesConfig())


def test_named_columns_are_read_and_what_else_looks_like_one_is_then_an_extra(tmp_path: Path) -> None:
    path = manifest(tmp_path, "csv", {"path": "a.mp4", "text": "A dog.", "prompt": "x", "end": "3", "duration": "9"})

    (clip,) = clips(read(path, video_column="path", caption_column="text", end_column="end"))

    assert (clip.caption, clip.source.end_s) == ("A dog.", 3.0)
    assert json.loads(clip.extra) == {"prompt": "x", "duration": "9"}


def test_an_empty_name_says_that_there_is_no_such_column(tmp_path: Path) -> None:
    path = manifest(tmp_path, "csv", {"video": "a.mp4", "title": "Holidays", "start": "2024-05-01"})

    (clip,) = clips(read(path, caption_column="", start_column="", caption="A dog."))

    assert (clip.caption, clip.source.start_s) == ("A dog.", None)
    assert json.loads(clip.extra) == {"title": "Holidays", "start": "2024-05-01"}


@pytest.mark.parametrize("role", ["video", "caption", "start", "end", "id"])
def test_a_column_that_is_named_and_not_there_stops_the_run(tmp_path: Path, role: str) -> None:
    path = manifest(tmp_path, "csv", {"video": "a.mp4", "caption": "A dog."})

    with pytest.raises(ValueError, match=f"'mine'.*--sources.{role}-column|--sources.{role}-column.*'mine'|'mine'"):
        read_sources(path, SourcesConfig(**{f"{role}_column": "mine"}))


def test_the_length_of_a_video_beside_no_start_is_no_span(tmp_path: Path) -> None:
    path = manifest(tmp_path, "csv", {"video": "a.mp4", "caption": "A dog.", "duration": "12", "fps": "24"})

    assert names(read(path)) == ["a.mp4"]


def test_lines_of_json_may_have_their_caption_in_some_lines_only(tmp_path: Path) -> None:
    path = write(tmp_path / "m.jsonl", '{"video": "a.mp4", "title": "x"}\n{"video": "b.mp4", "caption": "A dog."}\n')

    assert [clip.caption for clip in clips(read(path, caption="A cat."))] == ["A cat.", "A dog."]
