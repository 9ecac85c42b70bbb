from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.execution.ledger import remove_unfinished
from dataset_schema import (
    DatasetManifest,
    FailedClip,
    FailureKind,
    RejectedClip,
    begin_replacement,
    commit_replacement,
    read_manifest,
    read_shard,
    shard_name,
    shard_paths,
    write_manifest,
    write_shard,
)
from tests.curation.scripted_stages import make_failed_clip, make_rejected_clip
from tests.killing import Killed, Killer, the_killer


@pytest.fixture
def killer() -> Killer:
    return the_killer()


def test_whoever_is_killed_anywhere_leaves_the_old_dataset_or_the_new_one(tmp_path: Path, killer: Killer) -> None:
    seen = set()
    for after in range(100):
        dataset = _dataset(tmp_path / str(after), shards=[3, 2])
        old = _rows(dataset)
        try:
            with killer.kills(dataset, after=after):
                _replace(dataset, keep=[True, False, True, True, False])
        except Killed:
            pass
        else:
            assert len(_rows(dataset)) == 3
            break
        found = _rows(dataset)
        assert found in (old, [old[0], old[2], old[3]])
        remove_unfinished(dataset)

        assert _rows(dataset) == found
        assert _files(dataset) == ["dataset.json", *_shown(dataset)], "leftovers"
        assert read_manifest(dataset).replacement is None
        seen.add(len(found))
    assert seen == {3, 5}
    assert after > 8


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_is_replaced_and_killed_again_and_again(data: st.DataObject, tmp_path: Path, killer: Killer) -> None:
    dataset = _dataset(tmp_path / str(len(list(tmp_path.iterdir()))), shards=data.draw(st.lists(st.integers(1, 3))))
    for after in data.draw(st.lists(st.integers(0, 40), max_size=4)):
        old = _rows(dataset)
        keep = data.draw(st.lists(st.booleans(), min_size=len(old), max_size=len(old)))
        try:
            with killer.kills(dataset, after=after):
                _replace(dataset, keep=keep)
        except Killed:
            pass
        assert _rows(dataset) in (old, [row for row, stays in zip(old, keep, strict=True) if stays])


def test_only_the_tables_that_are_replaced_change(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, shards=[2])
    beside = dataset / "failures" / shard_name(run=1, writer=0, number=0)
    write_shard(beside, [make_failed_clip(7, FailureKind.IO)])
    before = beside.stat()

    _replace(dataset, keep=[False, False])

    assert shard_paths(dataset, FailedClip) == [beside]
    assert beside.stat() == before
    assert _rows(dataset) == []


def test_nothing_is_committed_that_nobody_began(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no replacement to commit; begin one first"):
        commit_replacement(_dataset(tmp_path, shards=[1]))


def test_a_note_that_cannot_be_understood_is_not_passed_over(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, shards=[1])
    text = (dataset / "dataset.json").read_text()
    (dataset / "dataset.json").write_text(text.replace("{", '{"replacement": {"runs": 3},', 1))

    with pytest.raises(ValueError, match=r"has the replacement \{'runs': 3\}, expected its run, shards"):
        shard_paths(dataset, RejectedClip)


def _dataset(dataset: Path, shards: list[int]) -> Path:
    write_manifest(dataset, DatasetManifest(profile="none", config={}, annotators=(), funnel=(), complete=True))
    first = 0
    for number, rows in enumerate(shards):
        path = dataset / "rejections" / shard_name(run=1, writer=0, number=number)
        write_shard(path, [make_rejected_clip(n) for n in range(first, first + rows)])
        first += rows
    return dataset


def _replace(dataset: Path, *, keep: list[bool]) -> None:
    """As every verb that changes rows does it: some rows stay, each shard anew."""
    remove_unfinished(dataset)
    shards = shard_paths(dataset, RejectedClip)
    run = 1 + max((int(path.name.split("-")[1]) for path in shards), default=0)
    stays = iter(keep)
    begin_replacement(dataset, run=run, shards=shards)
    for number, path in enumerate(shards):
        rows = [row for row in read_shard(path, RejectedClip) if next(stays)]
        if rows:
            write_shard(path.with_name(shard_name(run=run, writer=0, number=number)), rows)
    commit_replacement(dataset)


def _rows(dataset: Path) -> list[str]:
    return [row.clip_id for path in shard_paths(dataset, RejectedClip) for row in read_shard(path, RejectedClip)]


def _shown(dataset: Path) -> list[str]:
    return [str(path.relative_to(dataset)) for path in shard_paths(dataset, RejectedClip)]


def _files(dataset: Path) -> list[str]:
    return sorted(str(path.relative_to(dataset)) for path in dataset.rglob("*") if path.is_file())
