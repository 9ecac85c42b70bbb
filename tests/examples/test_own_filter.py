"""A filter of one's own, as the example has it, in a whole run."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import curation
from curation.annotators.content.classifier import VideoMaeConfig
from curation.profiles import EmbeddedAnnotators
from curation.stages.content_filter import ContentFilterConfig
from dataset_schema import RejectedClip, Sample, read_manifest, read_shard, shard_paths
from examples.own_filter import Colorfulness
from worlds.sprites import write_video

CONFIG = curation.CurationConfig(
    annotators=EmbeddedAnnotators(content_filter=VideoMaeConfig()),
    buckets=("17x144x256",),
    content_filter=ContentFilterConfig(min_desirable=0.0),
)


def draw(path: Path, *, is_gray: bool) -> np.ndarray:
    """A square that crosses a noisy ground."""
    rng = np.random.default_rng(0)
    video = np.repeat(rng.integers(60, 140, (1, 180, 320, 3), dtype=np.uint8), 24, axis=0)
    for index, frame in enumerate(video):
        frame[40:120, 20 + 8 * index : 100 + 8 * index] = (230, 180, 20)
    if is_gray:
        video = np.repeat(video.mean(axis=-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    write_video(path, video, 24)
    return video


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own_filter")
    (folder / "videos").mkdir()
    for name, is_gray in (("gray", True), ("colorful", False)):
        draw(folder / "videos" / f"{name}.mp4", is_gray=is_gray)
        (folder / "videos" / f"{name}.txt").write_text("A dog runs on the grass.")
    stages = curation.embedded(CONFIG)
    stages.insert(2, Colorfulness())

    result = curation.curate(folder / "videos", stages, folder / "dataset")

    assert (result.counts.read, result.counts.failed) == (2, 0)
    return folder / "dataset"


def rejections(dataset: Path) -> dict[str, RejectedClip]:
    found = [clip for path in shard_paths(dataset, RejectedClip) for clip in read_shard(path, RejectedClip)]
    return {Path(clip.source.uri).stem: clip for clip in found}


def test_a_clip_that_breaks_ones_own_rule_is_rejected_with_its_sentence(dataset: Path) -> None:
    gray = rejections(dataset)["gray"]

    (reason,) = gray.reasons
    assert (reason.stage, reason.reason) == ("colorfulness", "gray")
    assert reason.detail == f"colorfulness {gray.scores.more['colorfulness']:.1f}, at least 15 is wanted"
    assert gray.scores.more["colorfulness"] < 3


def test_ones_own_score_is_stored_of_every_clip_and_can_be_decided_on_again(dataset: Path) -> None:
    kept = [sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)]
    others: list[Sample | RejectedClip] = [c for name, c in rejections(dataset).items() if name != "gray"]
    row = [*kept, *others][0]
    stage = Colorfulness()

    assert row.scores.more["colorfulness"] > 15
    assert curation.decide(row, {stage.name: stage.rules}).reasons == ()


def test_the_funnel_names_ones_own_stage(dataset: Path) -> None:
    rows = {row.stage: row for row in read_manifest(dataset).funnel}

    assert Counter(rows["colorfulness"].rejected) == {"gray": 1}


def test_another_limit_is_another_dataset(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = curation.embedded(CONFIG)
    stages.insert(2, Colorfulness())
    monkeypatch.setattr(Colorfulness, "rules", tuple(replace(rule, limit=3) for rule in Colorfulness.rules))

    with pytest.raises(ValueError, match=r"colorfulness\.clip\.gray\.colorfulness was 15, is 3"):
        curation.curate(dataset.parent / "videos", stages, dataset)


def test_without_the_stage_that_decodes_the_plan_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stage colorfulness reads frames, which no stage before it adds"):
        curation.curate([], [Colorfulness(), *curation.embedded(CONFIG)], tmp_path)


@pytest.mark.parametrize("stages", ["embedded", CONFIG])
def test_what_is_no_list_of_stages_is_refused(stages: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"stages is .*, expected a list of them, such as `curation\.embedded\(\)`"):
        curation.curate([], stages, tmp_path)
