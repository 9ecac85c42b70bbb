"""Everything but the networks: with annotators that know the truth, the truth is what comes out of the shards."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ground_truth import TrueClip, curate_truth
from curation.records import Mask
from dataset_schema import EntityKind
from worlds.sprites import ClipKind, ClipTruth, SpriteWorldConfig, make_world, read_truth

WORLD = SpriteWorldConfig(clips=6, frames=37, undesirable_share=0.0, max_subjects=2, occluder_share=0.5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[TrueClip]:
    folder = make_world(tmp_path_factory.mktemp("world"), WORLD).parent
    return [true_clip(folder, path) for path in sorted(folder.glob("truth/*.json"))]


def true_clip(folder: Path, path: Path) -> TrueClip:
    truth = read_truth(path)
    return TrueClip(
        name=path.stem,
        video=folder / "videos" / f"{path.stem}.mp4",
        caption=truth.caption,
        words=[(word.word, word.kind) for word in truth.words],
        mask_of=lambda word, frame: mask_of(truth, truth.words[word].word, frame),
    )


def mask_of(truth: ClipTruth, word: str, frame: int) -> Mask:
    drawn = [subject.word for subject in truth.subjects]
    labels = truth.labels()[frame]
    mask: Mask = labels == drawn.index(word) + 1 if word in drawn else np.zeros(labels.shape, bool)
    return mask


@pytest.mark.slow
def test_words_boxes_and_masks_come_out_as_they_went_in(clips: list[TrueClip], tmp_path: Path) -> None:
    outcomes = [curate_truth(clip, tmp_path / clip.name) for clip in clips]

    assert all(not outcome.rejected and outcome.words_are_exact for outcome in outcomes)
    assert all(outcome.references == outcome.expected == outcome.exact for outcome in outcomes)
    assert max(outcome.expected for outcome in outcomes) == 6, "two subjects in three frames"


def test_a_mask_that_is_one_pixel_off_is_noticed(clips: list[TrueClip], tmp_path: Path) -> None:
    clip = clips[0]
    asked = []

    def shifted_once(word: int, frame: int) -> Mask:
        """The locator asks first, the comparison later."""
        asked.append((word, frame))
        mask = clip.mask_of(word, frame)
        return np.roll(mask, 1, axis=1) if asked.count((word, frame)) == 1 else mask

    outcome = curate_truth(
        TrueClip(name="off", video=clip.video, caption=clip.caption, words=clip.words, mask_of=shifted_once),
        tmp_path,
    )

    assert outcome.references == outcome.expected > 0
    assert outcome.exact == 0


def test_a_rule_of_the_paper_still_rejects(clips: list[TrueClip], tmp_path: Path) -> None:
    clip = clips[0]
    without = [(word, kind) for word, kind in clip.words if kind is not EntityKind.SUBJECT]
    blind = TrueClip(name="blind", video=clip.video, caption=clip.caption, words=without, mask_of=clip.mask_of)

    assert curate_truth(blind, tmp_path).rejected == ("no_subject_word",)


def test_the_world_has_only_clips_that_should_be_kept(clips: list[TrueClip]) -> None:
    kinds = {read_truth(clip.video.parents[1] / "truth" / f"{clip.name}.json").kind for clip in clips}

    assert kinds == {ClipKind.DESIRABLE}
