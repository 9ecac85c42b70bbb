"""What `validate` finds in a dataset that somebody broke, and that it finds nothing in a sound one."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataset_schema import (
    Payload,
    RejectedClip,
    Sample,
    media_places,
    read_manifest,
    read_shard,
    write_manifest,
    write_shard,
)
from pipelines.__main__ import main
from pipelines.housekeeping.validation.findings import Check
from pipelines.housekeeping.validation.media import Videos
from pipelines.housekeeping.validation.validate import validate
from tests.pipelines.housekeeping.conftest import name_of

FIRST, SECOND, REJECTED = name_of("samples", 0), name_of("samples", 1), name_of("rejections")
LEFT = "samples/.part-0001-000-00002.parquet.77.tmp"


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def place(path: Path, row: int, payload: int) -> tuple[int, int]:
    """Where a payload of a row stands in its shard, and how long it is."""
    with pq.ParquetFile(path) as file:
        places = media_places(file)
        assert places is not None
        return places.offsets[row][payload].as_py(), places.lengths[row][payload].as_py()


def flip_a_video(dataset: Path) -> None:
    offset, length = place(dataset / FIRST, 1, 0)
    flip(dataset / FIRST, offset + length // 2)


def flip_a_picture(dataset: Path) -> None:
    offset, length = place(dataset / SECOND, 0, 1)
    flip(dataset / SECOND, offset + length // 2)


def flip_a_thumbnail(dataset: Path) -> None:
    offset, _ = place(dataset / REJECTED, 0, 0)
    flip(dataset / REJECTED, offset + 20)


def flip_a_word(dataset: Path) -> None:
    with pq.ParquetFile(dataset / FIRST) as file:
        captions = next(
            column
            for number in range(len(file.schema))
            if (column := file.metadata.row_group(0).column(number)).path_in_schema == "caption"
        )
        flip(dataset / FIRST, captions.dictionary_page_offset + captions.total_compressed_size // 2)


def cut_short(dataset: Path) -> None:
    (dataset / FIRST).write_bytes((dataset / FIRST).read_bytes()[:-100])


def empty(dataset: Path) -> None:
    (dataset / FIRST).write_bytes(b"")


def change(name: str, row: int, changed: Callable[[Sample], Sample]) -> Callable[[Path], None]:
    """Write a shard again, as a tool of somebody's own could, with another row: the checksums are right again."""

    def write(dataset: Path) -> None:
        samples = list(read_shard(dataset / name, Sample))
        samples[row] = changed(samples[row])
        write_shard(dataset / name, samples)

    return write


def edit(name: str, column: str, text: str) -> Callable[[Path], None]:
    """Change the text of a column in the first row with a tool that checks nothing."""

    def write(dataset: Path) -> None:
        table = pq.read_table(dataset / name)
        rows = table.to_pylist()
        rows[0][column] = text
        pq.write_table(type(table).from_pylist(rows, schema=table.schema), dataset / name)

    return write


def cut_video(sample: Sample) -> Sample:
    assert sample.video.bytes is not None
    return replace(sample, video=Payload(bytes=sample.video.bytes[: len(sample.video.bytes) * 2 // 3]))


def no_picture(sample: Sample) -> Sample:
    assert sample.background is not None
    return replace(sample, background=replace(sample.background, image=Payload(bytes=b"no picture")))


def other_hash(sample: Sample) -> Sample:
    """As of a whole file whose content is not the one that is in the shard."""
    source = replace(sample.source, content_sha256="0" * 64)
    return replace(sample, video=replace(sample.video, path=Path(source.uri).name), source=source)


def in_bucket(bucket: str) -> Callable[[Path], None]:
    return change(FIRST, 0, lambda sample: replace(sample, bucket=bucket))


def swap_videos(dataset: Path) -> None:
    """With another clip, which is longer."""
    samples = list(read_shard(dataset / FIRST, Sample))
    write_shard(dataset / FIRST, [replace(samples[0], num_frames=30), samples[1]])


def double(dataset: Path) -> None:
    samples = list(read_shard(dataset / FIRST, Sample))
    write_shard(dataset / name_of("samples", 7), samples[:1])


def keep_and_reject(dataset: Path) -> None:
    sample = next(iter(read_shard(dataset / FIRST, Sample)))
    (rejected,) = read_shard(dataset / REJECTED, RejectedClip)
    write_shard(dataset / name_of("rejections", 7), [replace(rejected, clip_id=sample.clip_id)])


def delete(name: str) -> Callable[[Path], None]:
    return lambda dataset: (dataset / name).unlink()


def lose_a_shot(dataset: Path) -> None:
    samples = list(read_shard(dataset / FIRST, Sample))
    write_shard(dataset / FIRST, [replace(samples[0], source=replace(samples[0].source, num_clips=3)), samples[1]])


def miscount(dataset: Path) -> None:
    head = json.loads((dataset / "dataset.json").read_text())
    head["funnel"][2]["entered"] += 1
    head["funnel"][2]["passed"] += 1
    (dataset / "dataset.json").write_text(json.dumps(head))


def add(name: str, content: bytes = b"notes") -> Callable[[Path], object]:
    return lambda dataset: (dataset / name).write_bytes(content)


def stale_index(dataset: Path) -> None:
    (part,) = (dataset / "index").glob("*.parquet")
    table = pq.read_table(part)
    rows = table.to_pylist()
    rows[0]["caption"] = "Something else."
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), part)


def other_reason(dataset: Path) -> None:
    edit(REJECTED, "reason", "no_reason")(dataset)


Broken = tuple[Callable[[Path], object], Check, str, int | None, str]

# One of each kind of finding.
BROKEN: list[Broken] = [
    (flip_a_video, Check.PAGE, FIRST, 1, "column video.bytes"),
    (cut_short, Check.SHARD, FIRST, None, "cannot be read"),
    (change(FIRST, 1, cut_video), Check.VIDEO, FIRST, 1, ""),
    (change(FIRST, 1, other_hash), Check.VIDEO, FIRST, 1, "its bytes hash to "),
    (change(SECOND, 0, no_picture), Check.PICTURE, SECOND, 0, "the background: "),
    (edit(SECOND, "caption", "Nothing."), Check.ROW, SECOND, 0, "entity word"),
    (in_bucket("18x96x160"), Check.BUCKET, FIRST, 0, "bucket has 18 frames"),
    (keep_and_reject, Check.CLIP, name_of("rejections", 7), 0, "several rows"),
    (delete(SECOND), Check.FUNNEL, "dataset.json", None, "6 in, 6 out"),
    (lose_a_shot, Check.SOURCE, FIRST, None, "1 clips of source 0"),
    (stale_index, Check.INDEX, FIRST, None, "the index has other rows of it"),
    (add(LEFT), Check.FILE, LEFT, None, "a command that was killed"),
    (add("dataset.json", b"{"), Check.HEAD, "dataset.json", None, "dataset.json is not what a curation run writes"),
]
MORE_BROKEN: list[Broken] = [
    (flip_a_picture, Check.PAGE, SECOND, 0, "column entities.list.element.references.list.element.image.bytes"),
    (flip_a_thumbnail, Check.PAGE, REJECTED, 0, "column thumbnail.bytes"),
    (flip_a_word, Check.PAGE, FIRST, 0, "column caption"),
    (empty, Check.SHARD, FIRST, None, "cannot be read"),
    (swap_videos, Check.VIDEO, FIRST, 0, "it has 25 frames"),
    (change(FIRST, 0, lambda sample: replace(sample, height=90)), Check.VIDEO, FIRST, 0, "its frames are 160x96"),
    (edit(FIRST, "clip_id", "x"), Check.ROW, FIRST, 0, "clip id is 'x'"),
    (in_bucket("49x576x1024"), Check.BUCKET, FIRST, 0, "bucket 49x576x1024 for 1.04 s"),
    (double, Check.CLIP, name_of("samples", 7), 0, "several rows"),
    (miscount, Check.FUNNEL, "dataset.json", None, ""),
    (other_reason, Check.ROW, REJECTED, 0, "reason 'no_reason'"),
    (add("samples/notes.txt"), Check.FILE, "samples/notes.txt", None, "a file that is no shard"),
    (add("samples/clip.parquet"), Check.SHARD, "samples/clip.parquet", None, "cannot be read"),
]


def test_a_sound_dataset_has_no_finding_and_all_of_it_is_looked_at(dataset: Path) -> None:
    report = validate(dataset)

    assert report.findings == []
    pictures = sum(
        1 + sum(len(entity.references) for entity in sample.entities)
        for name in (FIRST, SECOND)
        for sample in read_shard(dataset / name, Sample)
    )
    assert report.looked_at == {
        "shards": 4,
        "samples": 4,
        "rejections": 1,
        "failures": 1,
        "videos": 4,
        "pictures": pictures + 1,
    }


@pytest.mark.parametrize(
    ("break_it", "check", "where", "row", "found"),
    [*BROKEN, *(pytest.param(*broken, marks=pytest.mark.slow) for broken in MORE_BROKEN)],
)
def test_what_is_broken_is_found_and_named(
    break_it: Callable[[Path], object], check: Check, where: str, row: int | None, found: str, dataset: Path
) -> None:
    break_it(dataset)

    findings = [each for each in validate(dataset).findings if each.check is check]

    assert any(found in each.found and (each.where, each.row) == (where, row) for each in findings), findings


def test_a_video_is_held_against_the_hash_of_its_source_where_it_is_the_whole_file(dataset: Path) -> None:
    def right_hash(sample: Sample) -> Sample:
        assert sample.video.bytes is not None
        told = other_hash(sample)
        return replace(told, source=replace(told.source, content_sha256=sha256(sample.video.bytes).hexdigest()))

    def of_a_span(sample: Sample) -> Sample:
        told = other_hash(sample)
        return replace(told, source=replace(told.source, start_s=0.0, end_s=1.0))

    change(FIRST, 0, right_hash)(dataset)
    change(FIRST, 1, of_a_span)(dataset)

    assert [each for each in validate(dataset).findings if each.check is Check.VIDEO] == []


def test_with_the_first_frames_alone_a_video_that_ends_early_passes(dataset: Path) -> None:
    swap_videos(dataset)

    assert all(each.check is not Check.VIDEO for each in validate(dataset, videos=Videos.FIRST).findings)


def test_of_a_dataset_that_a_run_may_be_writing_the_finished_part_is_looked_at(dataset: Path) -> None:
    write_manifest(dataset, replace(read_manifest(dataset), complete=False, funnel=()))
    add(LEFT)(dataset)
    lose_a_shot(dataset)

    assert [each for each in validate(dataset).findings if each.check is not Check.INDEX] == []


def test_the_command_says_what_it_looked_at_and_ends_with_3_where_something_is_wrong(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = main(["validate", "--dataset", str(dataset), "--workers", "2"])
    said = capsys.readouterr().out
    flip_a_video(dataset)
    broken = main(["validate", "--dataset", str(dataset), "--workers", "1"])
    told = capsys.readouterr().out

    assert (sound, broken) == (0, 3)
    assert "1 failures" in said
    assert "4 videos: all is right" in " ".join(said.split())
    assert "wrong are page 1" in " ".join(told.split())
