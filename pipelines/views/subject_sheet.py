"""The contact sheet of one subject: what was given, what was chosen, and the clips on both sides of the limit."""

import io
from collections.abc import Iterator, Sequence
from typing import Final

from PIL import Image, ImageDraw

from curation.one_subject.pictures import GivenPicture
from curation.one_subject.search import Found
from pipelines.views.sheet_layout import CAPTION, CARD, GAP, MARGIN, PADDING, SMALL, WIDTH, place, stacked
from pipelines.views.sheet_pictures import fit, on_checkerboard
from pipelines.views.sheet_text import write

_CELL: Final = (184, 150)
_IN_A_ROW: Final = 8
_MOST: Final = 16


def subject_sheet(given: Sequence[GivenPicture], found: Found, *, limit: float, missing: Sequence[str]) -> Image.Image:
    """One page of pictures.

    Args:
        given: of the subject.
        found: in the clips.
        limit: the least likeness.
        missing: what the pictures do not show, as sentences.
    """
    chosen = [(_opened(p.content), f"{p.view}, {p.distance}, {p.light}") for p in found.chosen]
    least = [
        (_opened(shown.pictures[0].content), _told(shown.finding.likeness, shown.finding.uri))
        for shown in list(found.kept.values())[::-1][:_IN_A_ROW]
        if shown.pictures
    ]
    most = [
        (_opened(each.content), _told(each.finding.likeness, each.finding.uri)) for each in found.strangers[:_IN_A_ROW]
    ]
    titled = (
        ("Given", [*_of_given(given)]),
        (f"Chosen: {'; '.join(missing) or 'every side, distance and light that can be told'}", chosen),
        (f"Kept, those least like it first; the limit is {limit:g}", least),
        ("Rejected, those most like it first", most),
    )
    return stacked([_card(title, pictures[:_MOST]) for title, pictures in titled])


def _of_given(given: Sequence[GivenPicture]) -> Iterator[tuple[Image.Image | None, str]]:
    for each in given:
        picture = None if each.crop is None else Image.fromarray(each.crop.cutout)
        yield picture, each.file.name if picture else f"{each.file.name}: not used"


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGBA")


def _told(likeness: float | None, uri: str) -> str:
    name = uri.rstrip("/").rsplit("/", 1)[-1]
    return name if likeness is None else f"{likeness:.3f} {name}"


def _card(title: str, pictures: Sequence[tuple[Image.Image | None, str]]) -> Image.Image:
    """A title, and rows of pictures with a note of two lines below each."""
    rows = [pictures[first : first + _IN_A_ROW] for first in range(0, max(1, len(pictures)), _IN_A_ROW)]
    step = _CELL[1] + 2 * SMALL.line_height + GAP
    width = WIDTH - 2 * MARGIN
    card = Image.new("RGB", (width, 2 * PADDING + 2 * CAPTION.line_height + GAP + len(rows) * step), CARD)
    draw = ImageDraw.Draw(card)
    y = write(draw, (PADDING, PADDING), title, CAPTION, width=width - 2 * PADDING, max_lines=2) + GAP
    if not pictures:
        place(card, (PADDING, y), _CELL, None, missing="none")
    for row in rows:
        for column, (picture, note) in enumerate(row):
            x = PADDING + column * (_CELL[0] + GAP)
            shown = None if picture is None else on_checkerboard(fit(picture, *_CELL))
            place(card, (x, y), _CELL, shown, missing="not used")
            write(draw, (x, y + _CELL[1] + 2), note, SMALL, width=_CELL[0], max_lines=2)
        y += step
    return card.crop((0, 0, width, y))
