"""The shards as other people's tools read them: what comes out is what was written."""

import io
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
import datasets
import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from dataset_schema import EntityKind, FailedClip, RejectedClip, Sample, write_shard
from dataset_schema.rows import to_row


@pytest.fixture(scope="module")
def samples(make_sample: Callable[[int], Sample]) -> list[Sample]:
    found = [make_sample(index) for index in (0, 1, 2, 3)]
    return [*found[:3], replace(found[3], background=None)]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory, samples: list[Sample]) -> str:
    """A glob over two shards."""
    folder = tmp_path_factory.mktemp("dataset") / "samples"
    write_shard(folder / "part-0.parquet", samples[:2])
    write_shard(folder / "part-1.parquet", samples[2:])
    return str(folder / "*.parquet")


def load(shards: str, tmp_path: Path) -> datasets.Dataset:
    return datasets.load_dataset("parquet", data_files=shards, split="train", cache_dir=str(tmp_path))


def pixels(png: bytes | None) -> npt.NDArray[np.uint8]:
    assert png is not None
    return np.asarray(Image.open(io.BytesIO(png)))


def frames(mp4: bytes | None) -> npt.NDArray[np.uint8]:
    assert mp4 is not None
    with av.open(io.BytesIO(mp4), "r") as container:
        return np.stack([np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)])


def test_datasets_knows_pictures_and_videos(shards: str, tmp_path: Path) -> None:
    loaded = datasets.load_dataset("parquet", data_files=shards, split="train", cache_dir=str(tmp_path))

    entity = loaded.features["entities"].feature
    assert isinstance(loaded.features["video"], datasets.Video)
    assert isinstance(loaded.features["background"]["image"], datasets.Image)
    assert isinstance(entity["references"].feature["image"], datasets.Image)
    assert entity["kind"].dtype == "string"


def test_datasets_shows_references_and_backgrounds_as_pictures(
    shards: str, samples: list[Sample], tmp_path: Path
) -> None:
    loaded = load(shards, tmp_path)

    for row, sample in zip(loaded, samples, strict=True):
        assert row["caption"] == sample.caption
        for found, entity in zip(row["entities"], sample.entities, strict=True):
            assert (found["word"], found["kind"]) == (entity.word, entity.kind)
            assert (found["start"], found["end"]) == (entity.start, entity.end)
            for seen, reference in zip(found["references"], entity.references, strict=True):
                assert seen["image"].mode == "RGBA"
                np.testing.assert_array_equal(np.asarray(seen["image"]), pixels(reference.image.bytes))
                assert reference.box is not None
                assert seen["box"] == asdict(reference.box)
        if sample.background is None:
            assert row["background"] is None
        else:
            np.testing.assert_array_equal(np.asarray(row["background"]["image"]), pixels(sample.background.image.bytes))


def test_datasets_gives_videos_that_decode_to_the_frames_written(
    shards: str, samples: list[Sample], tmp_path: Path
) -> None:
    loaded = load(shards, tmp_path)

    for row, sample in zip(loaded, samples, strict=True):
        shown = frames(row["video"]["bytes"])
        assert len(shown) == row["num_frames"] == 25
        np.testing.assert_array_equal(shown, frames(sample.video.bytes))


def test_datasets_streams_without_reading_everything(shards: str, samples: list[Sample]) -> None:
    stream = datasets.load_dataset("parquet", data_files=shards, split="train", streaming=True)

    first = next(iter(stream.select_columns(["clip_id", "scores"])))

    assert first == {"clip_id": samples[0].clip_id, "scores": to_row(samples[0])["scores"]}


def test_pandas_reads_nested_values(shards: str, samples: list[Sample]) -> None:
    table = pd.concat([pd.read_parquet(path) for path in sorted(Path(shards).parent.glob("*.parquet"))])

    assert list(table["clip_id"]) == [sample.clip_id for sample in samples]
    for (_, row), sample in zip(table.iterrows(), samples, strict=True):
        assert row["source"] == asdict(sample.source)
        assert {**row["scores"], "more": list(row["scores"]["more"])} == to_row(sample)["scores"]
        assert row["media"] == asdict(sample.media)
        assert row["video"]["bytes"] == sample.video.bytes
        assert [entity["word"] for entity in row["entities"]] == [entity.word for entity in sample.entities]
        images = [reference["image"]["bytes"] for entity in row["entities"] for reference in entity["references"]]
        assert images == [reference.image.bytes for entity in sample.entities for reference in entity.references]


def rows(query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query, parameters).fetchall()


def test_duckdb_reads_a_field_of_a_struct_over_all_shards(shards: str, samples: list[Sample]) -> None:
    found = rows(
        "SELECT clip_id, source.uri, scores.desirable, media.width FROM read_parquet($shards) ORDER BY clip_id",
        shards=shards,
    )

    expected = [(s.clip_id, s.source.uri, s.scores.desirable, s.media.width) for s in samples]
    assert found == sorted(expected)


def test_duckdb_unnests_entities_and_counts_words(shards: str, samples: list[Sample]) -> None:
    found = rows(
        """
        SELECT entity.word, entity.kind, len(entity."references")
        FROM (SELECT unnest(entities) AS entity FROM read_parquet($shards))
        WHERE entity.kind <> 'background'
        """,
        shards=shards,
    )

    entities = [entity for sample in samples for entity in sample.entities if entity.kind != EntityKind.BACKGROUND]
    assert sorted(found) == sorted((entity.word, entity.kind.value, len(entity.references)) for entity in entities)


def test_duckdb_unnests_references_down_to_their_pictures(shards: str, samples: list[Sample]) -> None:
    found = rows(
        """
        SELECT clip_id, reference.frame_index, reference.box.x1 - reference.box.x0, reference.image.bytes
        FROM (
            SELECT clip_id, unnest(entity."references") AS reference
            FROM (SELECT clip_id, unnest(entities) AS entity FROM read_parquet($shards))
        )
        """,
        shards=shards,
    )

    expected = [
        (sample.clip_id, reference.frame_index, box.x1 - box.x0, reference.image.bytes)
        for sample in samples
        for entity in sample.entities
        for reference in entity.references
        if (box := reference.box) is not None
    ]
    assert sorted(found) == sorted(expected)
    assert all(pixels(picture).shape[1] == width for _, _, width, picture in found)


def test_rejections_and_failures_can_be_counted_in_one_line(
    tmp_path: Path, rejected_clip: RejectedClip, failed_clip: FailedClip
) -> None:
    write_shard(tmp_path / "rejections/part-0.parquet", [rejected_clip, rejected_clip])
    write_shard(tmp_path / "failures/part-0.parquet", [failed_clip])

    rejected = rows(
        "SELECT stage, reason, count(*) FROM read_parquet($shards) GROUP BY ALL",
        shards=str(tmp_path / "rejections/*.parquet"),
    )
    failed = pd.read_parquet(tmp_path / "failures")

    assert rejected == [("single_shot", "several_shots", 2)]
    assert list(failed["message"]) == [failed_clip.message]
    assert list(failed["kind"]) == ["input"]
