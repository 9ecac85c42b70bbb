"""Phantom-Data through the importer and the stages: boxes in a clip, and of the same thing in another one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.execution.chain import StageChain
from curation.imports import LAYOUTS, ForeignDataset, ImportConfig, Unmapped, open_foreign
from curation.records import Clip
from dataset_schema import EntityKind, FailedClip
from tests.curation.imports.curated import (
    HEIGHT,
    WIDTH,
    Mask,
    assert_shows,
    dog_at,
    failure,
    moving_frames,
    outcomes,
    samples,
    write_lossless,
)
from tests.curation.imports.foreign_datasets import box_of

FRAMES = moving_frames(24)
CAPTION = "A brown dog walks on a meadow."

_PICTURE = pa.struct([("vid", pa.string()), ("frame_idx", pa.float64()), ("bbox", pa.list_(pa.float64()))])
_PAIR = pa.struct([("obj_from_tgt_video", _PICTURE), ("refer_result", pa.list_(_PICTURE))])
AS_MAP = pa.map_(pa.string(), _PAIR)
AS_STRUCT = pa.struct([("a brown dog", _PAIR), ("a phrase of another row", _PAIR)])
AS_TEXT = pa.string()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video under its own id, and under that of its clip."""
    folder = tmp_path_factory.mktemp("videos")
    write_lossless(folder / "a.mov", FRAMES)
    (folder / "ABCDEFGHIJK.mov").write_bytes((folder / "a.mov").read_bytes())
    return folder


def picture(vid: str, share: float, mask: Mask) -> dict[str, Any]:
    return {"vid": vid, "frame_idx": share, "bbox": box_of(mask)}


def pair(own: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return {"obj_from_tgt_video": own, "refer_result": list(others)}


def opened(
    folder: Path, videos: Path, rows: dict[str, dict[str, Any]], kind: pa.DataType = AS_MAP, **options: Any
) -> ForeignDataset:
    pairs: list[Any] = [list(each.items()) if kind == AS_MAP else each for each in rows.values()]
    if kind == AS_TEXT:
        pairs = [json.dumps(each) for each in pairs]
    columns = {"vid": list(rows), "video_caption": [CAPTION] * len(rows), "cross_pair": pa.array(pairs, kind)}
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "pairs.parquet")
    return open_foreign(LAYOUTS["phantom"], folder, videos, ImportConfig(**options))


def rectangle(mask: Mask) -> Mask:
    x0, y0, x1, y1 = map(int, box_of(mask))
    filled = np.zeros((HEIGHT, WIDTH), bool)
    filled[y0:y1, x0:x1] = True
    return filled


def test_pictures_are_cut_by_their_boxes_from_the_clip_and_from_elsewhere(
    tmp_path: Path, videos: Path, chain: StageChain
) -> None:
    others = [picture("ABCDEFGHIJK", 0.75, dog_at(18)), picture("gone", 0.5, dog_at(0))]
    dataset = opened(tmp_path, videos, {"a": {"a brown dog": pair(picture("a", 0.5, dog_at(12)), *others)}})

    (sample,) = samples(outcomes(chain, dataset))

    (dog,) = sample.entities
    assert (dog.word, dog.kind, dog.start, dog.end) == ("brown dog", EntityKind.SUBJECT, 2, 11)
    own, other = dog.references
    assert_shows(own, FRAMES[12], rectangle(dog_at(12)))  # int(24 frames x 0.5)
    assert_shows(other, FRAMES[18], rectangle(dog_at(18)))
    assert (own.frame_index, own.time_s) == (12, 0.5)
    assert (other.frame_index, other.time_s, other.box) == (None, None, None)
    assert other.agreement == own.agreement
    assert own.agreement is not None
    assert own.agreement > 0.9
    assert sample.background is not None
    assert sample.background.frame_index == 12
    assert dataset.unmapped.counts == {Unmapped.PICTURE_OF_MISSING_VIDEO: 1}


@pytest.mark.parametrize("kind", [AS_MAP, AS_STRUCT, AS_TEXT], ids=["map", "struct", "text"])
def test_pairs_are_read_however_parquet_nests_them(tmp_path: Path, videos: Path, kind: pa.DataType) -> None:
    (clip,) = opened(tmp_path, videos, {"a": {"a brown dog": pair(picture("a", 0.5, dog_at(12)))}}, kind)

    assert isinstance(clip, Clip)
    assert clip.given is not None
    assert [word.word for word in clip.entity_words or ()] == ["brown dog"]
    assert [mask.shape for mask in clip.given.masks] == [clip.given.masks[0].shape]


def test_a_clip_may_be_a_part_of_a_whole_video(tmp_path: Path, videos: Path, chain: StageChain) -> None:
    dataset = opened(tmp_path, videos, {"part-7": {"a brown dog": pair(picture("part-7", 0.5, dog_at(13)))}})
    places = {
        "vid": ["part-7"],
        "youtube_url": ["https://www.youtube.com/watch?v=ABCDEFGHIJK&t=3"],
        "timestamp": ["['0:00:00.125', '0:00:00.958']"],
    }
    pq.write_table(pa.table(places), tmp_path / "places.parquet")

    (sample,) = samples(outcomes(chain, dataset))

    assert (sample.source.start_s, sample.source.end_s, sample.num_frames) == (0.125, 0.958, 20)  # frames 3 to 22
    assert_shows(sample.entities[0].references[0], FRAMES[13], rectangle(dog_at(13)))


def test_rows_that_cannot_be_read_say_why(tmp_path: Path, videos: Path, chain: StageChain) -> None:
    good = pair(picture("a", 0.5, dog_at(12)))
    beyond = {**picture("a", 0.5, dog_at(12)), "bbox": [10.0, 10.0, 900.0, 100.0]}
    percent = {**picture("a", 0.5, dog_at(12)), "frame_idx": 50.0}
    rows = {"gone": {"a brown dog": good}, "a": {"a brown dog": pair(beyond)}, "ABCDEFGHIJK": {"a dog": pair(percent)}}

    missing, box, share = outcomes(chain, opened(tmp_path, videos, rows))

    assert "row 1 of pairs.parquet: the video gone is not in" in failure(missing).message
    assert "a box reaches to (900, 100), and its frame has 256x144 pixels" in failure(box).message
    assert "share 50.0, expected" in failure(share).message


def test_broken_text_in_a_row_costs_that_row(tmp_path: Path, videos: Path) -> None:
    table = {"vid": ["a"], "video_caption": [CAPTION], "cross_pair": ['{"a brown dog": ']}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")

    (broken,) = open_foreign(LAYOUTS["phantom"], tmp_path, videos, ImportConfig())

    assert isinstance(broken, FailedClip)
    assert "'cross_pair' is no JSON" in broken.message


def test_a_table_of_another_version_is_refused(tmp_path: Path, videos: Path) -> None:
    pq.write_table(pa.table({"vid": ["a"], "caption": [CAPTION]}), tmp_path / "pairs.parquet")

    with pytest.raises(ValueError, match=r"has pairs.parquet: caption, vid, expected a file with the columns cross"):
        list(open_foreign(LAYOUTS["phantom"], tmp_path, videos, ImportConfig()))
