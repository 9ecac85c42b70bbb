"""In what two datasets of the same clips differ, counted by hand."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dataset_schema import FailedClip, RejectedClip, Sample
from pipelines.__main__ import main
from pipelines.housekeeping.compacting import compact
from pipelines.housekeeping.comparing import ChangedFact, Moved, compare
from pipelines.housekeeping.merging import merge
from tests.pipelines.housekeeping.conftest import Tables, name_of, write_dataset

KEPT, REJECTED = name_of("samples"), name_of("rejections")


@pytest.fixture
def samples(tables: Tables) -> list[Sample]:
    return [record for records in tables.values() for record in records if isinstance(record, Sample)]


def test_clips_are_the_same_wherever_their_rows_lie(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "compact")
    compact(tmp_path / "compact")

    found = compare(dataset, tmp_path / "compact")

    assert found.is_none
    assert (found.clips, found.shared, found.settings) == ((6, 6), 6, ())


def test_what_ended_otherwise_is_counted_by_both_ends(
    dataset: Path, samples: list[Sample], rejected_clip: RejectedClip, failed_clip: FailedClip, tmp_path: Path
) -> None:
    dropped = [
        replace(rejected_clip, clip_id=sample.clip_id, source=sample.source, caption=sample.caption)
        for sample in samples[1:3]
    ]
    known = replace(rejected_clip, reasons=(replace(rejected_clip.reasons[0], reason="no_shot"),))
    other = write_dataset(tmp_path / "other", {KEPT: samples[:1], REJECTED: [*dropped, known]}, threshold=0.5)

    found = compare(dataset, other)

    several, none = "rejected: several_shots (single_shot)", "rejected: no_shot (single_shot)"
    examples = sorted(each.clip_id for each in dropped)
    assert set(found.moved) == {
        Moved(first="kept", second=several, clips=2, example=examples[0]),
        Moved(first=several, second=none, clips=1, example=rejected_clip.clip_id),
        Moved(first="kept", second=None, clips=1, example=samples[3].clip_id),
        Moved(first="failed: input (decode)", second=None, clips=1, example=failed_clip.clip_id),
    }
    assert list(map(str, found.settings)) == ["config.threshold was absent, is 0.5"]
    assert (found.clips, found.shared) == ((6, 4), 4)


def test_changed_scores_and_facts_are_counted(dataset: Path, samples: list[Sample], tmp_path: Path) -> None:
    first = [replace(sample, scores=replace(sample.scores, more={"aesthetic": 5.0, "gone": 1.0})) for sample in samples]
    changes = (0.1, 0.2, 0.4)
    second = [
        replace(sample, scores=replace(sample.scores, desirable=0.93 - change, more={"aesthetic": 5.0 + change}))
        for sample, change in zip(samples, changes, strict=False)
    ]
    second[0] = replace(second[0], bucket="17x96x160", background=None)
    second.append(replace(first[3], scores=replace(first[3].scores, desirable=None)))
    a, b = write_dataset(tmp_path / "a", {KEPT: first}), write_dataset(tmp_path / "b", {KEPT: second})

    found = compare(a, b)

    scores = {score.name: score for score in found.scores}
    assert scores.keys() == {"desirable", "aesthetic", "gone"}
    desirable = scores["desirable"]
    assert (desirable.clips, desirable.only_first, desirable.only_second) == (4, 1, 0)
    assert desirable.median == pytest.approx(0.2)
    assert desirable.largest == pytest.approx(0.4)
    aesthetic = scores["aesthetic"]
    assert (aesthetic.clips, aesthetic.only_first, aesthetic.only_second) == (3, 0, 0)
    assert aesthetic.median == pytest.approx(0.2)
    assert aesthetic.example == min(each.clip_id for each in samples[:3])
    assert (scores["gone"].clips, scores["gone"].only_first, scores["gone"].largest) == (3, 3, None)
    assert found.facts == tuple(
        ChangedFact(name=name, clips=1, example=samples[0].clip_id)
        for name in ("has_background", "bucket", "media_lengths")
    )


def test_the_exit_status_and_the_file_say_whether_there_is_a_difference(
    dataset: Path, samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_dataset(tmp_path / "other", {KEPT: samples[:3]})

    equal = main(["diff", str(dataset), str(dataset)])
    unlike = main(["diff", str(dataset), str(other), "--json", str(tmp_path / "figures.json")])

    assert (equal, unlike) == (0, 3)
    assert "every clip is the same in both" in capsys.readouterr().out
    moved = json.loads((tmp_path / "figures.json").read_text())["moved"]
    assert sum(each["clips"] for each in moved) == 3


def test_a_file_that_cannot_be_written_is_told_before_anything_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(tmp_path / "none"), str(tmp_path / "none"), "--json", str(tmp_path)]) == 2
    assert "is a folder, expected the name of a file to write" in capsys.readouterr().err


def test_what_is_no_dataset_is_wrong_input(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", str(dataset), str(tmp_path / "none")]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_of_a_dataset_that_was_merged_from_several_settings_not_each_one_is_told(dataset: Path, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", {}, threshold=0.5, margin=2)
    merge([dataset, other], tmp_path / "both", mix_configs=True)

    found = compare(tmp_path / "both", other)

    assert list(map(str, found.settings)) == ["config was several, is one"]
