import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.sources import SourcesConfig, read_sources
from dataset_schema import FailureKind
from tests.curation.sources.inputs import clips, failures, read, write


def test_csv_rows_become_clips_with_absolute_paths_and_extra_columns(tmp_path: Path) -> None:
    manifest = write(tmp_path / "m.csv", 'video,caption,series\na.mp4,"A dog, running.",Dogs\nsub/b.mp4,A cat.,\n')

    first, second = clips(read(manifest))

    assert (first.source.uri, first.caption, json.loads(first.extra)) == (
        str(tmp_path / "a.mp4"),
        "A dog, running.",
        {"series": "Dogs"},
    )
    assert (second.source.uri, json.loads(second.extra)) == (str(tmp_path / "sub/b.mp4"), {})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_terms_of_use_are_passed_on_word_for_word(tmp_path: Path, ending: str) -> None:
    rows: list[dict[str, str | None]] = [
        {
            "video": "a.mp4",
            "caption": "A dog.",
            "License": "CC BY 4.0",
            "consent": "none",
            "rights_holder": "A. Person",
        },
        {"video": "b.mp4", "caption": "A cat.", "License": "", "consent": "release 17", "rights_holder": None},
    ]
    manifest = tmp_path / f"m.{ending}"
    match ending:
        case "csv":
            lines = [",".join(rows[0]), *(",".join(row[name] or "" for name in rows[0]) for row in rows)]
            write(manifest, "\n".join(lines))
        case "jsonl":
            write(manifest, "\n".join(map(json.dumps, rows)))
        case _:
            pq.write_table(pa.Table.from_pylist(rows), manifest)

    found = [
        (clip.source.licence, clip.source.consent, clip.source.rights_holder, clip.extra)
        for clip in clips(read(manifest))
    ]

    assert found == [("CC BY 4.0", "none", "A. Person", "{}"), (None, "release 17", None, "{}")]


def test_terms_may_be_yes_or_no_nested_or_in_a_column_of_another_name(tmp_path: Path) -> None:
    rows = [
        {"video": "a.mp4", "consent": True, "licence": {"name": "CC0", "year": 2024}, "owner": 7},
        {"video": "b.mp4", "consent": False, "licence": None, "owner": None},
    ]
    jsonl = write(tmp_path / "m.jsonl", "\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")

    for manifest in (jsonl, tmp_path / "m.parquet"):
        first, second = clips(read(manifest, caption="A dog.", rights_holder_column="owner"))
        assert json.loads(str(first.source.licence)) == {"name": "CC0", "year": 2024}
        assert (first.source.consent, first.source.rights_holder) == ("true", "7")
        assert (second.source.consent, second.source.licence, second.source.rights_holder) == ("false", None, None)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_three_manifest_formats_say_the_same(tmp_path: Path, ending: str) -> None:
    rows = [
        {"video": "a.mp4", "caption": "A dog.", "start_s": 1.5, "end_s": 4.0},
        {"video": "b.mp4", "caption": "Ä cat."},
    ]
    manifest = tmp_path / f"m.{ending}"
    if ending == "csv":
        write(manifest, "video,caption,start_s,end_s\na.mp4,A dog.,1.5,4.0\nb.mp4,Ä cat.,,\n")
    elif ending == "jsonl":
        write(manifest, "\n".join(json.dumps(row) for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), manifest)

    found = [(c.clip_id, c.source.start_s, c.source.end_s, c.caption) for c in clips(read(manifest))]

    assert [row[1:] for row in found] == [(1.5, 4.0, "A dog."), (None, None, "Ä cat.")]
    reference = write(tmp_path / "reference.jsonl", "\n".join(json.dumps(row) for row in rows))
    assert [row[0] for row in found] == [clip.clip_id for clip in read(reference)]
    assert len(read_sources(manifest, SourcesConfig())) == 2


def test_ids_do_not_depend_on_where_the_manifest_lies(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    content = "video,caption\na.mp4,A dog.\n"

    here, there = write(tmp_path / "m.csv", content), write(tmp_path / "x" / "m.csv", content)

    assert read(here)[0].clip_id == read(there)[0].clip_id


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"b.mp4,A c\xffat.,,", "not UTF-8 at character 3"),
        (b",A cat.,,", "column 'video' is empty"),
        (b"b.mp4,A cat.,five,", "column 'start_s' holds 'five', expected seconds"),
        (b'b.mp4,A cat.,"1,5",', "expected seconds as a number with a point, not a comma"),
        (b"b.mp4,A cat.,0:75:00,", "expected less than 60 minutes"),
        (b"b.mp4,A cat.,-1,", "column 'start_s' holds -1"),
        (b"b.mp4,A cat.,7,3", "span [7.0, 3.0)"),
        (b"b.mp4,A cat, and a dog.,1,2", "more than 4 fields"),
        (b"file://host/b.mp4,A cat.,,", "a file of another machine"),
        (b"ftp://host/b.mp4,A cat.,,", "address of scheme 'ftp', expected one of s3"),
        (b"s3://bucket/b/../c.mp4,A cat.,,", "the part '..' in its key"),
        (b"a.mp4,A dog again.,,", "repeats the video and span (or the id) of line 2"),
    ],
)
def test_a_bad_row_fails_alone_and_says_where_and_why(tmp_path: Path, line: bytes, problem: str) -> None:
    manifest = write(
        tmp_path / "m.csv", b"video,caption,start_s,end_s\na.mp4,A dog.,,\n" + line + b"\nc.mp4,A fox.,,\n"
    )

    records = read(manifest)

    assert [clip.caption for clip in clips(records)] == ["A dog.", "A fox."]
    (failure,) = failures(records)
    assert (failure.stage, failure.kind) == ("read", FailureKind.INPUT)
    assert failure.message.startswith("line 3 of m.csv: ")
    assert failure.source.uri.startswith(str(tmp_path))
    assert problem in failure.message
    assert len({record.clip_id for record in records}) == 3


def test_spans_are_seconds_or_hours_minutes_and_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption,start_s,end_s\na.mp4,A dog.,1:30,01:02:03.5\nb.mp4,A cat.,NaN,\n")

    found = [(clip.source.start_s, clip.source.end_s) for clip in clips(read(path))]

    assert found == [(90.0, 3723.5), (None, None)]


def test_an_input_that_was_looked_through_is_counted_and_read_as_often_as_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", "video,caption\na.mp4,A dog.\n./a.mp4,A dog.\n,A cat.\n")

    sources = read_sources(path, SourcesConfig())

    assert len(sources) == len(list(sources)) == len(list(sources)) == 3


def test_the_same_id_twice_is_a_failure_even_for_different_videos(tmp_path: Path) -> None:
    manifest = write(tmp_path / "m.csv", "id,video,caption\nx,a.mp4,A dog.\nx,b.mp4,A cat.\ny,b.mp4,A cat.\n")

    records = read(manifest)

    assert [type(record).__name__ for record in records] == ["Clip", "FailedClip", "Clip"]


def test_a_caption_of_100_kilobytes_comes_through_whole(tmp_path: Path) -> None:
    caption = "A dog. " * 30_000
    manifest = write(tmp_path / "m.csv", f"video,caption\na.mp4,{caption}\n")

    (clip,) = clips(read(manifest))

    assert clip.caption == caption.strip()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("m.csv", b"", "(none)"),
        ("m.csv", b"video,caption\n", "is empty"),
        ("m.csv", b"a,b\na.mp4,A dog.\n", "columns a, b; expected one named 'video'"),
        ("m.csv", b"video,caption,caption\na.mp4,A dog.,A cat.\n", "'caption' stands there twice"),
        ("m.csv", "video,caption\na.mp4,A dog.\n".encode("utf-16-le"), "not UTF-8 text"),
        ("m.jsonl", b"", "is empty"),
        ("m.jsonl", b'{"a": 1}', "columns a; expected one named 'video'"),
        ("m.parquet", b"PAR1 no more", "no Parquet file"),
        ("m.xlsx", b"PK", "expected a name ending in .csv"),
        ("m.json", b'[{"video": "a.mp4"}]', "jq -c '.[]' m.json > m.jsonl"),
        ("m.txt", b"a.mp4\nb.mp4\n", "a first line `video`"),
        ("m.csv.gz", b"\x1f\x8b", "gunzip -k m.csv.gz"),
        ("m.mp4", b"", "for one video there is `explain`"),
    ],
)
def test_a_wholly_wrong_manifest_stops_before_anything_runs(
    tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    with pytest.raises(ValueError, match="m\\.") as error:
        read_sources(write(tmp_path / name, content), SourcesConfig())

    assert problem in str(error.value)


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv does not exist"):
        read_sources(tmp_path / "nowhere.csv", SourcesConfig())
