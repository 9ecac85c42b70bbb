import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.sources import SourcesConfig, read_sources
from tests.curation.sources.inputs import clips, failures, names, read, write, write_parquet


@pytest.mark.parametrize(
    "kind",
    [pa.decimal128(5, 2), pa.decimal256(40, 2), pa.float16(), pa.float32(), pa.float64(), pa.string()],
    ids=str,
)
def test_numbers_of_every_kind_are_seconds(tmp_path: Path, kind: pa.DataType) -> None:
    text = pa.types.is_string(kind)
    values = pa.array(["0.5", None] if text else [0.5, None]).cast(kind)
    path = write_parquet(tmp_path / "m.parquet", video=["a.mp4", "b.mp4"], caption=["A dog."] * 2, start_s=values)

    assert [clip.source.start_s for clip in clips(read(path))] == [0.5, None]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64()], ids=str)
def test_whole_numbers_are_seconds_and_the_ids_of_a_csv(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_parquet(tmp_path / "m.parquet", video=["a.mp4"], id=pa.array([7], kind), end_s=pa.array([2], kind))
    same = write(tmp_path / "m.csv", "video,id,end_s\na.mp4,7,2.0\n")

    (clip,), (other,) = clips(read(path)), clips(read(same))

    assert (clip.clip_id, clip.source.end_s) == (other.clip_id, 2.0)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_text_of_every_kind_is_a_path_and_a_caption(tmp_path: Path, kind: pa.DataType) -> None:
    def stored(*values: str | None) -> pa.Array:
        plain = pa.array(values)
        return plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)

    columns = {"video": stored("ä.mp4", "b.mp4"), "caption": stored(None, "A dög."), "licence": stored("CC0", None)}
    path = write_parquet(tmp_path / "m.parquet", **columns, year=[2024, 2025])

    found = [
        (Path(clip.source.uri).name, clip.caption, clip.source.licence, clip.extra)
        for clip in clips(read(path, caption="A cat."))
    ]

    assert found == [("ä.mp4", "A cat.", "CC0", '{"year": 2024}'), ("b.mp4", "A dög.", None, '{"year": 2025}')]


def test_bytes_that_are_no_text_fail_alone(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "m.parquet", video=["a.mp4", "b.mp4"], caption=[b"A d\xffg.", b"A dog."])

    records = read(path)

    assert names(records) == ["b.mp4"]
    assert "column 'caption': not UTF-8 at character 3" in failures(records)[0].message


@pytest.mark.parametrize(
    "column",
    [
        *(pa.array([b"\x00\xff"], kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(2))),
        pa.array([[b"\x00\xff"]]),
        pa.array([[b"\x00\xff"]], pa.list_(pa.large_binary(), 1)),
        pa.array([{"bytes": b"\x00\xff", "path": "a.png"}]),
        pa.array([[{"image": {"bytes": b"\x00\xff"}}]]),
        pa.array([[("key", b"\x00\xff")]], pa.map_(pa.string(), pa.binary())),
        pa.array([b"\x00\xff"]).dictionary_encode(),
    ],
    ids=lambda column: str(column.type),
)
def test_bytes_stay_out_of_the_extra_columns_whatever_they_lie_in(tmp_path: Path, column: pa.Array) -> None:
    path = write_parquet(tmp_path / "m.parquet", video=["a.mp4"], caption=["A dog."], embedding=column, fps=[24])

    (clip,) = clips(read(path))

    assert json.loads(clip.extra) == {"fps": 24}


def test_other_columns_are_kept_as_numbers_and_text(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "m.parquet",
        video=["a.mp4"],
        score=[Decimal("0.25")],
        missing=[float("nan")],
        day=[datetime.date(2024, 5, 1)],
        tags=[["x", "y"]],
    )

    (clip,) = clips(read(path))

    assert json.loads(clip.extra) == {"score": 0.25, "day": "2024-05-01", "tags": ["x", "y"]}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("start_s", [datetime.timedelta(seconds=1)]),
        ("start_s", [datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)]),
        ("end_s", [datetime.time(0, 0, 5)]),
        ("caption", [["A dog."]]),
        ("caption", [True]),
        ("video", [{"bytes": b"", "path": "a.mp4"}]),
    ],
)
def test_a_column_of_another_type_stops_before_anything_runs(tmp_path: Path, column: str, values: list[Any]) -> None:
    path = write_parquet(tmp_path / "m.parquet", **{"video": ["a.mp4"], column: values})

    with pytest.raises(ValueError, match=rf"m\.parquet has a column '{column}' of type .*, expected text or numbers"):
        read_sources(path, SourcesConfig())


def write_table(folder: Path) -> Path:
    """As Spark writes one, partitioned and with empty parts."""
    for name, videos in (("lang=en/part-1", ["b.mp4", "c.mp4"]), ("lang=de%20at/part-0", ["a.mp4"]), ("part-9", [])):
        path = folder / f"{name}.parquet"
        write_parquet(
            path, video=pa.array(videos, pa.string()), caption=pa.array(["A dog."] * len(videos), pa.string())
        )
    for name in ("_SUCCESS", "_metadata", ".part-9.parquet.crc", "_temporary/0/part-1.parquet", "README.md"):
        write(folder / name)
    return folder


@pytest.mark.parametrize("name", ["clips.parquet", "clips"])
def test_a_folder_of_parts_is_one_table_in_the_order_of_their_names(tmp_path: Path, name: str) -> None:
    table = write_table(tmp_path / name)

    sources = read_sources(table, SourcesConfig())

    found = [(clip.source.uri, json.loads(clip.extra)) for clip in clips(list(sources))]
    assert found == [
        (str(table / "a.mp4"), {"lang": "de at"}),
        (str(table / "b.mp4"), {"lang": "en"}),
        (str(table / "c.mp4"), {"lang": "en"}),
    ]
    assert len(sources) == 3


def test_a_column_that_stands_in_the_path_of_a_part_and_in_it_is_the_one_in_it(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t/lang=en/part-0.parquet", video=["a.mp4"], caption=["A dog."], lang=["en-GB"])

    assert [clip.extra for clip in clips(read(tmp_path / "t"))] == ['{"lang": "en-GB"}']


def test_rows_of_two_parts_are_repetitions_of_each_other(tmp_path: Path) -> None:
    for part in ("part-0", "part-1"):
        write_parquet(tmp_path / "t" / f"{part}.parquet", video=["a.mp4"], caption=["A dog."])

    records = read(tmp_path / "t")

    assert names(records) == ["a.mp4"]
    assert failures(records)[0].message.startswith("row 1 of part-1.parquet: repeats")
    assert "row 1 of part-0.parquet" in failures(records)[0].message


def test_a_wrong_part_of_a_table_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t" / "part-0.parquet", video=["a.mp4"], caption=["A dog."])
    write_parquet(tmp_path / "t" / "part-1.parquet", video=["b.mp4"], text=["A dog."])

    with pytest.raises(ValueError, match=r"part-1\.parquet has the columns video, text; 'text' looks like 'caption'"):
        read_sources(tmp_path / "t", SourcesConfig())


def test_a_table_without_parts_is_empty(tmp_path: Path) -> None:
    write(tmp_path / "clips.parquet" / "_SUCCESS")

    with pytest.raises(ValueError, match=r"clips\.parquet is empty"):
        read_sources(tmp_path / "clips.parquet", SourcesConfig())
