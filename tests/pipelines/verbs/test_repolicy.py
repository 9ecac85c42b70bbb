"""Thresholds from the command line, over a dataset that was written by hand and over one of a small world."""

from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.execution.lock import locked_for_run
from curation.profiles import CurationConfig, EmbeddedAnnotators
from dataset_schema import (
    DatasetManifest,
    Scores,
    Selection,
    read_manifest,
    write_manifest,
    write_shard,
)
from pipelines.__main__ import main
from pipelines.verbs.curate import Curate, curate
from storage.address import Address, Place, sized_files
from storage.configs import to_plain
from tests.curation.execution.test_repolicy import tables
from tests.curation.scripted_stages import make_clip, make_sample
from tests.object_store import Killed, Proxy, bucket, killed, proxy, session_proxy, store_url, upload
from worlds.sprites import SpriteWorldConfig, make_world

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

CURATION = CurationConfig(buckets=("17x80x144",))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Ten clips, the n-th surely desirable by n tenths."""
    output = tmp_path / "dataset"
    samples = [replace(make_sample(make_clip(n)), scores=_scores(desirable=n / 10)) for n in range(10)]
    for number in (0, 1):
        write_shard(output / "samples" / f"part-0001-000-{number:05d}.parquet", samples[5 * number :][:5])
    head = DatasetManifest(
        profile="embedded",
        config={"sources": {}, "curation": to_plain(CURATION), "score_all": False},
        annotators=(),
        funnel=(),
        complete=True,
    )
    write_manifest(output, head)
    return output


def _scores(desirable: float) -> Scores:
    return Scores(
        desirable=desirable,
        still_foreground=1 - desirable,
        slight_motion=0.0,
        screen_in_screen=0.0,
        screen_recording=0.0,
    )


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in dataset.rglob("*.*")}

    status = main(["repolicy", "--dataset", str(dataset), "--curation.content-filter.min-desirable=0.25", "--dry-run"])

    said = capsys.readouterr().out
    assert status == 0
    assert "kept, now rejected by content_filter: still_foreground" in said
    assert "after:  read 10 = kept 7 + rejected 3 + failed 0" in said
    assert {path: path.read_bytes() for path in dataset.rglob("*.*")} == before


def test_only_shards_with_other_rows_are_written_and_the_head_has_the_new_threshold(
    dataset: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "thresholds.toml"
    preset.write_text("[curation.content_filter]\nmin_desirable = 0.25\n")
    untouched = dataset / "samples" / "part-0001-000-00001.parquet"
    before = untouched.stat().st_ino, untouched.stat().st_mtime_ns

    assert main(["repolicy", "--dataset", str(dataset), "--config", str(preset)]) == 0

    head = read_manifest(dataset)
    assert (untouched.stat().st_ino, untouched.stat().st_mtime_ns) == before
    assert [len(rows) for rows in tables(dataset).values()] == [7, 3, 0]
    looser = replace(CURATION, content_filter=replace(CURATION.content_filter, min_desirable=0.25))
    assert head.config["curation"] == to_plain(looser)
    assert {row.stage: row.rejected for row in head.funnel}["content_filter"] == {"still_foreground": 3}


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (["--curation.buckets", "17x144x256"], "buckets"),
        (["--curation.several-shots", "split"], "several_shots is 'split', expected 'reject'"),
        (["--curation.decode.reference-times", "after"], "reference_times"),
    ],
)
def test_what_is_no_threshold_is_refused(
    dataset: Path, option: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["repolicy", "--dataset", str(dataset), *option])

    said = capsys.readouterr().err
    assert status == 2
    assert problem in said
    assert "no threshold that stored scores can be held against, so clips need curating again" in said


def test_a_selection_is_not_decided_again(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    selection = Selection(dataset="/all", where="true", kept=10, dropped=0)
    write_manifest(dataset, replace(read_manifest(dataset), selections=(selection,)))

    assert main(["repolicy", "--dataset", str(dataset)]) == 2
    assert "was selected from /all; decide that again, then select" in capsys.readouterr().err


@pytest.fixture
def stored(dataset: Path, bucket: str) -> Address:
    """The same dataset in a store."""
    return upload(dataset, Address(f"{bucket}/set"))


STRICT = "--curation.content-filter.min-desirable=0.25"


def test_a_dataset_in_a_store_is_decided_again_as_one_on_a_disk(
    dataset: Path, stored: Address, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    untouched = stored / "samples" / "part-0001-000-00001.parquet"
    before = untouched.stat()
    said = []
    for place in (dataset, stored):
        proxy.plan(4, seed=1)
        assert main(["repolicy", "--dataset", str(place), STRICT, "--dry-run"]) == 0
        assert main(["repolicy", "--dataset", str(place), STRICT]) == 0
        said.append(capsys.readouterr().out)
    proxy.plan(0, 0)

    assert said[0] == said[1]
    assert tables(stored) == tables(dataset)
    assert [len(rows) for rows in tables(stored).values()] == [7, 3, 0]
    assert read_manifest(stored) == read_manifest(dataset)
    assert untouched.stat() == before
    assert _names(stored) == _names(dataset)


@pytest.mark.slow
def test_whoever_is_killed_while_a_store_is_decided_again_leaves_the_old_dataset_or_the_new_one(
    stored: Address, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.execution.repolicy.locked_for_run", partial(locked_for_run, lease_s=0.3))
    old = tables(dataset)
    main(["repolicy", "--dataset", str(dataset), STRICT])
    for after in range(1, 30):
        try:
            with killed(monkeypatch, after=after):
                main(["repolicy", "--dataset", str(stored), STRICT])
        except Killed:
            assert tables(stored) in (old, tables(dataset))
        else:
            break

    assert main(["repolicy", "--dataset", str(stored), STRICT]) == 0
    assert after > 4
    assert tables(stored) == tables(dataset)
    assert _names(stored) == _names(dataset)


def _names(dataset: Place) -> list[tuple[str, int]]:
    """The tables of what lies there, and how many files each has; not the locks."""
    found = (path for path, _ in sized_files(dataset, "*") if path.suffix != ".lock")
    return sorted(Counter(path.parent.name if path.suffix == ".parquet" else path.name for path in found).items())


@pytest.mark.slow
def test_a_small_world_decided_again_and_gone_on_with_is_curated_with_the_thresholds_from_the_start(
    tmp_path: Path,
) -> None:
    world = make_world(tmp_path / "world", SpriteWorldConfig(clips=12, frames=37, undesirable_share=0.5))
    dataset, expected = tmp_path / "dataset", tmp_path / "expected"
    strict = ["--curation.reference-images.min-area", "0.05", "--curation.content-filter.min-desirable", "0.1"]
    # What is drawn is found by its motion; the detector of the default knows photographs.
    moving = EmbeddedAnnotators(masks=MovingObjectConfig())
    curation = CurationConfig(buckets=CURATION.buckets, annotators=moving)
    by_motion = ["--curation.buckets", "17x80x144", "--curation.annotators.masks.profile", "moving_object"]
    curate(Curate(input=world, output=dataset, curation=curation, executor="local"))
    before = tables(dataset)

    assert main(["repolicy", "--dataset", str(dataset), *strict]) == 0

    assert tables(dataset) != before
    for output in (dataset, expected):
        where = ["--input", str(world), "--output", str(output), "--executor", "local"]
        assert main(["curate", *where, *by_motion, *strict]) == 0
    assert tables(dataset) == tables(expected)
