"""An explanation on one page: verdict, stages and scores, caption, film strip, frames with masks, crops, background."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from curation.records import Frames
from dataset_schema import Sample
from pipelines.views.charts import chart_uri
from pipelines.views.clip_view import Bar, caption_pieces, clip_bars
from pipelines.views.explained.chart import shots_chart
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.pictures import (
    BackgroundView,
    CropView,
    FrameView,
    background_view,
    crop_views,
    frame_views,
)
from pipelines.views.explained.stage_lines import StageLine, stage_lines
from pipelines.views.explained.verdict import Verdict, profile_limits, verdict_of
from pipelines.views.explained.watched_run import Story
from pipelines.views.html import html_file, picture_uri

_MOST_SHOWN: Final = 8  # shots with all their pictures
_STRIP_SIDE: Final = 224
_MANY_PICTURES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipPart:
    """What the page says of one clip.

    Attributes:
        span_s: when it begins and ends, of a video that has several; None for the whole video.
        limits: what the profile cannot do with it.
    """

    verdict: Verdict
    span_s: tuple[float, float] | None
    stages: Sequence[StageLine]
    bars: Sequence[Bar]
    frames: Sequence[FrameView]
    is_looked_for: bool
    crops: Sequence[CropView]
    background: BackgroundView | None
    limits: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """The whole video along its time axis; `aspect` is width by height."""

    pictures: Sequence[str]
    aspect: float
    chart: str
    shots: int
    limit: float | None


def explained_page(explanation: Explanation) -> str:
    """The page, as one HTML file. Of a split video, the kept shots, and a line for each other one."""
    stories = explanation.stories
    shown = [story for story in stories if isinstance(story.outcome, Sample)][:_MOST_SHOWN]
    if len(stories) == 1:
        shown = list(stories)
    clip = stories[0].clip
    return html_file(
        "explained.html",
        name=explanation.video.name,
        profile=explanation.config.annotators.profile,
        kept=explanation.kept,
        total=len(stories),
        pieces=list(caption_pieces(clip.caption, clip.entity_words or ())) if clip and clip.caption.strip() else [],
        film=_film(explanation),
        clips=[_clip_part(explanation, story) for story in shown],
        others=[(_span_s(story), verdict_of(story)) for story in stories if story not in shown],
    )


def _clip_part(explanation: Explanation, story: Story) -> ClipPart:
    clip = story.clip
    return ClipPart(
        verdict=verdict_of(story),
        span_s=_span_s(story) if story.outcome.source.num_clips > 1 else None,
        stages=stage_lines(story),
        bars=clip_bars(clip.scores, story.policy) if clip is not None else [],
        frames=frame_views(clip),
        is_looked_for=clip is not None and clip.located is not None and bool(clip.entity_words),
        crops=crop_views(story),
        background=background_view(clip),
        limits=profile_limits(story, explanation.config),
    )


def _span_s(story: Story) -> tuple[float, float]:
    source = story.outcome.source
    return source.start_s or 0.0, source.end_s or 0.0


def _film(explanation: Explanation) -> Film | None:
    whole = explanation.whole
    if whole is None or whole.frames is None:
        return None
    aspect = whole.media.width / whole.media.height if whole.media is not None else 1.0
    return Film(
        pictures=_film_pictures(explanation, whole.frames, aspect),
        aspect=aspect,
        chart=chart_uri(shots_chart(explanation, whole.frames)),
        shots=len(explanation.shots_s),
        limit=explanation.stories[0].shot_threshold,
    )


def _film_pictures(explanation: Explanation, frames: Frames, aspect: float) -> list[str]:
    """The content filter's frames, which are evenly spaced, in true proportions; every second if one shot is wide."""
    is_sparse = aspect > 1 and len(explanation.shots_s) < 2 and len(frames.content) >= _MANY_PICTURES
    size = (
        (_STRIP_SIDE, max(1, round(_STRIP_SIDE / aspect))) if aspect > 1 else (round(_STRIP_SIDE * aspect), _STRIP_SIDE)
    )
    chosen = frames.content[1::2] if is_sparse else frames.content
    return [picture_uri(Image.fromarray(picture).resize(size), _STRIP_SIDE) for picture in chosen]
