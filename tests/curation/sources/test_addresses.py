"""Input in a store of objects: the same rows, ids and sentences as on a disk, by few requests."""

import posixpath
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.records import Clip
from curation.sources import SourcesConfig, read_sources
from dataset_schema import FailedClip
from storage.address import Address
from tests.curation.sources.inputs import clips, failures, write
from tests.object_store import Proxy, bucket, proxy, put, session_proxy, store_url, upload

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

CAPTIONED = SourcesConfig(caption="A bird flies.")


def told(records: list[Clip | FailedClip], root: Path | Address) -> list[tuple[object, ...]]:
    """All that is known of each row, without where the input lies."""
    return [
        (
            type(record),
            record.clip_id,
            posixpath.normpath(record.source.uri.removeprefix(str(root))),
            (record.source.start_s, record.source.end_s),
            record.message if isinstance(record, FailedClip) else (record.caption, record.extra),
        )
        for record in records
    ]


def make_csv(folder: Path) -> str:
    write(
        folder / "m.csv",
        'video,caption,start_s,end_s,licence\na.mp4,Ä dog.,1.5,4,CC0\nsub/b.mp4,"A cat,\nasleep.",,,\n'
        "./a.mp4,A dog.,1.5,4,\ndeep/../e.mp4,A fox.,1,,\nc.mp4,A fox.,five,,\n,A cow.,,,\n~/d.mp4,A hen.,,,\n",
    )
    return "m.csv"


def make_tsv(folder: Path) -> str:
    write(folder / "m.tsv", "video\tcaption\na.mp4\tÄ dog.\n".encode("utf-16"))
    return "m.tsv"


def make_jsonl(folder: Path) -> str:
    write(folder / "m.jsonl", '{"video": "a.mp4", "caption": "Ä dog."}\n[1]\n{"video": "b.mp4", "n": [1, 2]}\n')
    return "m.jsonl"


def make_parquet(folder: Path) -> str:
    pq.write_table(pa.table({"video": ["a.mp4", None], "caption": ["Ä dog.", "A cat."]}), folder / "m.parquet")
    return "m.parquet"


def make_parts(folder: Path) -> str:
    for name, video in (("lang=en/part-0", "a.mp4"), ("lang=de/part-0", "b.mp4")):
        (path := folder / "table" / f"{name}.parquet").parent.mkdir(parents=True)
        pq.write_table(pa.table({"video": [video], "caption": ["A dog."]}), path)
    write(folder / "table" / "_SUCCESS")
    return "table"


@pytest.mark.parametrize("make", [make_csv, make_tsv, make_jsonl, make_parquet, make_parts])
@pytest.mark.parametrize("every", [0, 2])
def test_a_manifest_says_the_same_wherever_it_lies(
    tmp_path: Path, bucket: str, proxy: Proxy, make: Callable[[Path], str], every: int
) -> None:
    name = make(tmp_path)
    away = upload(tmp_path, Address(f"{bucket}/in")) / name
    folder, prefix = (tmp_path, Address(f"{bucket}/in")) if name != "table" else (tmp_path / name, away)
    proxy.plan(every, seed=1)

    here, there = (list(read_sources(place, SourcesConfig())) for place in (tmp_path / name, away))

    assert told(there, prefix) == told(here, folder)


def test_a_folder_says_the_same_wherever_it_lies_by_one_list_and_a_request_for_each_caption(
    tmp_path: Path, bucket: str, proxy: Proxy
) -> None:
    folder = tmp_path / "in"
    videos = ["a.mp4", "a/b.mp4", "a b%20c?.mp4", "deep/er/ä.mkv", "notes.txt", "x", " blanks .mp4"]
    for name in [*videos, ".hidden.mp4", ".git/config"]:
        write(folder / name, "content")
    for name in ("a", "deep/er/ä.mkv"):
        write(folder / f"{name}.txt", f"A dog of {name}.\r\n".encode("utf-8-sig"))
    write(folder / "x.txt", "A dög.".encode("latin-1"))
    write(folder / "old/dataset.json", '{"schema_version": "3.2", "funnel": []}')
    write(folder / "old/samples/part-0.parquet", "")
    write(folder / "begun/.run.lock", "")
    write(folder / "begun/.writers.lock", "")
    write(folder / "begun/samples/part-0.parquet", "")
    write(folder / "labels/labels.csv", "")
    write(folder / "labels/labels.html", "")
    write(folder / "out/half.mp4")
    away = upload(folder, Address(f"{bucket}/in"))
    put(f"{bucket}/in/a/")
    proxy.plan(0, 0)

    there = read_sources(away, CAPTIONED, output=away / "out")
    listed = proxy.seen.total()
    rows = list(there)

    here = read_sources(folder, CAPTIONED, output=folder / "out")
    assert [row[:-1] for row in told(rows, away)] == [row[:-1] for row in told(list(here), folder)]
    assert {clip.source.uri: clip.caption for clip in clips(rows)} == {
        clip.source.uri.replace(str(folder), str(away)): clip.caption for clip in clips(list(here))
    }
    assert [failure.message for failure in failures(rows)] == [
        f"file x: {away}/x.txt is not UTF-8 at byte 3; save it as UTF-8"
    ]
    assert [place.relative_to(away).as_posix() for place in there.left_out if isinstance(place, Address)] == [
        place.relative_to(folder).as_posix() for place in here.left_out if isinstance(place, Path)
    ]
    assert len(there) == len(rows) == len(videos)
    assert proxy.seen.total() == listed + 3  # one for each caption
    assert listed <= 4  # whether anything lies there, all of it, and the head of the dataset in it


def test_rows_name_videos_in_stores_on_the_web_and_on_this_disk(tmp_path: Path) -> None:
    named = ["s3://bucket/a b.mp4", "gs://b/c/d.mp4", "https://host/e%20f.mp4", "/data/g.mp4", "h.mp4"]
    path = write(tmp_path / "m.csv", "\n".join(["video", *named]))

    found = [clip.source.uri for clip in clips(list(read_sources(path, CAPTIONED)))]

    assert found == [*named[:4], str(tmp_path / "h.mp4")]


def test_a_video_under_two_spellings_is_one_in_a_store_too(tmp_path: Path, bucket: str) -> None:
    write(tmp_path / "m.csv", f"video\na.mp4\n./a.mp4\ndeep/../a.mp4\n{bucket}/in/a.mp4\n{bucket}/a.mp4\nA.mp4\n")
    away = upload(tmp_path, Address(f"{bucket}/in"))

    records = list(read_sources(away / "m.csv", CAPTIONED))

    assert [clip.source.uri for clip in clips(records)] == [f"{away}/a.mp4", f"{bucket}/a.mp4", f"{away}/A.mp4"]
    assert len(failures(records)) == 3


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../above.mp4", "the part '..' in its key"),
        ("s3://bucket//a.mp4", "the part '' in its key"),
        ("s3://key:s3cret@bucket/a.mp4", "has no bucket"),
        ("https://user:s3cret@host/a.mp4", "has no host"),
        ("https://host/a.mp4?X-Amz-Signature=s3cret", "expected the plain address"),
        ("ftp://host/a.mp4", "address of scheme 'ftp', expected one of s3"),
        ("a\u0001.mp4", "control characters"),
        ("x" * 1100, "bytes, expected at most 1024"),
    ],
)
def test_a_key_that_cannot_be_used_costs_its_row_and_no_secret_is_repeated(
    tmp_path: Path, bucket: str, name: str, problem: str
) -> None:
    write(tmp_path / "m.csv", f"video\na.mp4\n{name}\nb.mp4\n")
    away = upload(tmp_path, Address(bucket))

    records = list(read_sources(away / "m.csv", CAPTIONED))

    (failure,) = failures(records)
    assert len(clips(records)) == 2
    assert failure.message.startswith("line 3 of m.csv: ")
    assert problem in failure.message
    assert "s3cret" not in repr(failure)


@pytest.mark.parametrize(
    ("place", "error", "sentence"),
    [
        ("s3://no-such-bucket/m.csv", FileNotFoundError, "there is no such bucket"),
        ("{bucket}/m.csv", FileNotFoundError, "does not exist; expected a folder"),
        ("{bucket}/broken.parquet", ValueError, "no Parquet file"),
        ("{bucket}/broken.csv", ValueError, "expected one named 'video'"),
        ("{bucket}/a.mp4", ValueError, "for one video there is `explain`"),
        ("{bucket}/made", ValueError, "was written by an earlier command"),
    ],
)
def test_a_wholly_wrong_input_is_one_sentence(
    tmp_path: Path, bucket: str, place: str, error: type[Exception], sentence: str
) -> None:
    for name in ("broken.parquet", "broken.csv", "a.mp4", "made/labels.csv", "made/labels.html"):
        write(tmp_path / name, "PAR1 no more")
    upload(tmp_path, Address(bucket))

    with pytest.raises(error, match=sentence):
        read_sources(Address(place.format(bucket=bucket)), CAPTIONED)


def test_the_output_cannot_be_the_input_in_a_store(tmp_path: Path, bucket: str) -> None:
    write(tmp_path / "a.mp4")
    away = upload(tmp_path, Address(f"{bucket}/in"))

    with pytest.raises(ValueError, match=r"is the output too.*such as .*in/dataset"):
        read_sources(away, CAPTIONED, output=away)
