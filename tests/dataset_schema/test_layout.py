"""How rows lie in a shard: judged by the file's own bytes, and by what pyarrow says of it."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_schema import (
    Background,
    Entity,
    EntityKind,
    FailedClip,
    FailureKind,
    Payload,
    Reason,
    RejectedClip,
    Sample,
    Scores,
    media_places,
    open_shard,
    read_shard,
    read_tables,
    to_table,
    write_shard,
    write_shard_of_tables,
)
from dataset_schema.layout import media_bytes
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES

SAMPLE = GOLDEN_SAMPLES[0]
REFERENCE = SAMPLE.entities[0].references[0]
MEDIA = ("video.bytes", "entities.list.element.references.list.element.image.bytes", "background.image.bytes")
PAGE = 4096


def rejection(number: int, thumbnail: Payload | None) -> RejectedClip:
    reason = Reason(stage="decode", reason="too_short", detail="0.1 s")
    return RejectedClip(
        clip_id=f"{number:032x}",
        source=SAMPLE.source,
        caption="A cat.",
        reasons=(reason,),
        scores=Scores(),
        thumbnail=thumbnail,
    )


def sample(number: int, video: Payload, images: list[list[Payload]], background: Payload | None) -> Sample:
    words = ["dög", "meadow", "runs"]
    entities = tuple(
        Entity(
            word=word,
            kind=EntityKind.SUBJECT,
            start=SAMPLE.caption.index(word),
            end=SAMPLE.caption.index(word) + len(word),
            references=tuple(replace(REFERENCE, image=image) for image in of_word),
        )
        for word, of_word in zip(words, images, strict=False)
    )
    behind = Background(frame_index=1, time_s=0.5, leak=0.0, image=background) if background else None
    return replace(SAMPLE, clip_id=f"{number:032x}", video=video, entities=entities, background=behind)


def contents_of(record: Sample | RejectedClip) -> list[bytes | None]:
    """The bytes of its payloads, in the order that `MediaPlaces` promises."""
    if isinstance(record, RejectedClip):
        payloads = [record.thumbnail] if record.thumbnail else []
    else:
        references = [reference.image for entity in record.entities for reference in entity.references]
        payloads = [record.video, *references, *([record.background.image] if record.background else [])]
    return [payload.bytes for payload in payloads]


def read_by_places(path: Path, kind: type[Sample | RejectedClip]) -> list[list[bytes | None]]:
    """The media of every row, cut out of the file by the places alone."""
    content = path.read_bytes()
    with open_shard(path, kind) as file:
        places = media_places(file)
    assert places is not None
    return [
        [None if at is None else content[at : at + length] for at, length in zip(offsets, lengths, strict=True)]
        for offsets, lengths in zip(places.offsets.to_pylist(), places.lengths.to_pylist(), strict=True)
    ]


# Bytes that look like the lengths and the contents of their neighbors, and every size of page.
CONTENTS = st.one_of(
    st.none(),
    st.binary(max_size=8),
    st.builds(lambda byte, size: bytes([byte]) * size, st.sampled_from([0, 1, 255]), st.integers(0, 40)),
    st.builds(
        lambda byte, size: bytes([byte]) * size,
        st.sampled_from([0, 7]),
        st.sampled_from([PAGE - 4, PAGE, 65_535, 65_537, 90_000]),
    ),
)
PAYLOADS = CONTENTS.map(lambda content: Payload(bytes=content, path="lies/elsewhere"))
SAMPLES = st.builds(
    sample,
    st.integers(0, 2**32),
    PAYLOADS,
    st.lists(st.lists(PAYLOADS, max_size=5), max_size=3),
    st.none() | PAYLOADS,
)
REJECTIONS = st.builds(rejection, st.integers(0, 2**32), st.none() | PAYLOADS)


@given(samples=st.lists(SAMPLES, min_size=1, max_size=6), rejections=st.lists(REJECTIONS, min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_what_stands_at_a_place_is_the_payload(
    samples: list[Sample], rejections: list[RejectedClip], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards")

    write_shard(folder / "samples.parquet", samples)
    write_shard(folder / "rejections.parquet", rejections)

    assert read_by_places(folder / "samples.parquet", Sample) == list(map(contents_of, samples))
    assert read_by_places(folder / "rejections.parquet", RejectedClip) == list(map(contents_of, rejections))
    assert list(read_shard(folder / "samples.parquet", Sample)) == samples
    assert list(read_shard(folder / "rejections.parquet", RejectedClip)) == rejections


@given(samples=st.lists(SAMPLES, min_size=1, max_size=6), cuts=st.lists(st.integers(0, 6), max_size=3))
@settings(max_examples=15, deadline=None)
def test_rows_carried_over_in_any_pieces_are_the_same_rows_with_their_media_in_place(
    samples: list[Sample], cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "first.parquet", samples)
    (whole,) = read_tables(folder / "first.parquet", Sample)
    ends = sorted({*(cut for cut in cuts if cut < len(samples)), 0, len(samples)})

    write_shard_of_tables(folder / "second.parquet", Sample, [whole[a:b] for a, b in pairwise(ends)])

    assert read_by_places(folder / "second.parquet", Sample) == list(map(contents_of, samples))
    assert list(read_shard(folder / "second.parquet", Sample)) == samples
    assert [sum(len(content or b"") for content in contents_of(each)) for each in samples] == media_bytes(whole)


def test_a_shard_without_rows_is_refused_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    nothing = to_table([], Sample)

    for tables in ([], [nothing]):
        with pytest.raises(ValueError, match=r"part\.parquet would hold no rows, expected one or more"):
            write_shard_of_tables(tmp_path / "part.parquet", Sample, tables)
    with pytest.raises(ValueError, match="would hold no records"):
        write_shard(tmp_path / "part.parquet", [])

    assert list(tmp_path.iterdir()) == []


def test_rows_carried_over_in_thousands_fill_row_groups(tmp_path: Path) -> None:
    records = [rejection(number, Payload(bytes=b"%d" % number) if number % 3 else None) for number in range(5000)]
    rows = to_table(records, RejectedClip)

    write_shard_of_tables(tmp_path / "part.parquet", RejectedClip, [rows[:3000], rows[3000:]])

    footer = pq.read_metadata(tmp_path / "part.parquet")
    assert [footer.row_group(group).num_rows for group in range(footer.num_row_groups)] == [4096, 904]
    assert read_by_places(tmp_path / "part.parquet", RejectedClip) == list(map(contents_of, records))


def test_a_shard_of_many_rows_has_groups_of_thousands_and_places_for_all(tmp_path: Path) -> None:
    records = [rejection(number, Payload(bytes=b"%d" % number) if number % 3 else None) for number in range(4100)]

    write_shard(tmp_path / "part.parquet", records)

    footer = pq.read_metadata(tmp_path / "part.parquet")
    assert [footer.row_group(group).num_rows for group in range(footer.num_row_groups)] == [4096, 4]
    assert read_by_places(tmp_path / "part.parquet", RejectedClip) == list(map(contents_of, records))


def test_media_are_plain_and_everything_else_is_small(tmp_path: Path) -> None:
    write_shard(tmp_path / "part.parquet", GOLDEN_SAMPLES)

    group = pq.read_metadata(tmp_path / "part.parquet").row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    for leaf in MEDIA:
        media = columns.pop(leaf)
        assert (media.compression, set(media.encodings)) == ("UNCOMPRESSED", {"PLAIN", "RLE"})
        assert media.statistics is None
        assert media.has_offset_index
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["scores.desirable"].statistics.max == 0.9
    assert columns["entities.list.element.word"].has_dictionary_page


def test_a_payload_of_a_page_or_more_shares_its_page_with_no_other(tmp_path: Path) -> None:
    write_shard(tmp_path / "part.parquet", [sample(n, Payload(bytes=b"v" * PAGE), [], None) for n in range(9)])

    with open_shard(tmp_path / "part.parquet", Sample) as file:
        places = media_places(file)

    assert places is not None
    starts = [start for (start,) in places.offsets.to_pylist()]
    # Between two values of one page stands nothing but the four bytes of the second one's length.
    assert all(later - earlier - PAGE > 4 for earlier, later in pairwise(starts))


def test_failures_have_no_media_and_no_places(tmp_path: Path) -> None:
    failure = FailedClip(
        clip_id="0" * 32,
        source=SAMPLE.source,
        stage="decode",
        kind=FailureKind.IO,
        error_type="OSError",
        message="gone",
    )

    write_shard(tmp_path / "part.parquet", [failure])

    with open_shard(tmp_path / "part.parquet", FailedClip) as file:
        assert media_places(file) is None


def test_reading_in_turn_holds_a_few_megabytes_of_a_shard(tmp_path: Path) -> None:
    record = sample(0, Payload(bytes=bytes(2**20)), [[Payload(bytes=bytes(2**16))] * 2], Payload(bytes=bytes(2**16)))
    write_shard(tmp_path / "part.parquet", [record] * 40)
    before, most = pa.total_allocated_bytes(), 0

    for found in read_shard(tmp_path / "part.parquet", Sample):
        most = max(most, pa.total_allocated_bytes() - before)
        assert found == record

    assert most < 12 << 20  # of 48 MB
