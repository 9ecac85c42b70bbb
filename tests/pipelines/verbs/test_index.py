"""`index`: from the command line."""

from pathlib import Path

import pytest

from dataset_schema import DatasetManifest, open_index, write_manifest, write_shard
from pipelines.__main__ import main
from tests.dataset_schema.golden_records import GOLDEN_SAMPLES


def test_a_dataset_without_an_index_gets_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shard(tmp_path / "samples" / "part-0001-000-00000.parquet", GOLDEN_SAMPLES)
    write_manifest(tmp_path, DatasetManifest(profile="embedded", config={}, annotators=(), funnel=(), complete=True))

    status = main(["index", "--dataset", str(tmp_path)])

    assert status == 0
    assert "rows 3 = kept 3 + rejected 0 + failed 0   parts 1" in capsys.readouterr().out
    assert len(open_index(tmp_path).unwritten()) == 0


def test_where_there_is_no_dataset_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["index", "--dataset", str(tmp_path)])

    assert status == 2
    assert "has no dataset.json" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
