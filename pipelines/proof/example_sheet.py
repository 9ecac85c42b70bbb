"""The picture of a proof: what was asked for, and what each way of sampling made of it, beside the real clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from modeling.data.video import Video
from pipelines.proof.scores import Condition
from pipelines.views.sheet_layout import BORDER, CARD, EMPTY, GAP, MARGIN, PADDING, PAGE
from pipelines.views.sheet_pictures import fit, on_checkerboard
from pipelines.views.sheet_text import Run, Style, text_width, write

_COLUMNS: Final = {
    Condition.WITHOUT: "no references",
    Condition.WITH: "with references",
    Condition.SWAPPED: "swapped pictures",
    Condition.CONTRARY: "contrary caption",
    Condition.REAL: "ground truth",
}

# A page of documentation shows the sheet at a third of its size: letters stay legible there.
_HEADER: Final = Style(size=36, is_bold=True)
_PROMPT: Final = Style(size=34)
_NOTE: Final = Style(size=26, color="#55514a")

_FRAMES: Final = 3
_FRAME_WIDTH: Final = 192
_FRAME_GAP: Final = 4
_CELL_WIDTH: Final = _FRAMES * _FRAME_WIDTH + (_FRAMES - 1) * _FRAME_GAP
_COLUMN_GAP: Final = 28
_LEAST_REFERENCE_WIDTH: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One held-out clip and what was sampled for it.

    Attributes:
        references: (word, RGBA picture) of every subject, from left to right.
        videos: those that were sampled; pictures of a single subject cannot be swapped.
    """

    prompt: str
    references: tuple[tuple[str, Image.Image], ...]
    videos: Mapping[Condition, Video]


def examples_sheet(examples: Sequence[Example]) -> Image.Image:
    """One row per example: prompt and reference pictures, then first, middle and last frame under every condition.

    Raises:
        ValueError: there are no examples.
    """
    if not examples:
        raise ValueError("there are no examples to show; sample at least one held-out clip")
    room = _reference_room(examples)
    columns = _columns(examples)
    cards = [_card(example, room, columns) for example in examples]
    top = MARGIN + _HEADER.line_height + GAP
    height = top + sum(card.height + GAP for card in cards) - GAP + MARGIN
    sheet = Image.new("RGB", (cards[0].width + 2 * MARGIN, height), PAGE)
    draw = ImageDraw.Draw(sheet)
    write(draw, (MARGIN + PADDING, MARGIN), "references", _HEADER, width=room)
    for place, condition in enumerate(columns):
        write(draw, (MARGIN + _column_x(place, room), MARGIN), _COLUMNS[condition], _HEADER, width=_CELL_WIDTH)
    y = top
    for card in cards:
        sheet.paste(card, (MARGIN, y))
        draw.rectangle((MARGIN, y, MARGIN + card.width - 1, y + card.height - 1), outline=BORDER)
        y += card.height + GAP
    return sheet


def _reference_room(examples: Sequence[Example]) -> int:
    """Pixels that the header and the reference pictures of every row fit into."""
    most = max(len(example.references) for example in examples)
    header = round(text_width("references", _HEADER)) + GAP
    return max(header, most * (_LEAST_REFERENCE_WIDTH + GAP) - GAP)


def _columns(examples: Sequence[Example]) -> list[Condition]:
    """All, but captions are contradicted only where states change."""
    return [
        condition
        for condition in _COLUMNS
        if condition is not Condition.CONTRARY or any(condition in example.videos for example in examples)
    ]


def _column_x(place: int, room: int) -> int:
    return PADDING + room + _COLUMN_GAP + place * (_CELL_WIDTH + _COLUMN_GAP)


def _card(example: Example, room: int, columns: Sequence[Condition]) -> Image.Image:
    frame_height = max(_frame_height(video) for video in example.videos.values())
    top = PADDING + _PROMPT.line_height + GAP
    width = _column_x(len(columns), room) - _COLUMN_GAP + PADDING
    card = Image.new("RGB", (width, top + frame_height + _NOTE.line_height + PADDING), CARD)
    draw = ImageDraw.Draw(card)
    write(draw, (PADDING, PADDING), example.prompt, _PROMPT, width=width - 2 * PADDING)
    _place_references(card, top, example.references, (room, frame_height))
    for place, condition in enumerate(columns):
        corner = (_column_x(place, room), top)
        if condition in example.videos:
            _place_frames(card, corner, example.videos[condition])
        else:
            why = "one subject" if len(example.references) == 1 else "not sampled"
            _place_note(draw, corner, (_CELL_WIDTH, frame_height), why)
    return card


def _place_references(
    card: Image.Image, top: int, references: Sequence[tuple[str, Image.Image]], room: tuple[int, int]
) -> None:
    """The pictures side by side, their words below."""
    draw = ImageDraw.Draw(card)
    each = (room[0] + GAP) // max(1, len(references)) - GAP
    for number, (word, picture) in enumerate(references):
        x = PADDING + number * (each + GAP)
        # The board is drawn after scaling: its squares are of one size whatever the picture's.
        shown = on_checkerboard(fit(picture, each, room[1]))
        card.paste(shown, (x + (each - shown.width) // 2, top + (room[1] - shown.height) // 2))
        inset = max(0, (each - round(text_width(word, _NOTE))) // 2)
        write(draw, (x + inset, top + room[1] + 2), [Run(word, _NOTE.color)], _NOTE, width=each)


def _place_frames(card: Image.Image, corner: tuple[int, int], video: Video) -> None:
    """First, middle and last frame.

    Enlarged bicubically: nearest neighbours turn the outline of a sprite of 30 pixels into stairs, which draw more
    attention than its texture.
    """
    size = (_FRAME_WIDTH, _frame_height(video))
    for place, index in enumerate(np.linspace(0, len(video) - 1, _FRAMES).round().astype(int)):
        frame = Image.fromarray(video[index]).resize(size, Image.Resampling.BICUBIC)
        card.paste(frame, (corner[0] + place * (_FRAME_WIDTH + _FRAME_GAP), corner[1]))


def _place_note(draw: ImageDraw.ImageDraw, corner: tuple[int, int], cell: tuple[int, int], note: str) -> None:
    """An empty cell that says why it is."""
    (x, y), (width, height) = corner, cell
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=EMPTY)
    inset = (width - round(text_width(note, _NOTE))) // 2
    write(draw, (x + inset, y + (height - _NOTE.line_height) // 2), note, _NOTE, width=width)


def _frame_height(video: Video) -> int:
    aspect: float = video.shape[1] / video.shape[2]
    return round(_FRAME_WIDTH * aspect)
