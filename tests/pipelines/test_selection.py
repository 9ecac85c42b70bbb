"""Selections of datasets that were written by hand."""

import shlex
from collections import Counter
from pathlib import Path
from typing import TypeVar

import duckdb
import pytest

from curation.funnel import Counts, dataset_counts
from dataset_schema import (
    Annotator,
    DatasetManifest,
    FailedClip,
    FailureKind,
    FunnelRow,
    Payload,
    Reason,
    RejectedClip,
    Sample,
    Scores,
    Selection,
    Source,
    read_manifest,
    read_shard,
    shard_paths,
    write_manifest,
    write_shard,
)
from pipelines.__main__ import main
from pipelines.selection import select
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES, GOLDEN_SHARD

Record = TypeVar("Record", Sample, RejectedClip, FailedClip)

CAT = Source(id="cc" * 16, uri="/videos/cat.mp4")
REJECTED = RejectedClip(
    clip_id="cc" * 16,
    source=CAT,
    caption="Cats.",
    reasons=(Reason(stage="entity_words", reason="plural_subject_word", detail="cats"),),
    scores=Scores(),
    thumbnail=Payload(bytes=b"a picture"),
)
FAILED = FailedClip(
    clip_id="dd" * 16, source=CAT, stage="decode", kind=FailureKind.CORRUPT, error_type="ClipError", message="torn"
)
FUNNEL = (
    FunnelRow(stage="entity_words", entered=5, passed=4, rejected={"plural_subject_word": 1}),
    FunnelRow(stage="decode", entered=4, passed=3, failed={"corrupt": 1}),
)
MANIFEST = DatasetManifest(
    profile="embedded",
    config={"seed": 1},
    annotators=(Annotator(job="shots", name="transnetv2", revision="1", weights_sha256="ab"),),
    funnel=FUNNEL,
    complete=True,
)
DESIRABLE = "scores.desirable >= 0.4"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three kept clips, of which the first is desirable, a rejected one and a failed one."""
    folder = tmp_path / "all [v2]"
    (folder / "samples").mkdir(parents=True)
    (folder / "samples" / "part-0.parquet").write_bytes(GOLDEN_SHARD.read_bytes())
    write_shard(folder / "rejections" / "part-0.parquet", [REJECTED])
    write_shard(folder / "failures" / "part-0.parquet", [FAILED])
    write_manifest(folder, MANIFEST)
    return folder


def records(dataset: Path, kind: type[Record]) -> list[Record]:
    return [record for path in shard_paths(dataset, kind) for record in read_shard(path, kind)]


def test_what_fulfils_the_condition_is_kept_and_the_rest_is_rejected(dataset: Path, tmp_path: Path) -> None:
    counts = select(dataset, DESIRABLE, tmp_path / "some")

    assert counts == Counts(kept=1, rejected=3, failed=1)
    assert records(tmp_path / "some", Sample) == [GOLDEN_SAMPLES[0]]
    dropped, former, given = sorted(
        records(tmp_path / "some", RejectedClip), key=lambda each: each.clip_id, reverse=True
    )
    assert former == REJECTED
    assert [each.clip_id for each in (dropped, given)] == [each.clip_id for each in GOLDEN_SAMPLES[1:]]
    assert dropped.reasons == (Reason(stage="select", reason="not_selected", detail=f"does not fulfil {DESIRABLE}"),)
    assert records(tmp_path / "some", FailedClip) == [FAILED]


def test_the_funnel_goes_on_with_the_selection_and_the_head_says_where_it_comes_from(
    dataset: Path, tmp_path: Path
) -> None:
    select(dataset, DESIRABLE, tmp_path / "some")

    manifest = read_manifest(tmp_path / "some")
    chosen = FunnelRow(stage="select", entered=3, passed=1, rejected={"not_selected": 2})
    assert manifest.funnel == (*FUNNEL, chosen)
    assert manifest.selections == (Selection(dataset=str(dataset), where=DESIRABLE, kept=1, dropped=2),)
    assert (manifest.profile, manifest.config, manifest.annotators) == ("embedded", {"seed": 1}, MANIFEST.annotators)


def test_a_selection_of_a_selection_counts_every_clip_once(dataset: Path, tmp_path: Path) -> None:
    select(dataset, "true", tmp_path / "first")

    counts = select(tmp_path / "first", "contains(caption, 'cat')", tmp_path / "second")

    assert counts == Counts(kept=1, rejected=3, failed=1) == dataset_counts(tmp_path / "second")
    manifest = read_manifest(tmp_path / "second")
    assert [row.stage for row in manifest.funnel] == ["entity_words", "decode", "select"]
    assert [selection.where for selection in manifest.selections] == ["true", "contains(caption, 'cat')"]


def test_a_file_of_another_tool_becomes_a_dataset(dataset: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.parquet"
    duckdb.sql(f"COPY (SELECT *, 1 AS mine FROM '{GOLDEN_SHARD}' WHERE {DESIRABLE}) TO '{kept}' (FORMAT parquet)")

    counts = select(kept, "true", tmp_path / "some")

    assert counts == Counts(kept=1)
    assert records(tmp_path / "some", Sample) == [GOLDEN_SAMPLES[0]]
    assert [row.stage for row in read_manifest(tmp_path / "some").funnel] == ["select"]


def test_a_condition_may_ask_the_whole_table_and_json(dataset: Path, tmp_path: Path) -> None:
    where = "num_frames < (SELECT max(num_frames) FROM samples) AND json_extract_string(extra, '$.licence') = 'CC0'"

    assert select(dataset, where, tmp_path / "some").kept == 1


def test_videos_beside_the_shards_are_named_by_their_whole_path(dataset: Path, tmp_path: Path) -> None:
    path = dataset / "samples" / "part-0.parquet"
    duckdb.sql(
        "COPY (SELECT * REPLACE ({'bytes': NULL::BLOB, 'path': 'videos/a.mp4'} AS video) "
        f"FROM '{GOLDEN_SHARD}') TO '{tmp_path}/other.parquet' (FORMAT parquet)"
    )
    path.write_bytes((tmp_path / "other.parquet").read_bytes())

    select(dataset, "true", tmp_path / "some")

    videos = Counter(sample.video for sample in records(tmp_path / "some", Sample))
    assert videos == {Payload(path=str(dataset / "videos" / "a.mp4")): 3}


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("desirable >= 0.4", 'column "desirable" not found'),
        ("scores.desirable >=", "syntax error"),
        ("true; DROP VIEW samples", "syntax error"),
        ("count(*) > 1", "aggregates"),
        ("num_frames = 'many'", "Could not convert"),
    ],
)
def test_a_wrong_condition_is_one_sentence(
    where: str, problem: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["select", "--dataset", str(dataset), "--where", where, "--output", str(tmp_path / "some")])

    (line,) = capsys.readouterr().err.splitlines()
    assert status == 2
    assert problem in line
    assert "expected SQL on the columns of a sample, such as scores.desirable >= 0.4" in line
    assert not (tmp_path / "some").exists()


def test_a_condition_that_keeps_nothing_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no sample of .* fulfils scores\.desirable > 2; nothing is written"):
        select(dataset, "scores.desirable > 2", tmp_path / "some")

    assert list(tmp_path.iterdir()) == [dataset]


def test_what_is_there_is_not_replaced(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists; a selection is written whole, name a new directory"):
        select(dataset, "true", dataset)

    assert records(dataset, Sample) == list(GOLDEN_SAMPLES)


def test_what_a_killed_selection_left_is_removed(dataset: Path, tmp_path: Path) -> None:
    write_shard(tmp_path / ".some.tmp" / "samples" / "part-9.parquet", GOLDEN_SAMPLES)

    assert select(dataset, DESIRABLE, tmp_path / "some").kept == 1
    assert {path.name for path in (tmp_path / "some").iterdir()} == {
        "README.md",
        "dataset.json",
        "index",
        "samples",
        "rejections",
        "failures",
    }


def test_a_damaged_shard_is_no_wrong_condition(dataset: Path, tmp_path: Path) -> None:
    (dataset / "samples" / "part-1.parquet").write_bytes(GOLDEN_SHARD.read_bytes()[:1000])

    with pytest.raises(ValueError, match=r"shard .*part-1\.parquet cannot be read"):
        select(dataset, "true", tmp_path / "some")


def test_a_dataset_that_is_not_finished_is_refused(dataset: Path, tmp_path: Path) -> None:
    write_manifest(dataset, DatasetManifest(profile="embedded", config={}, annotators=(), funnel=(), complete=False))

    with pytest.raises(ValueError, match="is not finished; curate again to go on with it"):
        select(dataset, "true", tmp_path / "some")


def test_a_dataset_that_is_not_there_is_not_called_empty(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        select(tmp_path / "nothing", DESIRABLE, tmp_path / "part")


def test_the_command_that_comes_next_can_be_pasted_into_a_shell(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "my part"

    assert main(["select", "--dataset", str(dataset), "--where", DESIRABLE, "--output", str(output)]) == 0

    assert f"DATASET={output}" in shlex.split(capsys.readouterr().out)
