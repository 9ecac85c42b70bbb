"""Text that looks like text: random words in a few faces, as titles, subtitles, lines of a page or of code."""

import cv2
import numpy as np

from worlds.arrays import Image
from worlds.chances import Rng, between, chance, choose, log_between
from worlds.filmed.colors import FloatColor, as_rgb, random_color

_LETTERS = np.array(list("eeeetttaaaooiinnsshhrrddlucmfwygpbvkxqjz"))
_FACES = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_TRIPLEX,
)


def words(rng: Rng, count: int) -> str:
    """Some made-up words."""
    lengths = rng.integers(2, 10, count)
    return " ".join("".join(rng.choice(_LETTERS, length)) for length in lengths)


def write(rng: Rng, picture: Image, text: str, corner: tuple[int, int], *, height: float, color: FloatColor) -> None:
    """Write one line into the picture, its lower left at `corner` (x, y), letters about `height` pixels tall."""
    face = choose(rng, _FACES) if height > 9 else cv2.FONT_HERSHEY_SIMPLEX
    thickness = max(1, round(height / 11))
    scale = cv2.getFontScaleFromHeight(face, max(3, int(height)), thickness)
    cv2.putText(picture, text, corner, face, scale, as_rgb(color), thickness, cv2.LINE_AA)


def write_title(rng: Rng, picture: Image) -> None:
    """One to three lines of large outlined text somewhere in the picture."""
    side = picture.shape[0]
    letter = log_between(rng, 0.04, 0.13) * side
    left, top = int(between(rng, 0, 0.4) * side), int(between(rng, 0.1, 0.75) * side)
    color, outline = random_color(rng), random_color(rng)
    for line in range(int(rng.integers(1, 4))):
        text = words(rng, int(rng.integers(1, 4)))
        corner = (left, top + int(line * letter * 1.7))
        if chance(rng, 0.5):
            write(rng, picture, text, (corner[0] + 2, corner[1] + 2), height=letter, color=outline)
        write(rng, picture, text, corner, height=letter, color=color)


def write_subtitle(rng: Rng, picture: Image, text: str) -> None:
    """A centred line near the lower edge, white or yellow on a dark outline."""
    height, width = picture.shape[:2]
    letter = between(rng, 0.035, 0.06) * height
    face, scale = cv2.FONT_HERSHEY_SIMPLEX, cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_SIMPLEX, int(letter), 1)
    (text_width, _), _ = cv2.getTextSize(text, face, scale, 1)
    corner = ((width - text_width) // 2, int(height * 0.92))
    cv2.putText(picture, text, corner, face, scale, (10, 10, 10), 3, cv2.LINE_AA)
    cv2.putText(picture, text, corner, face, scale, (250, 250, int(rng.choice([250, 90]))), 1, cv2.LINE_AA)
