from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.funnel import Counts, dataset_counts, dataset_funnel
from dataset_schema import FailedClip, FailureKind, RejectedClip, Sample, write_shard
from tests.curation.scripted_stages import make_clip, make_failed_clip, make_rejected_clip, make_sample

STAGES = ("read", "measure", "judge", "publish")


def write(dataset: Path, records: list[Sample | RejectedClip | FailedClip]) -> None:
    for folder, kind in (("samples", Sample), ("rejections", RejectedClip), ("failures", FailedClip)):
        some = [record for record in records if isinstance(record, kind)]
        for number, half in enumerate((some[::2], some[1::2])):
            if half:
                write_shard(dataset / folder / f"part-0001-000-{number:05d}.parquet", half)


def test_each_stage_passes_on_what_the_next_one_gets(tmp_path: Path) -> None:
    write(
        tmp_path,
        [
            *(make_sample(make_clip(n)) for n in range(4)),
            make_failed_clip(10),
            make_failed_clip(11, FailureKind.CORRUPT, "measure"),
            make_failed_clip(12, FailureKind.CORRUPT, "measure"),
            make_rejected_clip(13, "judge", "too_dull"),
            make_rejected_clip(14, "judge", "too_dull"),
            make_rejected_clip(15, "judge", "too_dark"),
        ],
    )

    funnel = {
        row.stage: (row.entered, row.rejected, row.failed, row.passed) for row in dataset_funnel(tmp_path, STAGES)
    }

    assert funnel == {
        "read": (10, {}, {"input": 1}, 9),
        "measure": (9, {}, {"corrupt": 2}, 7),
        "judge": (7, {"too_dull": 2, "too_dark": 1}, {}, 4),
        "publish": (4, {}, {}, 4),
    }
    assert dataset_counts(tmp_path) == Counts(kept=4, rejected=3, failed=3)
    assert dataset_counts(tmp_path).read == 10


def test_an_empty_dataset_has_an_empty_funnel(tmp_path: Path) -> None:
    assert [row.entered for row in dataset_funnel(tmp_path, STAGES)] == [0, 0, 0, 0]


def test_a_stage_the_plan_does_not_have_is_not_passed_over(tmp_path: Path) -> None:
    write(tmp_path, [make_rejected_clip(1, "old_filter")])

    with pytest.raises(ValueError, match="names the stages old_filter"):
        dataset_funnel(tmp_path, STAGES)


@given(st.tuples(*[st.integers(0, 1000)] * 6))
def test_counts_add_up(numbers: tuple[int, ...]) -> None:
    first, second = (Counts(kept=a, rejected=b, failed=c) for a, b, c in (numbers[:3], numbers[3:]))

    assert (first + second).read == sum(numbers)
