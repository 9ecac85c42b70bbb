"""Paper for the sections of the page."""

from typing import Final

from PIL import Image, ImageDraw

from pipelines.views.sheet_layout import CARD, MARGIN, PADDING, REJECTED, WIDTH
from pipelines.views.sheet_text import Style

KEPT: Final = "#1f7f4c"
FAILED: Final = "#7a1f1f"
PALE: Final = "#f8e6df"  # behind what decided
FAINT: Final = "#b5b0a6"
DROPPED: Final = REJECTED

SECTION: Final = Style(size=16, is_bold=True)

INNER: Final = WIDTH - 2 * MARGIN - 2 * PADDING
_TALLEST: Final = 1400


def blank() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A card that is taller than any; `cut` it when its height is known."""
    card = Image.new("RGB", (WIDTH - 2 * MARGIN, _TALLEST), CARD)
    return card, ImageDraw.Draw(card)


def cut(card: Image.Image, bottom: int) -> Image.Image:
    """The card down to what was drawn on it."""
    return card.crop((0, 0, card.width, min(card.height, bottom + PADDING)))
