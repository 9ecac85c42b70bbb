"""What each stage measured on a clip, and what it asks for: one line a stage."""

from dataclasses import dataclass
from typing import Final

from curation.records import Clip
from curation.rules import About
from curation.stage import Stage
from dataset_schema import SHARE_SCORES
from pipelines.views.explained.watched_run import Standing, Story, Visit

_MOST_DEMANDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """What one stage measured, and what it asks for."""

    name: str
    standing: Standing
    measured: str
    limit: str
    seconds: float


def stage_lines(story: Story) -> list[StageLine]:
    """One line per stage, in order."""
    return [_stage_line(visit) for visit in story.visits]


def _stage_line(visit: Visit) -> StageLine:
    measured, limit = "", ""
    if visit.standing is Standing.FAILED:
        measured = "could not be done: see above"
    elif visit.standing is not Standing.NOT_RUN and isinstance(visit.after, Clip):
        measured, limit = visit.stage.measured(visit.after), _demands(visit.stage)
    return StageLine(
        name=visit.stage.name, standing=visit.standing, measured=measured, limit=limit, seconds=visit.seconds
    )


def _demands(stage: Stage) -> str:
    """The first of its limits, as far as they are about a number that somebody may want to move."""
    rules = [
        rule
        for rule in stage.rules
        if rule.about in (About.CLIP, About.BACKGROUND)
        and rule.limit is not None
        and (rule.value_of is None or rule.reads in SHARE_SCORES)
    ]
    return ", ".join(list(dict.fromkeys(rule.demand for rule in rules))[:_MOST_DEMANDS])
