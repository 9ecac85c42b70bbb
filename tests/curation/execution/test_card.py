"""The folder that a run writes opens as it is, whether the run is finished, was killed, or still works."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import datasets
import duckdb
import pandas as pd
import pyarrow.dataset
import pytest

from curation.execution.card import write_card
from curation.execution.local import LocalExecutor
from curation.records import Clip
from dataset_schema import Annotator, read_manifest
from tests.curation.scripted_stages import curate, make_clip, mixed_clips, read_tables

CARD = "README.md"


@pytest.fixture(autouse=True)
def without_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine that has no library to decode videos with, whatever this one has."""
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def curated(folder: Path, clips: Sequence[Clip]) -> Path:
    curate(clips, folder, LocalExecutor())
    return folder


def ids(rows: datasets.Dataset) -> list[str]:
    return sorted(row["clip_id"] for row in rows)


@pytest.mark.parametrize("table", ["samples", "rejections", "failures"])
def test_every_table_opens_by_its_name(tmp_path: Path, table: str) -> None:
    dataset = curated(tmp_path / "dataset", mixed_clips(20, slow=False))

    found = datasets.load_dataset(str(dataset), table, split="train")

    assert ids(found) == [row["clip_id"] for row in read_tables(dataset)[table]]


def test_the_folder_alone_opens_as_the_clips_that_were_kept_with_their_videos_as_bytes(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", mixed_clips(20, slow=False))
    kept = read_tables(dataset)["samples"]

    whole, stream = (datasets.load_dataset(str(dataset), split="train", streaming=way) for way in (False, True))

    for found in (whole, stream):
        rows = {row["clip_id"]: row["video"] for row in found}
        assert rows == {row["clip_id"]: row["video"] for row in kept}


def test_tables_without_a_row_are_not_in_the_way(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", [make_clip(n) for n in range(3)])
    (dataset / "failures").mkdir()

    assert datasets.get_dataset_config_names(str(dataset)) == ["samples"]
    assert datasets.load_dataset(str(dataset))["train"].num_rows == 3


def test_a_dataset_in_the_middle_of_its_run_opens_as_far_as_it_is(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", [make_clip(n) for n in range(3)])
    unfinished = replace(read_manifest(dataset), complete=False, funnel=())

    write_card(dataset, unfinished)

    assert datasets.load_dataset(str(dataset), split="train").num_rows == 3
    assert "has not finished" in (dataset / CARD).read_text(encoding="utf-8")


def test_a_run_that_has_kept_nothing_does_not_show_rejections_as_its_clips(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", [make_clip(n, judge="reject") for n in range(3)])

    assert datasets.load_dataset(str(dataset), "rejections", split="train").num_rows == 3
    with pytest.raises(ValueError, match="data file"):
        datasets.load_dataset(str(dataset), split="train")


def test_other_tools_read_the_folders_as_they_are(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", mixed_clips(20, slow=False))
    kept = [row["clip_id"] for row in read_tables(dataset)["samples"]]

    by_duckdb = duckdb.execute(f"SELECT clip_id FROM '{dataset}/samples/*.parquet'").fetchall()

    assert sorted(clip_id for (clip_id,) in by_duckdb) == kept
    assert sorted(pd.read_parquet(dataset / "samples")["clip_id"]) == kept
    assert sorted(pyarrow.dataset.dataset(dataset / "samples").to_table()["clip_id"].to_pylist()) == kept


def test_the_card_tells_what_became_of_the_clips_and_what_annotated_them(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", mixed_clips(20, slow=False))
    tables = read_tables(dataset)
    annotator = Annotator(job="shots", name="scenedetect-adaptive", revision="0.7", weights_sha256="abc")

    write_card(dataset, replace(read_manifest(dataset), annotators=(annotator,)))

    card = (dataset / CARD).read_text(encoding="utf-8")
    kept, rejected, failed = (len(tables[name]) for name in ("samples", "rejections", "failures"))
    assert f"read 20 = kept {kept} + rejected {rejected} + failed {failed}" in card
    assert "| shots | scenedetect-adaptive | 0.7 | abc | BSD-3-Clause |" in card
    assert f"schema {read_manifest(dataset).schema_version}" in card


def test_a_card_of_ones_own_stays(tmp_path: Path) -> None:
    dataset = curated(tmp_path / "dataset", [make_clip(0)])
    (dataset / CARD).write_text("---\nlicense: cc-by-4.0\n---\n# Our dogs\n", encoding="utf-8")

    curated(dataset, [make_clip(n) for n in range(2)])

    assert "# Our dogs" in (dataset / CARD).read_text(encoding="utf-8")
