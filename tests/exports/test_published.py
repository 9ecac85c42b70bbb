import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dataset_schema import Payload, Sample
from exports.content import pieces, size_of, whole
from exports.pictures import size_of as size_of_picture
from exports.png_start import START_BYTES
from exports.published import Pictures, open_dataset, rows_of
from tests.exports.made_clips import make_sample, write_dataset

SAMPLE = make_sample(video=b"the video")
BARE = replace(make_sample(1, video=b"another"), entities=(), background=None)
SPAN = replace(make_sample(2, video=b"-"), video=Payload(path="elsewhere.mp4"))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", [SAMPLE, BARE, SPAN])


def without_pictures(sample: Sample) -> Sample:
    empty = Payload(bytes=b"")
    return replace(
        sample,
        entities=tuple(
            replace(entity, references=tuple(replace(each, image=empty) for each in entity.references))
            for entity in sample.entities
        ),
        background=replace(sample.background, image=empty) if sample.background else None,
    )


def with_video(sample: Sample, content: bytes | None) -> Sample:
    return replace(sample, video=replace(sample.video, bytes=content))


@pytest.mark.parametrize("pictures", [Pictures.WHOLE, Pictures.NONE])
def test_rows_have_the_media_that_are_asked_for(dataset: Path, pictures: Pictures) -> None:
    ((shard, size_bytes),) = open_dataset(dataset).shards
    assert isinstance(shard, Path)

    rows = list(rows_of(shard, size_bytes, pictures=pictures))

    assert [row.sample.video.bytes for row in rows] == [b"", b"", None]
    assert [row.has_bytes for row in rows] == [True, True, False]
    stored = [row.video(shard) for row in rows]
    videos = [None if video is None else whole(video) for video in stored]
    assert videos == [b"the video", b"another", None]
    has_pictures = pictures is Pictures.WHOLE
    expected = [SAMPLE, BARE, SPAN] if has_pictures else [without_pictures(each) for each in (SAMPLE, BARE, SPAN)]
    assert [with_video(row.sample, video) for row, video in zip(rows, videos, strict=True)] == expected


def test_a_look_at_sizes_reads_the_start_of_a_png_and_the_whole_of_any_other_picture(tmp_path: Path) -> None:
    kinds = {kind: picture(kind) for kind in ("PNG", "JPEG")}
    made = make_sample()
    entity, *_ = made.entities
    references = tuple(replace(entity.references[0], image=Payload(bytes=each)) for each in kinds.values())
    sample = replace(made, entities=(replace(entity, references=references),), background=None)
    ((shard, size_bytes),) = open_dataset(write_dataset(tmp_path / "dataset", [sample])).shards

    (row,) = rows_of(shard, size_bytes, pictures=Pictures.SIZES)

    png, jpeg = (reference.image.bytes or b"" for reference in row.sample.entities[0].references)
    assert (len(png), jpeg) == (START_BYTES, kinds["JPEG"])
    assert [size_of_picture(png), size_of_picture(jpeg)] == [(40, 30), (40, 30)]


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((30, 40), 90).save(file, kind)
    return file.getvalue()


def test_a_video_in_pieces_is_the_same_in_little_memory(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4000
    ((shard, size_bytes),) = open_dataset(write_dataset(tmp_path / "dataset", [make_sample(video=content)])).shards
    assert isinstance(shard, Path)
    video = next(rows_of(shard, size_bytes, pictures=Pictures.NONE)).video(shard)
    assert video is not None

    found = [bytes(piece) for piece in pieces(video)]

    assert b"".join(found) == content
    assert size_of(video) == len(content)
    assert max(map(len, found)) < len(content) / 2


@pytest.mark.parametrize("read", [whole, lambda video: list(pieces(video))])
def test_a_shard_that_is_another_by_now_is_told_by_its_clip(dataset: Path, read: Callable[[Any], object]) -> None:
    ((shard, size_bytes),) = open_dataset(dataset).shards
    assert isinstance(shard, Path)
    row = next(rows_of(shard, size_bytes, pictures=Pictures.NONE))
    shard.write_bytes(shard.read_bytes()[:-1])

    with pytest.raises(ValueError, match=f"cannot be read at clip {SAMPLE.clip_id} .*; bring the whole file back"):
        read(row.video(shard))
