"""The whole loop of A.1 on a user's labels: a label file and videos in, a filter with its own threshold out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from curation.annotators.content.classifier import VideoMaeConfig, VideoMaeContentClassifier
from curation.annotators.content.network import ContentInput
from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training import labelled
from curation.content_training.labelled import LabelledClips
from curation.content_training.networks import FineTune
from curation.content_training.real_clips import Lost, RealClip, Seen
from curation.content_training.recipe import Recipe
from curation.content_training.training import FilterResult, FilterTrainingConfig, train_filter
from curation.records import Clip
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.decode import Decode, DecodeConfig
from dataset_schema import Source
from tests.curation.content_training.labelled_videos import SIDE, save_tiny_videomae, write_labelled_videos
from tests.curation.deciding import reasons_of
from tests.curation.made_videos import clip_of

RECIPE = Recipe(epochs=48, warmup_epochs=4, batch_size=12, base_learning_rate=5e-2)
FORM = ContentInput(channels="rgb", side=SIDE, mean=(0.0,) * 3, std=(1.0,) * 3)


class Loop(NamedTuple):
    labels: Path
    filter: Path
    result: FilterResult
    phases: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    folder = tmp_path_factory.mktemp("labelled")
    labels = write_labelled_videos(folder, per_class=5)
    (folder / "broken.mp4").write_bytes(b"no video")
    with labels.open("a") as file:
        file.write("broken.mp4,desirable,Ann\nunlabelled.mp4,,Ann\n")
    network = FineTune(checkpoint=str(save_tiny_videomae(folder / "videomae")), tuning=RECIPE)
    config = FilterTrainingConfig(clips=LabelledClips(files=(labels,), workers=2), network=network)
    phases: list[tuple[str, int, int]] = []
    result = train_filter(config, folder / "filter", lambda *phase: phases.append(phase))
    return Loop(labels, folder / "filter", result, phases)


@pytest.mark.slow
def test_learns_what_people_see_and_not_something_else(loop: Loop) -> None:
    """By chance, as with labels that went to the wrong clips, four of five would be right once in 150 times."""
    assert len(loop.result.test.labels) == 5
    assert loop.result.test.accuracy >= 0.8
    assert loop.result.test.balanced_accuracy(loop.result.threshold) >= 0.8


def test_a_clip_that_cannot_be_decoded_is_counted_and_named(loop: Loop) -> None:
    (lost,) = loop.result.clips.lost

    assert lost.uri == str(loop.labels.parent / "broken.mp4")
    assert "not a video" in lost.reason
    card = (loop.filter / "README.md").read_text()
    assert "1 that cannot be decoded" in card
    assert "1 rows without a label" in card
    assert [total for phase, _, total in loop.phases if phase == "train"][-1] == 48 * 15 / 12


def _first_video(labels: Path, name: str) -> Path:
    row = next(row for row in labels.read_text().splitlines() if f",{name}," in row)
    return labels.parent / row.split(",")[0]


def test_the_users_filter_decides_in_the_stage_with_its_own_threshold(loop: Loop) -> None:
    classifier = VideoMaeContentClassifier(VideoMaeConfig(checkpoint=str(loop.filter)))
    stage = ContentFilter(ContentFilterConfig(), classifier)
    red, green = (_first_video(loop.labels, name) for name in ("desirable", "still_foreground"))
    decode = Decode(DecodeConfig())
    stage.setup()

    scored = stage.score(decode.score([clip_of(red), clip_of(green)]))
    decode.close()

    assert [[reason.reason for reason in reasons_of(stage, clip)] for clip in scored] == [[], ["still_foreground"]]
    config = loop.filter / "config.json"
    stored = json.loads(config.read_text())
    assert stored["min_desirable"] == loop.result.threshold == classifier.own_threshold
    assert f"expected {loop.result.threshold:.2f}" in reasons_of(stage, scored[1])[0].detail


class ScriptedDecoder:
    """Answers black frames, or a loss for videos of some class; remembers the clips of every split."""

    def __init__(self, lost: str = "") -> None:
        self.splits: list[list[Source]] = []
        self._lost = lost

    def __call__(self, clips: Sequence[Clip], *, workers: int) -> Iterator[RealClip]:
        self.splits.append([clip.source for clip in clips])
        for clip in clips:
            if self._lost and self._lost in clip.source.uri:
                yield Lost(clip.source.uri, "is no video")
            else:
                yield Seen(clip, np.zeros((16, SIDE, SIDE, 3), np.uint8), 144, 256)


def write_labels(folder: Path) -> Path:
    """Two clips of each of 25 videos that need not exist."""
    rows = [
        f"{name}{number}.mp4,{start},{start + 1},{name},Ann"
        for number in range(5)
        for name in CONTENT_CLASSES
        for start in (0, 1)
    ]
    file = folder / "labels.csv"
    file.write_text("\n".join(["clip,start_s,end_s,label,annotator", *rows]) + "\n")
    return file


def test_clips_of_one_video_stay_together_and_keep_their_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = ScriptedDecoder()
    monkeypatch.setattr(labelled, "decode_clips", decoder)

    gathered = LabelledClips(files=(write_labels(tmp_path),)).gather(FORM, seed=0)

    videos = [{source.uri for source in split} for split in decoder.splits]
    assert [len(split) for split in videos] == [15, 5, 5]
    assert len(set.union(*videos)) == 25
    for split, sources in zip(gathered[:3], decoder.splits, strict=True):
        assert len(split.inputs) == len(sources)
        names = [CONTENT_CLASSES[label] for label in split.labels]
        assert all(Path(source.uri).name.startswith(name) for source, name in zip(sources, names, strict=True))


def test_a_split_without_a_class_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelled, "decode_clips", ScriptedDecoder(lost="slight_motion"))

    with pytest.raises(ValueError, match=r"no slight_motion clip of the training split could be decoded.*is no video"):
        LabelledClips(files=(write_labels(tmp_path),)).gather(FORM, seed=0)


def test_no_label_files_and_shares_that_leave_nothing_are_errors() -> None:
    with pytest.raises(ValueError, match="label-clips"):
        LabelledClips().gather(FORM, seed=0)
    with pytest.raises(ValueError, match="leave some to train"):
        replace(LabelledClips(), validation_share=0.5, test_share=0.5)
