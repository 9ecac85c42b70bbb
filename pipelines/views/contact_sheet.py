"""Contact sheets: what a person looks at to see whether curation works.

One sheet shows kept clips with their words, masks, references and background; the other the rejected ones with their
reasons and the failures with their errors.
"""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from dataset_schema import SHARE_SCORES, Entity, EntityKind, FailedClip, ReferenceImage, RejectedClip, Sample, Scores
from pipelines.views.sheet_layout import (
    BORDER,
    CAPTION,
    CARD,
    DETAIL,
    GAP,
    KIND_COLORS,
    MARGIN,
    PADDING,
    PAGE,
    REASON,
    REJECTED,
    SMALL,
    TITLE,
    WIDTH,
    place,
)
from pipelines.views.sheet_pictures import fit, frames_at, on_checkerboard, outlined, read_image, shown_times_s
from pipelines.views.sheet_text import Run, text_width, write

_PICTURE: Final = (284, 160)  # (width, height) of a frame's cell
_CROP: Final = (113, 61)
_CROPS_PER_ROW: Final = 3
_CROP_ROWS: Final = 2
_THUMBNAIL: Final = (178, 110)
_REJECTED_COLUMNS: Final = 2
_MAX_REASONS: Final = 2
_WORTH_A_LOOK: Final = 0.05  # scores below it are as good as none
_TALLEST_CARD: Final = 400


def kept_sheet(samples: Sequence[Sample], *, total: int) -> Image.Image:
    """A sheet of kept clips: caption, scores, three frames with mask outlines, the background, the reference images.

    `total` is how many the dataset has.
    """
    cards = [_kept_card(sample) for sample in samples]
    return _sheet(f"Kept: {_shown(len(samples), total)}", cards, columns=1, legend=True)


def rejected_sheet(
    rejected: Sequence[RejectedClip], failed: Sequence[FailedClip], *, num_rejected: int, num_failed: int
) -> Image.Image:
    """A sheet of rejected clips with their reasons, and of failures with their errors.

    `num_rejected` and `num_failed` are how many the dataset has.
    """
    cards = [_rejected_card(clip) for clip in rejected]
    top = _sheet(f"Rejected: {_shown(len(rejected), num_rejected)}", cards, columns=_REJECTED_COLUMNS, legend=False)
    rows = [_failed_card(clip) for clip in failed]
    bottom = _sheet(f"Failed: {_shown(len(failed), num_failed)}", rows, columns=1, legend=False)
    sheet = Image.new("RGB", (WIDTH, top.height + bottom.height), PAGE)
    sheet.paste(top, (0, 0))
    sheet.paste(bottom, (0, top.height))
    return sheet


def _shown(count: int, total: int) -> str:
    clips = "clip" if total == 1 else "clips"
    return f"{total} {clips}" if count == total else f"the first {count} of {total} {clips}"


def _sheet(title: str, cards: Sequence[Image.Image], *, columns: int, legend: bool) -> Image.Image:
    """Cards below a title, row by row."""
    top = MARGIN + TITLE.line_height + GAP
    rows = [cards[first : first + columns] for first in range(0, len(cards), columns)]
    height = top + sum(max(card.height for card in row) + GAP for row in rows) + MARGIN
    sheet = Image.new("RGB", (WIDTH, height), PAGE)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN, MARGIN), title, TITLE, width=WIDTH // 2)
    if legend:
        x = WIDTH - MARGIN
        for kind in reversed(EntityKind):
            x -= round(text_width(kind, CAPTION)) + 3 * GAP
            write(draw, (x, MARGIN + 6), [Run(kind, KIND_COLORS[kind])], CAPTION, width=WIDTH)
    y = top
    for row in rows:
        x = MARGIN
        bottom = y + max(card.height for card in row)
        for card in row:
            sheet.paste(card, (x, y))
            draw.rectangle((x, y, x + card.width - 1, bottom - 1), outline=BORDER)
            if card.height < bottom - y:
                draw.rectangle((x + 1, y + card.height, x + card.width - 2, bottom - 2), fill=CARD)
            x += card.width + GAP
        y = bottom + GAP
    return sheet


def _blank(columns: int = 1) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Paper for a card, taller than any card; it is cut when its height is known."""
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) // columns
    card = Image.new("RGB", (width, _TALLEST_CARD), CARD)
    return card, ImageDraw.Draw(card)


def _kept_card(sample: Sample) -> Image.Image:
    card, draw = _blank()
    width = card.width - 2 * PADDING
    y = write(draw, (PADDING, PADDING), _colored_caption(sample), CAPTION, width=width, max_lines=2)
    y = write(draw, (PADDING, y), _facts(sample), SMALL, width=width)
    y += GAP // 2
    x = PADDING
    times_s = shown_times_s(sample)
    for time_s, frame in zip(times_s, frames_at(sample, times_s), strict=True):
        seen = [
            (reference, KIND_COLORS[entity.kind])
            for entity in sample.entities
            for reference in entity.references
            if reference.time_s is not None and abs(reference.time_s - time_s) < 0.5 / sample.fps
        ]
        picture = None if frame is None else Image.fromarray(outlined(frame, sample, seen))
        place(card, (x, y), _PICTURE, picture, note=f"{time_s:.2f} s", missing="no frame")
        x += _PICTURE[0] + GAP
    background = None if sample.background is None else read_image(sample.background.image)
    place(card, (x, y), _PICTURE, background, note="background", missing="no background")
    _place_references(card, (x + _PICTURE[0] + GAP, y), sample.entities)
    return card.crop((0, 0, card.width, y + _PICTURE[1] + SMALL.line_height + PADDING))


def _colored_caption(sample: Sample) -> list[Run]:
    """The caption, its entity words in the color of their kind."""
    runs, at = [], 0
    for entity in sorted(sample.entities, key=lambda entity: entity.start):
        if entity.start >= at:
            runs.append(Run(sample.caption[at : entity.start], CAPTION.color))
            runs.append(Run(entity.word, KIND_COLORS[entity.kind]))
            at = entity.end
    return [*runs, Run(sample.caption[at:], CAPTION.color)]


def _facts(sample: Sample) -> str:
    facts = [
        _file_name(sample.source.uri),
        f"bucket {sample.bucket}",
        f"{sample.num_frames} frames of {sample.width} x {sample.height} at {sample.fps:g} fps",
        *_known_scores(sample.scores),
    ]
    return " · ".join(facts)


def _known_scores(scores: Scores) -> list[str]:
    """Those in [0, 1] that are worth a look, and those of stages of one's own."""
    known = scores.known()
    shown = [name for name in known if name in scores.more or (name in SHARE_SCORES and known[name] >= _WORTH_A_LOOK)]
    return [f"{name.replace('_', ' ')} {known[name]:.2f}" for name in shown]


def _place_references(card: Image.Image, corner: tuple[int, int], entities: Sequence[Entity]) -> None:
    """The reference images in a grid, the first ones of every entity first."""
    ranked = [(rank, entity, reference) for entity in entities for rank, reference in enumerate(entity.references)]
    found = [(entity, reference) for _, entity, reference in sorted(ranked, key=lambda item: item[0])]
    places = _CROPS_PER_ROW * _CROP_ROWS
    for index, (entity, reference) in enumerate(found[:places]):
        row, column = divmod(index, _CROPS_PER_ROW)
        x = corner[0] + column * (_CROP[0] + GAP)
        y = corner[1] + row * (_CROP[1] + SMALL.line_height + 2)
        _place_reference(card, (x, y), entity, reference)
    if not found:
        place(card, corner, (_CROP[0] * _CROPS_PER_ROW + 2 * GAP, _PICTURE[1]), None, missing="no references")
    if len(found) > places:
        y = corner[1] + _CROP_ROWS * (_CROP[1] + SMALL.line_height + 2)
        write(ImageDraw.Draw(card), (corner[0], y), f"and {len(found) - places} more", SMALL, width=_PICTURE[0])


def _place_reference(card: Image.Image, corner: tuple[int, int], entity: Entity, reference: ReferenceImage) -> None:
    image = read_image(reference.image)
    shown = None if image is None else on_checkerboard(fit(image, *_CROP))
    place(card, corner, _CROP, shown, missing="unreadable")
    label = f"{'face of ' if reference.is_face else ''}{entity.word}"
    run = Run(label, KIND_COLORS[entity.kind])
    write(ImageDraw.Draw(card), (corner[0], corner[1] + _CROP[1] + 1), [run], SMALL, width=_CROP[0])


def _rejected_card(clip: RejectedClip) -> Image.Image:
    reasons = clip.reasons[:_MAX_REASONS]
    card, draw = _blank(_REJECTED_COLUMNS)
    picture = None if clip.thumbnail is None else read_image(clip.thumbnail)
    missing = "never decoded" if clip.media is None else "no picture kept"
    place(card, (PADDING, PADDING), _THUMBNAIL, picture, missing=missing)
    x = PADDING + _THUMBNAIL[0] + PADDING
    width = card.width - x - PADDING
    y = write(draw, (x, PADDING - 3), clip.caption, CAPTION, width=width, max_lines=2)
    for reason in reasons:
        y = write(draw, (x, y), f"{reason.stage}: {reason.reason}", REASON, width=width)
        y = write(draw, (x, y), reason.detail, DETAIL, width=width, max_lines=2)
    more = len(clip.reasons) - len(reasons)
    note = _file_name(clip.source.uri) + (f" · and {more} more reason{'s' * (more > 1)}" if more else "")
    y = write(draw, (x, y), note, SMALL, width=width)
    return card.crop((0, 0, card.width, PADDING + max(y, PADDING + _THUMBNAIL[1])))


def _failed_card(clip: FailedClip) -> Image.Image:
    card, draw = _blank()
    width = card.width - 2 * PADDING
    head = [
        Run(f"{clip.stage}: {clip.kind} ", REJECTED),
        Run(f"{clip.error_type} ", DETAIL.color),
        Run(_file_name(clip.source.uri), SMALL.color),
    ]
    y = write(draw, (PADDING, GAP), head, REASON, width=width)
    y = write(draw, (PADDING, y), clip.message, DETAIL, width=width, max_lines=2)
    return card.crop((0, 0, card.width, y + GAP))


def _file_name(uri: str) -> str:
    """The last part of a path or URL: what tells a source from its neighbours."""
    return uri.rstrip("/").rsplit("/", 1)[-1] or uri
