import os
import unicodedata
from pathlib import Path

import pytest

from curation.sources import clip_id_of
from tests.curation.sources.inputs import clips, failures, names, read, write


def manifest(folder: Path, *videos: str) -> Path:
    return write(folder / "m.csv", "\n".join(["video,caption", *(f"{video},A dog." for video in videos)]))


@pytest.mark.parametrize("first", ["a b.mp4", "other"])
@pytest.mark.parametrize(
    "other",
    [
        *("./a b.mp4", "deep/../a b.mp4", ".//a b.mp4", "{folder}/a b.mp4", "{folder}/./a b.mp4"),
        *("file://{folder}/a%20b.mp4", "FILE://localhost{folder}/a b.mp4", "file:{folder}/a%20b.mp4"),
        *("link.mp4", "linked/a b.mp4", "linked/link.mp4"),
    ],
)
def test_a_video_under_two_spellings_is_one(tmp_path: Path, first: str, other: str) -> None:
    write(tmp_path / "a b.mp4")
    (tmp_path / "deep").mkdir()
    (tmp_path / "link.mp4").symlink_to("a b.mp4")
    (tmp_path / "linked").symlink_to(".")
    spellings = ["a b.mp4", other.format(folder=tmp_path)]
    path = manifest(tmp_path, *(spellings if first == "a b.mp4" else reversed(spellings)))

    records = read(path)

    assert len(clips(records)) == 1
    assert [failure.message for failure in failures(records)] == [
        "line 3 of m.csv: repeats the video and span (or the id) of line 2 of m.csv; remove one of the two"
    ]


def test_spellings_of_a_video_that_is_not_there_are_one_too(tmp_path: Path) -> None:
    records = read(manifest(tmp_path, "gone/a.mp4", "./gone/a.mp4", "gone/b.mp4"))

    assert names(records) == ["a.mp4", "b.mp4"]


def test_other_files_other_spans_and_names_of_ones_own_are_no_repetitions(tmp_path: Path) -> None:
    for name in ("a.mp4", "A.mp4", "deep/a.mp4"):
        write(tmp_path / name)
    rows = ["a.mp4,,,", "A.mp4,,,", "deep/a.mp4,,,", "./a.mp4,1,,", "./a.mp4,1,2,", "a.mp4,,,mine", "./a.mp4,,,yours"]
    path = write(tmp_path / "m.csv", "\n".join(["video,start_s,end_s,id", *rows]))

    assert len(clips(read(path))) == len(rows)


def test_a_span_from_zero_is_the_video_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption,start_s\na.mp4,A dog.,\n./a.mp4,A dog.,0\n")

    assert [type(record).__name__ for record in read(path)] == ["Clip", "FailedClip"]


def test_composed_and_decomposed_letters_are_one_where_the_file_system_says_so(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ä.mp4") for form in ("NFC", "NFD"))
    write(tmp_path / composed)
    is_one_file = (tmp_path / decomposed).exists()
    write(tmp_path / decomposed)

    records = read(manifest(tmp_path, composed, decomposed))

    assert len(clips(records)) == (1 if is_one_file else 2)


def test_ids_are_made_of_the_name_as_it_stands_in_the_row(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4", "d e.mp4"):
        write(tmp_path / name)
    written = ["./a.mp4", "b.mp4", str(tmp_path / "c.mp4"), f"file://{tmp_path}/d%20e.mp4"]

    records = read(manifest(tmp_path, *written))

    assert [record.clip_id for record in records] == [clip_id_of(name, None, None) for name in written]
    # Datasets that were begun with this id go on.
    assert clip_id_of("b.mp4", 0.5, None) == "4578160af7d10722b1ac73411d7bf93d"


def test_a_name_in_the_home_folder_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))

    records = read(manifest(tmp_path, "~/a.mp4", "~b.mp4"))

    assert [clip.source.uri for clip in clips(records)] == [str(tmp_path / "home/a.mp4"), str(tmp_path / "~b.mp4")]
