from itertools import chain
from pathlib import Path
from typing import TypeVar

import pyarrow.parquet as pq
import pytest

from benchmarks.drawn_clips import stages
from benchmarks.generated_dataset import generate, write_former
from curation.decisions import decide
from dataset_schema import FailedClip, RejectedClip, Sample, read_manifest, read_shard, shard_paths

Record = TypeVar("Record", Sample, RejectedClip, FailedClip)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder, rows=400, drawn=150)
    return folder


def read(dataset: Path, kind: type[Record]) -> list[Record]:
    return list(chain.from_iterable(read_shard(path, kind) for path in shard_paths(dataset, kind)))


def test_every_row_is_what_the_projects_rules_say_of_it(dataset: Path) -> None:
    policy = {stage.name: stage.rules for stage in stages()}

    kept, rejected = read(dataset, Sample), read(dataset, RejectedClip)

    assert [clip.clip_id for clip in kept if decide(clip, policy).reasons] == []
    assert [decide(clip, policy).reasons[:1] for clip in rejected] == [clip.reasons[:1] for clip in rejected]


def test_every_clip_is_there_once_with_all_others_of_its_source(dataset: Path) -> None:
    kept, rejected, failed = read(dataset, Sample), read(dataset, RejectedClip), read(dataset, FailedClip)
    clips: list[Sample | RejectedClip | FailedClip] = [*kept, *rejected, *failed]
    sizes = {clip.source.id: clip.source.num_clips for clip in clips}

    assert len({clip.clip_id for clip in clips}) == len(clips) == 400
    assert read_manifest(dataset).funnel[0].entered == 400
    assert max(sizes.values()) > 1
    assert 400 <= sum(sizes.values()) < 406  # the last source may be cut off


def test_captions_are_as_long_as_real_ones_and_differ(dataset: Path) -> None:
    captions = [clip.caption for clip in read(dataset, Sample)]

    assert all(8 <= len(caption.split()) <= 40 for caption in captions)
    assert len(set(captions)) > 0.9 * len(captions)


def test_the_same_rows_can_be_written_as_they_lay_formerly(dataset: Path, tmp_path: Path) -> None:
    generate(tmp_path, rows=400, drawn=150, write=write_former)

    (former,) = shard_paths(tmp_path, Sample)
    (present,) = shard_paths(dataset, Sample)
    assert pq.read_table(former).equals(pq.read_table(present))
    assert pq.ParquetFile(former).metadata.row_group(0).num_rows == 4
