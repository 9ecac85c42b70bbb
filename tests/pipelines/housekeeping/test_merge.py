"""Several datasets into one: every clip once, or nothing and a sentence about why."""

from dataclasses import replace
from pathlib import Path

import pytest

from curation.execution.ledger import read_ledger
from curation.execution.local import LocalExecutor
from curation.execution.run import OtherConfigurationError
from curation.funnel import Counts
from dataset_schema import (
    TABLES,
    FailedClip,
    Payload,
    RejectedClip,
    Sample,
    read_manifest,
    read_shard,
    shard_paths,
    write_manifest,
)
from pipelines.__main__ import main
from pipelines.housekeeping.merging import merge
from pipelines.housekeeping.validation.validate import validate
from tests.curation.scripted_stages import curate, make_clip, read_tables
from tests.pipelines.housekeeping.conftest import Tables, name_of, write_dataset

KEPT, REJECTED, FAILED = name_of("samples"), name_of("rejections"), name_of("failures")


@pytest.fixture
def samples(tables: Tables) -> list[Sample]:
    return [record for records in tables.values() for record in records if isinstance(record, Sample)]


def clips(dataset: Path) -> dict[str, str]:
    """The table of every clip."""
    return {
        record.clip_id: table.folder
        for kind, table in TABLES.items()
        for path in shard_paths(dataset, kind)
        for record in read_shard(path, kind)
    }


def test_what_several_have_alike_is_taken_once_and_the_sum_holds(
    dataset: Path, samples: list[Sample], rejected_clip: RejectedClip, tmp_path: Path
) -> None:
    late = replace(rejected_clip, clip_id="ab" * 8, source=replace(rejected_clip.source, id="late"))
    other = write_dataset(tmp_path / "other", {KEPT: samples[2:3], REJECTED: [late, rejected_clip]})

    counts = merge([dataset, other], tmp_path / "both")

    assert counts == Counts(kept=4, rejected=2, failed=1)
    assert clips(tmp_path / "both") == clips(dataset) | clips(other)
    head = read_manifest(tmp_path / "both")
    assert (head.funnel[0].entered, head.funnel[-1].passed) == (7, 4)
    assert [(Path(each.dataset).name, each.clips) for each in head.merged_from] == [("dataset", 6), ("other", 1)]
    assert validate(tmp_path / "both").findings == []


def test_a_clip_that_differs_is_refused_with_both_datasets_and_nothing_is_written(
    dataset: Path, samples: list[Sample], tmp_path: Path
) -> None:
    other = write_dataset(tmp_path / "other", {KEPT: [replace(samples[0], extra='{"a": 1}'), samples[1]]})
    before = set(tmp_path.iterdir())

    with pytest.raises(ValueError, match=rf"1 clips .* {samples[0].clip_id} in .*dataset and .*other;"):
        merge([dataset, other], tmp_path / "both")

    assert set(tmp_path.iterdir()) == before


def test_a_clip_in_another_table_is_refused_too(
    dataset: Path, samples: list[Sample], failed_clip: FailedClip, tmp_path: Path
) -> None:
    failed = replace(failed_clip, clip_id=samples[0].clip_id, source=samples[0].source)
    other = write_dataset(tmp_path / "other", {FAILED: [failed]})

    with pytest.raises(ValueError, match="--first-wins"):
        merge([dataset, other], tmp_path / "both")

    merge([other, dataset], tmp_path / "both", first_wins=True)
    assert clips(tmp_path / "both") == clips(dataset) | {samples[0].clip_id: "failures"}


def test_a_source_that_was_split_otherwise_is_taken_whole_from_the_first(
    samples: list[Sample], failed_clip: FailedClip, tmp_path: Path
) -> None:
    source = replace(samples[0].source, id="film", num_clips=2)
    shots = [replace(each, clip_id=f"{'ab' * 8}-shot{n}", source=source) for n, each in enumerate(samples[:2], start=1)]
    whole = replace(failed_clip, clip_id="ab" * 8, source=replace(failed_clip.source, id="film"))
    split = write_dataset(tmp_path / "split", {KEPT: shots})
    lost = write_dataset(tmp_path / "lost", {FAILED: [whole]})

    with pytest.raises(ValueError, match=r"1 sources are not the same .* film in .*split and .*lost"):
        merge([split, lost], tmp_path / "both")

    merge([split, lost], tmp_path / "first", first_wins=True)
    merge([lost, split], tmp_path / "second", first_wins=True)
    assert set(clips(tmp_path / "first").values()) == {"samples"}
    assert clips(tmp_path / "second") == {whole.clip_id: "failures"}
    assert set(read_ledger(tmp_path / "first").done) == {"film"}


def test_other_settings_are_named_and_mixed_on_demand(dataset: Path, samples: list[Sample], tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", {KEPT: samples[:1]}, threshold=0.5)

    with pytest.raises(ValueError, match=r"config\.threshold was absent, is 0\.5\. .*--mix-configs"):
        merge([dataset, other], tmp_path / "both")

    merge([dataset, other], tmp_path / "both", mix_configs=True)
    head = read_manifest(tmp_path / "both")
    assert head.config == {}
    assert [each.config for each in head.merged_from] == [{"seed": 1}, {"seed": 1, "threshold": 0.5}]
    with pytest.raises(OtherConfigurationError, match="merged from datasets of several configurations"):
        curate([make_clip(1)], tmp_path / "both", LocalExecutor())


def test_curation_goes_on_with_what_was_merged(tmp_path: Path) -> None:
    curate([make_clip(n) for n in range(4)], tmp_path / "a", LocalExecutor())
    curate([make_clip(n) for n in range(2, 7)], tmp_path / "b", LocalExecutor())
    curate([make_clip(n) for n in range(9)], tmp_path / "at_once", LocalExecutor())

    for name in "ab":  # as `curate` writes a config, which the scripted runs have not
        write_manifest(tmp_path / name, replace(read_manifest(tmp_path / name), config={"seed": 1}))
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    assert len(read_ledger(tmp_path / "both").done) == 7
    write_manifest(tmp_path / "both", replace(read_manifest(tmp_path / "both"), config={}, merged_from=()))
    curate([make_clip(n) for n in range(9)], tmp_path / "both", LocalExecutor())

    assert sorted(map(repr, read_tables(tmp_path / "both"))) == sorted(map(repr, read_tables(tmp_path / "at_once")))


def test_videos_beside_the_shards_are_named_by_their_whole_path(samples: list[Sample], tmp_path: Path) -> None:
    datasets = [
        write_dataset(tmp_path / name, {KEPT: [replace(sample, video=Payload(path="videos/a.mp4"))]})
        for name, sample in (("a", samples[0]), ("b", samples[1]))
    ]

    merge(datasets, tmp_path / "both")

    found = [record for path in shard_paths(tmp_path / "both", Sample) for record in read_shard(path, Sample)]
    assert [sample.video.path for sample in found] == [str(each / "videos" / "a.mp4") for each in datasets]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["dataset"], "expected two or more different datasets"),
        (["dataset", "./dataset"], "expected two or more different datasets"),
        (["dataset", "none"], "none does not exist"),
    ],
)
def test_wrong_input_is_one_sentence(
    given: list[str], problem: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [str(tmp_path / name) if name[0] != "." else f"{tmp_path}/./{name[2:]}" for name in given]

    assert main(["merge", *named, "--output", str(tmp_path / "both")]) == 2
    assert problem in capsys.readouterr().err


def test_a_dataset_that_is_not_finished_is_refused(dataset: Path, samples: list[Sample], tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", {KEPT: samples[:1]})
    write_manifest(other, replace(read_manifest(other), complete=False, funnel=()))

    with pytest.raises(ValueError, match="is not finished; curate again to go on, then merge"):
        merge([dataset, other], tmp_path / "both")
