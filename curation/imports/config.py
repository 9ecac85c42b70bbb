"""What of a foreign dataset is taken."""

from dataclasses import dataclass
from typing import Literal

from storage.configs import strict
from storage.numbers import expect_at_least, expect_share


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ImportConfig:
    """What of a foreign dataset is taken.

    Attributes:
        licence: of every row; None takes what the dataset's own page says. It is about the annotations: what may be
            done with the videos, their owners say.
        double_iou: of two masks of one word with a greater IoU, the smaller is a double of the larger. The recipe of
            OpenS2V-5M's high-quality subset has 0.8.
        cropped: what becomes of clips that the annotation crops, in videos that are not cropped. Our choice: `refuse`,
            because what is cropped away is mostly a watermark; `whole` publishes it.
        pictures_from_elsewhere: most pictures of a word that are taken from other videos. Our choice: as many as
            curation cuts of an entity; each costs a decode of the other video up to it.
    """

    licence: str | None = None
    double_iou: float = 0.8
    cropped: Literal["refuse", "whole"] = "refuse"
    pictures_from_elsewhere: int = 3

    def __post_init__(self) -> None:
        if self.licence is not None and not self.licence.strip():
            raise ValueError("licence is empty, expected its name, or none to take the dataset's own")
        expect_share("import", self, "double_iou")
        expect_at_least(0, "import", self, "pictures_from_elsewhere")
