"""Finds pictures laid over a clip, by what the definition of screen in screen (A.1) lets one measure without training.

An inset is a rectangle whose borders stay at the same pixel while the picture around it moves, or one that is cut to
another picture while the rest goes on. The first must not be asked of a picture that stands still: there a monitor in
the room has borders that stay too. So an inset over a camera on a tripod is found only if it pops up or changes; what
has no straight border, such as a person cut out, and a picture split in two are not found at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from curation.annotators.insets.exact_edges import exactness
from curation.annotators.insets.pop_ups import has_pop_up
from curation.annotators.insets.rectangles import find_rectangles
from curation.records import Frames
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import strict
from storage.numbers import expect_at_least, expect_share

# Our choice: rectangles that are looked at in full size, so that a clip of a hundred windows costs no more.
_MAX_CHECKED: Final = 12


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class BorderedInsetsConfig:
    """When a rectangle is an inset. Our choice, on clips composed for the purpose.

    Attributes:
        min_moves: share of every side along which the picture outside moves, and does not hide the side.
        min_exactness: log of how much a side stands out at one pixel of full-size frames: the camera would have moved
            the border of a real thing.
    """

    min_moves: float = 0.5
    min_exactness: float = 0.55

    def __post_init__(self) -> None:
        expect_share("insets", self, "min_moves")
        expect_at_least(0, "insets", self, "min_exactness")

    def build(self) -> "BorderedInsets":
        """The finder."""
        return BorderedInsets(self)


class BorderedInsets:
    """Finds insets by their borders; without weights."""

    def __init__(self, config: BorderedInsetsConfig | None = None) -> None:
        self._config = config or BorderedInsetsConfig()

    def describe(self) -> Annotator:
        """Its name; the revision changes with what it finds."""
        return Annotator(job="insets", name="bordered_insets", revision="2")

    @property
    def resources(self) -> Resources:
        """A core."""
        return Resources(memory_bytes=256 << 20, timeout_s=60)

    def load(self) -> None:
        """Nothing to load."""

    def find(self, clips: Sequence[Frames]) -> list[bool]:
        """Whether each clip shows a picture laid over another."""
        return [has_pop_up(frames.thumbnails) or self._has_bordered_inset(frames) for frames in clips]

    def _has_bordered_inset(self, frames: Frames) -> bool:
        images = [frame.image for frame in frames.reference_frames]
        found = find_rectangles(frames.content)
        likely = [each for each in found if each.moves_outside >= self._config.min_moves][:_MAX_CHECKED]
        return any(exactness(images, each.box) >= self._config.min_exactness for each in likely)
