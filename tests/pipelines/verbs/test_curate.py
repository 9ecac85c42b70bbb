"""The whole of curation on a small sprite world, where the truth about every clip is known."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.funnel import Counts
from curation.profiles import CurationConfig, EmbeddedAnnotators
from dataset_schema import (
    FailedClip,
    ReferenceImage,
    RejectedClip,
    Sample,
    read_manifest,
    read_shard,
    shard_paths,
)
from pipelines.__main__ import main
from pipelines.verbs.curate import Curate, curate
from pipelines.views.sheet_pictures import read_image
from worlds.sprites import ClipKind, ClipTruth, SpriteWorldConfig, make_world, read_truth

# Ray warns of its own deprecated settings whenever it makes a context.
pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*")

# Twelve clips: six desirable ones and one of every other kind.
WORLD = SpriteWorldConfig(clips=12, frames=37, undesirable_share=0.5, max_subjects=1, occluder_share=0.0)
# What is drawn is found by its motion: it is no photograph, which is all that the default's detector knows.
SMALL = CurationConfig(buckets=("17x80x144",), annotators=EmbeddedAnnotators(masks=MovingObjectConfig()))

EXPECTED_END = {
    ClipKind.TWO_SHOTS: "single_shot_filter: several_shots",
    ClipKind.PLURAL_SUBJECT: "entity_words: plural_subject_word",
    ClipKind.NO_SUBJECT: "entity_words: no_subject_word",
    ClipKind.DAMAGED: "decode: damaged",
    ClipKind.NOT_A_VIDEO: "decode: failed",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"), WORLD)


@pytest.fixture(scope="module")
def truths(world: Path) -> dict[str, ClipTruth]:
    """Video path -> truth."""
    folder = world.parent
    return {
        str(folder / "videos" / f"{path.stem}.mp4"): read_truth(path) for path in sorted(folder.glob("truth/*.json"))
    }


@pytest.fixture(scope="module")
def dataset(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dataset")
    curate(Curate(input=world, output=output, curation=SMALL, executor="local"))
    return output


def samples(dataset: Path) -> list[Sample]:
    return [record for path in shard_paths(dataset, Sample) for record in read_shard(path, Sample)]


def rejected(dataset: Path) -> list[RejectedClip]:
    return [record for path in shard_paths(dataset, RejectedClip) for record in read_shard(path, RejectedClip)]


def failed(dataset: Path) -> list[FailedClip]:
    return [record for path in shard_paths(dataset, FailedClip) for record in read_shard(path, FailedClip)]


def test_every_clip_ends_once_and_for_the_reason_it_was_made_for(dataset: Path, truths: dict[str, ClipTruth]) -> None:
    ends = {clip.source.uri: "kept" for clip in samples(dataset)}
    ends |= {clip.source.uri: f"{clip.reasons[0].stage}: {clip.reasons[0].reason}" for clip in rejected(dataset)}
    ends |= {clip.source.uri: f"{clip.stage}: failed" for clip in failed(dataset)}

    assert len(samples(dataset)) + len(rejected(dataset)) + len(failed(dataset)) == len(truths)
    assert set(ends) == set(truths)
    found = {truth.kind: ends[uri] for uri, truth in truths.items() if truth.kind in EXPECTED_END}
    assert found == EXPECTED_END
    assert any(truth.kind is ClipKind.DESIRABLE and ends[uri] == "kept" for uri, truth in truths.items())


def test_a_kept_clip_has_its_words_and_a_reference_that_is_its_subject(
    dataset: Path, truths: dict[str, ClipTruth]
) -> None:
    overlaps = []
    for sample in samples(dataset):
        truth = truths[sample.source.uri]
        assert {(e.word, e.kind) for e in sample.entities} == {(word.word, word.kind) for word in truth.words}
        overlaps += [
            _overlap(truth, sample, reference) for entity in sample.entities for reference in entity.references
        ]

    # Measured 0.8 to 0.95 on such clips; half would be a box somewhere near the subject.
    assert np.mean(overlaps) > 0.7


def _overlap(truth: ClipTruth, sample: Sample, reference: ReferenceImage) -> float:
    """Intersection over union of a reference's alpha with the drawn subject."""
    picture = read_image(reference.image)
    assert picture is not None
    assert reference.box is not None
    assert reference.frame_index is not None
    mask = np.zeros((sample.media.height, sample.media.width), bool)
    x0, y0 = round(reference.box.x0), round(reference.box.y0)
    mask[y0 : y0 + picture.height, x0 : x0 + picture.width] = np.asarray(picture)[..., 3] > 127
    drawn = truth.labels()[reference.frame_index] > 0
    return float((mask & drawn).sum() / (mask | drawn).sum())


def test_the_manifest_says_what_ran_and_what_became_of_every_clip(dataset: Path) -> None:
    manifest = read_manifest(dataset)

    assert manifest.complete
    assert manifest.profile == "embedded"
    assert {annotator.job for annotator in manifest.annotators} >= {"shots", "content_filter", "entity_words"}
    assert manifest.funnel[0].entered == WORLD.clips
    assert manifest.funnel[-1].passed == len(samples(dataset))
    assert manifest.config["curation"]["buckets"] == ["17x80x144"]


@pytest.mark.slow  # the laws of both hold on scripted stages in tests/curation/execution
@pytest.mark.parametrize("executor", ["processes", "ray"])
def test_every_executor_publishes_the_same_rows(
    executor: Literal["processes", "ray"], dataset: Path, world: Path, tmp_path: Path
) -> None:
    curate(Curate(input=world, output=tmp_path, curation=SMALL, executor=executor))

    for read in (samples, rejected, failed):
        here, there = (sorted(read(place), key=lambda record: record.clip_id) for place in (dataset, tmp_path))
        assert here == there


def test_a_dataset_inside_its_input_is_left_out_when_the_run_goes_on(tmp_path: Path) -> None:
    # Captions about several dogs end a clip before its video is opened.
    for name in ("a", "b"):
        (tmp_path / f"{name}.mp4").touch()
        (tmp_path / f"{name}.txt").write_text("\ufeffTwo dogs run.")
    command = Curate(input=tmp_path, output=tmp_path / "dataset", curation=SMALL, executor="local")

    first, second = curate(command).counts, curate(command).counts

    assert first == second == Counts(rejected=2)


@pytest.mark.slow
def test_score_all_lists_every_reason_and_the_first_decides(world: Path, tmp_path: Path, dataset: Path) -> None:
    curate(Curate(input=world, output=tmp_path, curation=SMALL, executor="local", score_all=True))

    first = {clip.clip_id: clip.reasons[0] for clip in rejected(dataset)}
    listed = {clip.clip_id: clip for clip in rejected(tmp_path)}
    assert {clip_id: clip.reasons[0] for clip_id, clip in listed.items()} == first
    # Its caption alone would have ended it before it was opened.
    plural = next(clip for clip in listed.values() if clip.reasons[0].reason == "plural_subject_word")
    assert plural.scores.shot_change is not None
    assert plural.scores.desirable is not None


def test_only_ray_joins_a_cluster(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--input", str(world), "--output", str(tmp_path / "out"), "--address", "10.0.0.1:6379"]

    with pytest.raises(SystemExit) as ended:
        main(["curate", *arguments, "--executor", "processes"])

    assert ended.value.code == 2
    assert "no other one joins a cluster" in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "dataset"

    status = main(["curate", "--input", str(world), "--output", str(output), "--executor", "local", "--dry-run"])

    assert status == 0
    assert "single_shot_filter" in capsys.readouterr().out.replace("\n", "")
    assert not output.exists()


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [("nothing.csv", "does not exist"), ("empty.csv", "expected one named 'video'")],
)
def test_an_input_that_is_wholly_wrong_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: str, problem: str
) -> None:
    (tmp_path / "empty.csv").write_text("")

    status = main(
        ["curate", "--input", str(tmp_path / manifest), "--output", str(tmp_path / "out"), "--executor", "local"]
    )

    assert status == 2
    message = capsys.readouterr().err
    assert problem in message
    assert message.count("\n") == 1


def test_going_on_with_another_threshold_is_refused(
    world: Path, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--input", str(world), "--output", str(dataset), "--executor", "local"]

    status = main(["curate", *arguments, "--curation.single-shot.threshold", "0.9"])

    assert status == 2
    assert "curation.single_shot.threshold was 0.5, is 0.9" in capsys.readouterr().err


def test_a_finished_dataset_is_left_as_it_is(world: Path, dataset: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*.parquet")}

    result = curate(Curate(input=world, output=dataset, curation=SMALL, executor="local"))

    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*.parquet")} == before
    assert result.counts.read == WORLD.clips
    assert json.loads((dataset / "dataset.json").read_text())["complete"] is True
