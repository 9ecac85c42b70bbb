"""What stands in the place of networks where words and masks come with the clips."""

from typing import Any

import pytest

from curation.annotators.given.masks import GivenMasksConfig
from curation.annotators.given.words import GivenWordsConfig
from curation.annotators.leaks.checks import DetectorLeakConfig
from curation.profiles import CurationConfig, EmbeddedAnnotators, build_stages
from curation.records import Clip
from curation.stage import ClipError
from curation.stages.captions import CaptionsConfig
from curation.stages.decode import DecodeConfig, ReferenceTimes
from curation.stages.given_frames import GivenFrames, GivenFramesConfig
from dataset_schema import Source

GIVEN = EmbeddedAnnotators(words=GivenWordsConfig(), masks=GivenMasksConfig())


def test_masks_that_come_are_laid_before_they_are_looked_at() -> None:
    stages = build_stages(CurationConfig(annotators=GIVEN))

    names = [stage.name for stage in stages]
    assert names.index("given_frames") == names.index("entity_masks") - 1
    named = {annotator.job: annotator.name for stage in stages for annotator in stage.annotators()}
    assert (named["entity_words"], named["entity_masks"]) == ("given", "given")
    assert "given_frames" not in {stage.name for stage in build_stages(CurationConfig())}


@pytest.mark.parametrize(
    "changes",
    [
        {"annotators": EmbeddedAnnotators(words=GivenWordsConfig())},
        {"annotators": EmbeddedAnnotators(masks=GivenMasksConfig())},
        {"annotators": GIVEN, "several_shots": "split"},
        {"annotators": GIVEN, "decode": DecodeConfig(reference_times=ReferenceTimes.AFTER)},
        {"annotators": GIVEN, "captions": CaptionsConfig(which="all")},
    ],
)
def test_a_run_in_which_words_or_masks_would_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        CurationConfig(**changes)


def test_masks_that_come_find_nothing_in_other_pictures() -> None:
    with pytest.raises(ValueError, match="expected masks that read words"):
        EmbeddedAnnotators(words=GivenWordsConfig(), masks=GivenMasksConfig(), leaks=DetectorLeakConfig())


def test_a_clip_that_came_without_is_lost_and_told() -> None:
    clip = Clip(clip_id="0" * 16, source=Source(id="0" * 16, uri="dog.mp4"), caption="A dog runs.")
    words = build_stages(CurationConfig(annotators=GIVEN))[0]

    with pytest.raises(ClipError, match=r"captioned 'A dog runs\.' came without words"):
        words.score([clip])
    with pytest.raises(ClipError, match="it came without masks"):
        GivenFrames(GivenFramesConfig()).score([clip])
