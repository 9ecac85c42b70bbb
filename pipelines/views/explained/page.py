"""An explanation on one page: verdict, stages and scores, caption, film strip, frames with masks, crops, background."""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from curation.records import Clip
from dataset_schema import EntityKind, Sample
from pipelines.views.explained.card import FAILED, FAINT, INNER, KEPT, PALE, SECTION, blank, cut
from pipelines.views.explained.chart import bar_chart, film_strip
from pipelines.views.explained.explanation import Explanation
from pipelines.views.explained.pictures import picture_cards
from pipelines.views.explained.score_bars import score_bars
from pipelines.views.explained.stage_lines import StageLine, stage_lines
from pipelines.views.explained.verdict import profile_limits, verdict_of
from pipelines.views.explained.watched_run import Standing, Story
from pipelines.views.sheet_layout import DETAIL, GAP, KIND_COLORS, PADDING, REJECTED, SMALL, WIDTH, stacked
from pipelines.views.sheet_text import Run, Style, text_width, write

_COLORS: Final = {
    Standing.PASSED: KEPT,
    Standing.REJECTED: REJECTED,
    Standing.BROKEN: REJECTED,
    Standing.FAILED: FAILED,
    Standing.NOT_RUN: FAINT,
}

_HEADLINE: Final = Style(size=34, color="#ffffff", is_bold=True)
_HEAD_TEXT: Final = Style(size=18, color="#ffffff")
_HEAD_FACTS: Final = Style(size=14, color="#ffffff")
_CAPTION: Final = Style(size=24)
_STAGE: Final = Style(size=15)
_STAGE_ROW: Final = 27
_MOST_KEPT: Final = 8  # shots with all their pictures
_MOST_LISTED: Final = 30


def explained_page(explanation: Explanation) -> Image.Image:
    """The page, 1600 pixels wide. Of a split video, the film strip, the kept shots, and a line for each other one."""
    first = explanation.stories[0]
    if len(explanation.stories) == 1:
        cards = [_verdict_card(explanation, first), _stages_card(first), *_video_cards(explanation, first)]
        return stacked([*cards, *_clip_cards(explanation, first)])
    clips = f"{explanation.kept} of {len(explanation.stories)} shots KEPT"
    cards = [_headline_card(clips, explanation.video.name, is_good=explanation.kept > 0)]
    cards += _video_cards(explanation, first)
    shown = [story for story in explanation.stories if isinstance(story.outcome, Sample)][:_MOST_KEPT]
    for story in shown:
        cards += [_verdict_card(explanation, story), _stages_card(story)]
        cards += _clip_cards(explanation, story)
    others = [story for story in explanation.stories if story not in shown]
    more = [f"and {len(others) - _MOST_LISTED} more, which the terminal lists"] if len(others) > _MOST_LISTED else []
    return stacked([*cards, *_notes_card("The other shots", [*map(_in_short, others[:_MOST_LISTED]), *more])])


def _in_short(story: Story) -> str:
    verdict, source = verdict_of(story), story.outcome.source
    return f"{source.start_s or 0:.2f} to {source.end_s or 0:.2f} s: {verdict.headline}: {verdict.detail}"


def _clip_cards(explanation: Explanation, story: Story) -> list[Image.Image]:
    limits = profile_limits(story, explanation.config)
    return [*picture_cards(story), *_notes_card("What this profile cannot do here", limits)]


def _headline_card(headline: str, facts: str, *, is_good: bool) -> Image.Image:
    card, draw = blank()
    draw.rectangle((0, 0, card.width, card.height), fill=KEPT if is_good else REJECTED)
    y = write(draw, (PADDING, PADDING), headline, _HEADLINE, width=INNER)
    return cut(card, write(draw, (PADDING, y + 4), facts, _HEAD_FACTS, width=INNER))


def _verdict_card(explanation: Explanation, story: Story) -> Image.Image:
    verdict = verdict_of(story)
    card, draw = blank()
    draw.rectangle((0, 0, card.width, card.height), fill=_COLORS[verdict.standing])
    y = write(draw, (PADDING, PADDING), verdict.headline, _HEADLINE, width=INNER)
    y = write(draw, (PADDING, y + 2), verdict.detail, _HEAD_TEXT, width=INNER, max_lines=3)
    if verdict.advice:
        y = write(draw, (PADDING, y), f"What to do: {verdict.advice}", _HEAD_TEXT, width=INNER, max_lines=2)
    source = story.outcome.source
    span = f"{source.start_s:.2f} to {source.end_s:.2f} s" if source.num_clips > 1 else "the whole video"
    profile = f"{explanation.config.annotators.profile} profile"
    y = write(
        draw, (PADDING, y + 4), " \u00b7 ".join([explanation.video.name, span, profile]), _HEAD_FACTS, width=INNER
    )
    return cut(card, y)


def _stages_card(story: Story) -> Image.Image:
    lines = stage_lines(story)
    decisive = next((line.name for line in lines if line.standing in (Standing.REJECTED, Standing.FAILED)), None)
    card, draw = blank()
    left = round(INNER * 0.56)
    write(draw, (PADDING, PADDING), "What each stage measured", SECTION, width=left)
    y = PADDING + SECTION.line_height + 4
    for line in lines:
        _draw_stage(draw, (PADDING, y), line, width=left, is_decisive=line.name == decisive)
        y += _STAGE_ROW
    x = PADDING + left + 2 * PADDING
    bars = bar_chart(score_bars(story), width=INNER - left - 2 * PADDING, decisive=decisive)
    write(draw, (x, PADDING), "Scores; the line is the limit", SECTION, width=INNER)
    card.paste(bars, (x, PADDING + SECTION.line_height + 4))
    return cut(card, max(y, PADDING + SECTION.line_height + 4 + bars.height))


def _draw_stage(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], line: StageLine, *, width: int, is_decisive: bool
) -> None:
    x, y = corner
    if is_decisive:
        draw.rectangle((x - 4, y - 2, x + width, y + _STAGE_ROW - 5), fill=PALE)
    color = _COLORS[line.standing]
    is_hollow = line.standing is Standing.NOT_RUN
    draw.ellipse((x + 2, y + 4, x + 14, y + 16), fill=None if is_hollow else color, outline=color, width=2)
    name = Style(size=15, color=FAINT if is_hollow else _STAGE.color, is_bold=is_decisive)
    write(draw, (x + 24, y), line.name, name, width=160)
    standing = Style(size=14, color=color, is_bold=is_decisive)
    write(draw, (x + 184, y + 1), line.standing.value, standing, width=90)
    write(draw, (x + 276, y + 1), line.measured, DETAIL, width=width - 276 - 60)
    if not is_hollow:
        seconds = f"{line.seconds:.1f} s"
        write(draw, (x + width - 8 - round(text_width(seconds, SMALL)), y + 2), seconds, SMALL, width=80)


def _video_cards(explanation: Explanation, story: Story) -> list[Image.Image]:
    """What belongs to the whole video: the caption, and the film strip."""
    cards = [_caption_card(story.clip)]
    whole = explanation.whole
    if whole is not None and whole.frames is not None:
        card, draw = blank()
        title, legend = _strip_title(explanation)
        y = write(draw, (PADDING, PADDING), title, SECTION, width=INNER)
        write(draw, (PADDING + round(text_width(title, SECTION)) + 20, PADDING + 2), legend, SMALL, width=INNER)
        strip = film_strip(explanation, whole.frames, width=INNER)
        card.paste(strip, (PADDING, y + 4))
        cards.append(cut(card, y + 4 + strip.height))
    return cards


def _strip_title(explanation: Explanation) -> tuple[str, str]:
    shots = len(explanation.shots_s)
    found = {0: "The video", 1: "The video: one shot"}.get(shots, f"The video: {shots} shots")
    limit = explanation.stories[0].shot_threshold
    curve = f"the curve is the probability of a shot change, the dashed line the limit of {limit or 0:g}"
    return f"{found}", f"{curve}; triangles mark the frames that references are cut from"


def _caption_card(clip: Clip | None) -> Image.Image:
    card, draw = blank()
    x = INNER + PADDING
    for kind in reversed(EntityKind):
        x -= round(text_width(kind, _STAGE)) + 2 * GAP
        write(draw, (x, PADDING + 4), [Run(kind, KIND_COLORS[kind])], _STAGE, width=WIDTH)
    if clip is None or not clip.caption.strip():
        text = [Run("no caption, so there are no entity words; shots and content are judged all the same", SMALL.color)]
    else:
        text = _colored_caption(clip)
    return cut(card, write(draw, (PADDING, PADDING), text, _CAPTION, width=x - 2 * PADDING, max_lines=4))


def _colored_caption(clip: Clip) -> list[Run]:
    """Its entity words in the color of their kind."""
    runs, at = [], 0
    for word in sorted(clip.entity_words or (), key=lambda word: word.start):
        runs.append(Run(clip.caption[at : word.start], _CAPTION.color))
        runs.append(Run(word.word, KIND_COLORS[word.kind]))
        at = word.end
    return [*runs, Run(clip.caption[at:], _CAPTION.color)]


def _notes_card(title: str, notes: Sequence[str]) -> list[Image.Image]:
    """A card if there is something to note."""
    if not notes:
        return []
    card, draw = blank()
    y = write(draw, (PADDING, PADDING), title, SECTION, width=INNER)
    for note in notes:
        y = write(draw, (PADDING, y), note, DETAIL, width=INNER, max_lines=3)
    return [cut(card, y)]
