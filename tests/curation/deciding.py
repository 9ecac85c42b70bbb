"""What the rules of a stage make of clips, as a run would have it."""

from collections.abc import Sequence

from curation.decisions import decide_stage
from curation.records import Clip
from curation.stage import Stage
from dataset_schema import Reason


def through(stage: Stage, clips: Sequence[Clip]) -> list[Clip]:
    """The clips, scored, with those of their pictures that the stage's rules leave."""
    return [decide_stage(stage, clip)[0] for clip in stage.score(clips)]


def reasons_of(stage: Stage, clip: Clip) -> tuple[Reason, ...]:
    """Why a scored clip is rejected."""
    return decide_stage(stage, clip)[1]
