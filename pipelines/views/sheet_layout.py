"""What all sheets share: colors, type sizes, and a cell with a picture and a note."""

from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from dataset_schema import EntityKind
from pipelines.views.sheet_pictures import fit
from pipelines.views.sheet_text import Style, text_width, write

KIND_COLORS: Final = {
    EntityKind.SUBJECT: "#c8324a",
    EntityKind.OBJECT: "#2464b4",
    EntityKind.BACKGROUND: "#1f7f4c",
}

WIDTH: Final = 1600
MARGIN: Final = 24
PADDING: Final = 14
GAP: Final = 8

PAGE: Final = "#efede8"
CARD: Final = "#ffffff"
BORDER: Final = "#d9d5cc"
EMPTY: Final = "#e9e6e0"
REJECTED: Final = "#b0492b"

TITLE: Final = Style(size=26, is_bold=True)
CAPTION: Final = Style(size=19)
SMALL: Final = Style(size=13, color="#77736b")
REASON: Final = Style(size=15, color=REJECTED, is_bold=True)
DETAIL: Final = Style(size=14, color="#55514a")


def place(
    card: Image.Image,
    corner: tuple[int, int],
    cell: tuple[int, int],
    picture: Image.Image | None,
    *,
    note: str = "",
    missing: str = "",
) -> None:
    """Centre a picture in a cell with a note below, or say what is missing."""
    draw = ImageDraw.Draw(card)
    (x, y), (width, height) = corner, cell
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=EMPTY)
    if picture is None:
        inset = max(0, (width - round(text_width(missing, SMALL))) // 2)
        write(draw, (x + inset, y + height // 2 - SMALL.size), missing, SMALL, width=width)
    else:
        fitted = fit(picture, width, height)
        card.paste(fitted.convert("RGB"), (x + (width - fitted.width) // 2, y + (height - fitted.height) // 2))
    write(draw, (x, y + height + 2), note, SMALL, width=width)


def stacked(cards: Sequence[Image.Image]) -> Image.Image:
    """Cards of the full width below one another on a page."""
    height = 2 * MARGIN + sum(card.height for card in cards) + GAP * max(0, len(cards) - 1)
    page = Image.new("RGB", (WIDTH, height), PAGE)
    draw = ImageDraw.Draw(page)
    y = MARGIN
    for card in cards:
        page.paste(card, (MARGIN, y))
        draw.rectangle((MARGIN, y, MARGIN + card.width - 1, y + card.height - 1), outline=BORDER)
        y += card.height + GAP
    return page
