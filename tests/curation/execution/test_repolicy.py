"""The law of deciding again: new thresholds, then a run that goes on with them, are a run with them from scratch."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import FaceBox
from curation.execution.local import LocalExecutor
from curation.execution.lock import DatasetBusyError, locked_for_run
from curation.execution.redecision import Redecision
from curation.execution.repolicy import Changes, find_changes, repolicy
from curation.execution.run import CurationRun, run_curation
from curation.records import Clip, Video
from curation.stage import ClipError, Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from dataset_schema import TABLES, FailureKind, read_manifest, read_shard, shard_paths
from storage.address import Place
from tests.curation.scripted_faces import ScriptedFaces
from tests.curation.scripted_stages import make_id, make_sample, make_source, read_tables
from tests.curation.stages.test_background import ScriptedInpainter
from tests.curation.stages.test_content_filter import BrightnessClassifier
from tests.curation.stages.test_single_shot import ScriptedDetector
from tests.curation.test_decisions import ScriptedLeak, clips, configs

_CHANCES = (0.1, 0.4, 0.6, 0.9)
_WHOLE_VIDEO = 99


@dataclass(frozen=True)
class Limits:
    """What a run may be told."""

    references: ReferenceImagesConfig
    max_leak: float
    threshold: float
    min_desirable: float

    @property
    def config(self) -> dict[str, Any]:
        return {"limits": repr(self)}


@dataclass(frozen=True)
class Scripted:
    """A clip whose pictures are drawn, and what the networks will say of it."""

    clip: Clip
    shot_change: float
    desirable: float
    lost_in: str


@dataclass
class SplitStage(Stage):
    """Makes of the one video that there is all clips, where it is to be split."""

    clips: int
    name = "split"

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        return list(clips)

    def split(self, clip: Clip) -> tuple[Clip, ...]:
        source = make_source(_WHOLE_VIDEO, num_clips=self.clips)
        is_whole = clip.clip_id == make_id(_WHOLE_VIDEO)
        shots = tuple(replace(clip, clip_id=make_id(number), source=source) for number in range(self.clips))
        return shots if is_whole else (clip,)


@dataclass
class DrawnStage(Stage):
    """Gives every clip its pictures, from a table."""

    drawn: Mapping[str, Clip]
    lost: frozenset[str]
    name = "draw"
    adds = frozenset({"media", "frames", "entity_words", "located", "subject_confidence"})

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        return [_found(clip, self.lost, replace(self.drawn[clip.clip_id], source=clip.source)) for clip in clips]


@dataclass
class SampleStage(Stage):
    """Publishes them."""

    lost: frozenset[str]
    name = "publish"
    reads = frozenset({"media", "entities", "background"})
    adds = frozenset({"sample"})

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        return [_found(clip, self.lost, replace(clip, sample=_sample(clip))) for clip in clips]


@dataclass
class PixelDetector(ScriptedDetector):
    """The first pixel is the percentage."""

    probabilities: list[float] = field(default_factory=list)

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        return np.full(len(thumbnails), thumbnails[0, 0, 0, 0] / 100)


class PixelClassifier(BrightnessClassifier):
    """The first pixel is the percentage for `desirable`."""

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        desirable = videos[:, 0, 0, 0, 0] / 100
        rest = np.outer(1 - desirable, [0.1, 0.2, 0.3, 0.4])
        return np.column_stack([desirable, rest])


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    return Limits(
        references=draw(configs()),
        max_leak=draw(st.sampled_from([0.1, 0.3])),
        threshold=draw(st.sampled_from([0.5, 0.8, 1.0])),
        min_desirable=draw(st.sampled_from([0.0, 0.3, 0.5])),
    )


@st.composite
def scripted(draw: st.DrawFn) -> Scripted:
    return Scripted(
        clip=draw(clips()),
        shot_change=draw(st.sampled_from(_CHANCES)),
        desirable=draw(st.sampled_from(_CHANCES)),
        lost_in=draw(st.sampled_from(["nothing", "nothing", "nothing", "draw", "publish"])),
    )


some = st.lists(scripted(), min_size=3, max_size=5)


@given(some=some, former=limits(), present=limits(), score_all=st.booleans())
@settings(max_examples=2, deadline=None)
def test_other_thresholds_and_going_on_are_a_run_with_them_from_scratch(
    some: list[Scripted], former: Limits, present: Limits, score_all: bool
) -> None:
    expect_the_law(some, former, present, score_all=score_all)


@pytest.mark.slow
@given(some=some, former=limits(), present=limits(), score_all=st.booleans(), split=st.booleans())
@settings(max_examples=150, deadline=None)
def test_other_thresholds_of_many_kinds(
    some: list[Scripted], former: Limits, present: Limits, score_all: bool, split: bool
) -> None:
    expect_the_law(some, former, present, score_all=score_all, split=split)


@given(rejected=scripted(), other=scripted())
@settings(max_examples=1, deadline=None)
def test_of_several_clips_of_one_video_only_that_which_passes_now_is_looked_at_again(
    rejected: Scripted, other: Scripted
) -> None:
    shots = [
        replace(rejected, shot_change=0.6, lost_in="nothing"),
        replace(other, shot_change=0.1, lost_in="nothing"),
    ]
    former = Limits(ReferenceImagesConfig(), max_leak=0.3, threshold=0.5, min_desirable=0.0)
    present = replace(former, threshold=0.8)
    with tempfile.TemporaryDirectory() as scratch:
        curate(shots, former, Path(scratch), split=True)

        done = decide_again(shots, former, present, Path(scratch))

        assert done.look_again == {"single_shot_filter: several_shots is no reason now": 1}
        assert [row["clip_id"] for rows in tables(Path(scratch)).values() for row in rows] == [make_id(1)]
    expect_the_law(shots, former, present, score_all=False, split=True)


@given(one=scripted(), references=configs())
@settings(max_examples=1, deadline=None)
def test_rows_that_stay_may_be_read_apart_from_those_that_change(
    one: Scripted, references: ReferenceImagesConfig
) -> None:
    some = [replace(one, shot_change=shot_change, lost_in="nothing") for shot_change in (0.1, 0.1, 0.6, 0.1)]
    former = Limits(references, max_leak=0.3, threshold=0.8, min_desirable=0.0)
    present = replace(former, threshold=0.5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataset_schema.shard._ROWS_AT_ONCE", 1)

        expect_the_law(some, former, present, score_all=False)


def expect_the_law(
    some: list[Scripted], former: Limits, present: Limits, *, score_all: bool, split: bool = False
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        dataset, expected = Path(scratch) / "dataset", Path(scratch) / "expected"
        curate(some, former, dataset, score_all=score_all, split=split)
        before = tables(dataset)
        judge = redecision(some, former, present, score_all=score_all)
        told = find_changes(dataset, judge)
        assert told == of_every_row(dataset, judge)
        assert tables(dataset) == before

        done = decide_again(some, former, present, dataset, score_all=score_all)

        assert done == told
        assert done.before.read == len(some) == done.after.read + done.look_again.total()
        assert {name: len(rows) for name, rows in tables(dataset).items()} == {
            "samples": done.after.kept,
            "rejections": done.after.rejected,
            "failures": done.after.failed,
        }
        assert read_manifest(dataset).complete == (not done.look_again)
        curate(some, present, dataset, score_all=score_all, split=split)
        curate(some, present, expected, score_all=score_all, split=split)
        assert tables(dataset) == tables(expected)
        assert read_manifest(dataset) == read_manifest(expected)

        decide_again(some, present, former, dataset, score_all=score_all)
        curate(some, former, dataset, score_all=score_all, split=split)
        assert tables(dataset) == before


def of_every_row(dataset: Path, judge: Redecision) -> Changes:
    """What changes, where nothing is taken to stay as it is."""
    changes = Changes()
    for kind in TABLES:
        for path in shard_paths(dataset, kind):
            if sum([changes.count(row, judge(row)) for row in read_shard(path, kind)]):
                changes.shards.append(path)
    return changes


@given(some=some, same=limits())
@settings(max_examples=1, deadline=None)
def test_the_same_thresholds_change_no_file(some: list[Scripted], same: Limits) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        dataset = Path(scratch)
        curate(some, same, dataset)
        shards = {path: path.read_bytes() for path in dataset.rglob("*.parquet")}
        head = read_manifest(dataset)

        done = decide_again(some, same, same, dataset)

        assert not done.changed
        assert not done.look_again
        assert {path: path.read_bytes() for path in dataset.rglob("*.parquet")} == shards
        assert read_manifest(dataset) == head


def test_nobody_decides_again_what_another_writes(tmp_path: Path) -> None:
    same = Limits(ReferenceImagesConfig(), 0.3, 0.5, 0.0)
    curate([], same, tmp_path)

    with locked_for_run(tmp_path), pytest.raises(DatasetBusyError, match="is being written by another run"):
        decide_again([], same, same, tmp_path)


def curate(
    some: Sequence[Scripted], limits: Limits, dataset: Path, *, score_all: bool = False, split: bool = False
) -> None:
    run = CurationRun(
        stages=stages(some, limits), output=dataset, profile="drawn", config=limits.config, score_all=score_all
    )
    records = [
        Clip(clip_id=make_id(n), source=make_source(n), caption=each.clip.caption) for n, each in enumerate(some)
    ]
    if split:
        records = [replace(records[0], clip_id=make_id(_WHOLE_VIDEO), source=make_source(_WHOLE_VIDEO))]
    run_curation(records, run, executor=LocalExecutor())


def decide_again(
    some: Sequence[Scripted], former: Limits, present: Limits, dataset: Path, *, score_all: bool = False
) -> Changes:
    names = tuple(stage.name for stage in stages(some, present))
    changes, _ = repolicy(
        dataset, redecision(some, former, present, score_all=score_all), config=present.config, stages=names
    )
    return changes


def redecision(some: Sequence[Scripted], former: Limits, present: Limits, *, score_all: bool) -> Redecision:
    return Redecision(stages(some, former), stages(some, present), score_all=score_all)


def stages(some: Sequence[Scripted], limits: Limits) -> list[Stage]:
    lost = {
        where: frozenset(make_id(n) for n, e in enumerate(some) if e.lost_in == where) for where in ("draw", "publish")
    }
    drawn = {make_id(number): drawn_clip(number, each) for number, each in enumerate(some)}
    faces = ScriptedFaces(FaceBox(10, 10, 60, 60, 0.6), FaceBox(70, 10, 120, 70, 0.4))
    return [
        SplitStage(len(some)),
        DrawnStage(drawn, lost["draw"]),
        SingleShotFilter(SingleShotConfig(threshold=limits.threshold), PixelDetector()),
        ContentFilter(ContentFilterConfig(min_desirable=limits.min_desirable), PixelClassifier()),
        ReferenceImages(limits.references, faces, HistogramEncoder()),
        BackgroundPicture(BackgroundConfig(max_leak=limits.max_leak), ScriptedInpainter(), ScriptedLeak()),
        SampleStage(lost["publish"]),
    ]


def drawn_clip(number: int, each: Scripted) -> Clip:
    frames = each.clip.frames
    assert frames is not None
    seen = replace(
        frames,
        thumbnails=np.full_like(frames.thumbnails, round(100 * each.shot_change)),
        content=np.full((2, 8, 8, 3), round(100 * each.desirable), np.uint8),
    )
    return replace(each.clip, clip_id=make_id(number), source=make_source(number), frames=seen)


def tables(dataset: Place) -> dict[str, list[dict[str, Any]]]:
    """All that can be known without the video: not what a clip looked like, nor when its shots change."""
    found = read_tables(dataset)
    for row in found["rejections"]:
        row["thumbnail"] = None
        for said in (row, *row["reasons"]):
            said["detail"] = re.sub(r", at [\d., s]+$", "", said["detail"])
    return found


def _found(clip: Clip, lost: frozenset[str], scored: Clip) -> Clip:
    if clip.clip_id in lost:
        raise ClipError(FailureKind.CORRUPT, "no frame decodes")
    return scored


def _sample(clip: Clip) -> Any:
    return replace(make_sample(clip), entities=clip.entities or (), background=clip.background)
