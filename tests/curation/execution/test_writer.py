from pathlib import Path
from typing import Any

import pytest

from curation.execution.outcomes import Outcome
from curation.execution.writer import Destination, ShardLimits, open_writer
from curation.funnel import Counts
from dataset_schema import FailedClip, RejectedClip, Sample, read_shard, shard_paths
from tests.curation.scripted_stages import make_clip, make_failed_clip, make_id, make_rejected_clip, make_sample


def destination(dataset: Path, *, published: frozenset[str] = frozenset(), run: int = 1, **limits: Any) -> Destination:
    return Destination(dataset=dataset, run=run, published=published, limits=ShardLimits(**limits))


def write(to: Destination, outcomes: list[Outcome], *, writer: int = 0) -> Counts:
    with open_writer(to, writer=writer) as shards:
        for outcome in outcomes:
            shards.add(outcome)
        return shards.counts


def test_each_outcome_goes_to_its_own_table(tmp_path: Path) -> None:
    kept, rejected, failed = make_sample(make_clip(1)), make_rejected_clip(2), make_failed_clip(3)

    counts = write(destination(tmp_path), [kept, rejected, failed])

    assert counts == Counts(kept=1, rejected=1, failed=1)
    assert [list(read_shard(path, Sample)) for path in shard_paths(tmp_path, Sample)] == [[kept]]
    assert [list(read_shard(path, RejectedClip)) for path in shard_paths(tmp_path, RejectedClip)] == [[rejected]]
    assert [list(read_shard(path, FailedClip)) for path in shard_paths(tmp_path, FailedClip)] == [[failed]]


def test_a_shard_closes_when_its_payload_is_large_enough(tmp_path: Path) -> None:
    samples: list[Outcome] = [make_sample(make_clip(n), video_bytes=50_000) for n in range(10)]

    write(destination(tmp_path, target_bytes=100_000), samples)

    assert [len(list(read_shard(path, Sample))) for path in shard_paths(tmp_path, Sample)] == [2] * 5


def test_a_shard_closes_when_it_has_enough_rows(tmp_path: Path) -> None:
    write(destination(tmp_path, max_rows=4), [make_failed_clip(n) for n in range(10)])

    assert [len(list(read_shard(path, FailedClip))) for path in shard_paths(tmp_path, FailedClip)] == [4, 4, 2]


def test_a_shard_closes_when_it_has_been_open_for_long(tmp_path: Path) -> None:
    write(destination(tmp_path, max_open_s=1e-9), [make_failed_clip(n) for n in range(3)])

    assert len(shard_paths(tmp_path, FailedClip)) == 3


def test_names_never_collide_over_writers_and_runs(tmp_path: Path) -> None:
    for run in (1, 2):
        for writer in (0, 1):
            clips: list[Outcome] = [make_failed_clip(run * 100 + writer * 10 + n) for n in range(4)]
            write(destination(tmp_path, run=run, max_rows=2), clips, writer=writer)

    assert len(shard_paths(tmp_path, FailedClip)) == 8
    assert sum(len(list(read_shard(path, FailedClip))) for path in shard_paths(tmp_path, FailedClip)) == 16


def test_published_clips_are_not_written_again(tmp_path: Path) -> None:
    counts = write(destination(tmp_path, published=frozenset({make_id(1)})), [make_failed_clip(n) for n in (1, 2)])

    (path,) = shard_paths(tmp_path, FailedClip)
    assert [clip.clip_id for clip in read_shard(path, FailedClip)] == [make_id(2)]
    assert counts == Counts(failed=1)


def test_an_error_in_the_run_does_not_cost_the_open_shards(tmp_path: Path) -> None:
    def stopped_by_hand() -> None:
        with open_writer(destination(tmp_path)) as shards:
            shards.add(make_failed_clip(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_by_hand()

    assert len(shard_paths(tmp_path, FailedClip)) == 1


@pytest.mark.parametrize("limits", [{"target_bytes": 0}, {"max_rows": 0}, {"max_open_s": 0}])
def test_limits_that_would_never_close_a_shard_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected positive numbers"):
        ShardLimits(**limits)
