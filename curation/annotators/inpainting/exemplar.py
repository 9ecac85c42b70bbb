"""Paints regions out by example: with patches from the rest of the picture. No weights."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from curation.annotators.protocols import Hole, Inpainter
from curation.records import Image
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict

_REVISION: Final = "2"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarConfig:
    """How a hole is filled.

    Attributes:
        long_sides: sizes of the picture, coarse to fine; structure is decided at the first, texture at the last.
        rounds: search-and-vote rounds at each size.
        patch_side: odd, pixels at every size.
    """

    profile: Literal["exemplar"] = "exemplar"
    long_sides: tuple[int, ...] = field(default=(48, 96, 192), metadata=PRESET_ONLY)
    rounds: tuple[int, ...] = field(default=(10, 6, 3), metadata=PRESET_ONLY)
    patch_side: int = field(default=7, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not self.long_sides or len(self.long_sides) != len(self.rounds) or min(self.rounds) < 1:
            raise ValueError(
                f"long_sides is {self.long_sides} and rounds {self.rounds}, expected as many rounds as sides, each > 0"
            )
        if list(self.long_sides) != sorted(self.long_sides):
            raise ValueError(f"long_sides is {self.long_sides}, expected coarse to fine")
        if self.patch_side < 3 or self.patch_side % 2 == 0:
            raise ValueError(f"patch_side is {self.patch_side}, expected an odd number of at least 3")

    def build(self) -> Inpainter:
        """The inpainter."""
        return ExemplarInpainter(self)


class ExemplarInpainter:
    """An `Inpainter` that copies patches."""

    def __init__(self, config: ExemplarConfig) -> None:
        self._config = config

    def describe(self) -> Annotator:
        """Name the method; there are no weights."""
        return Annotator(job="inpaint", name="exemplar", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(timeout_s=120.0)

    def load(self) -> None:
        """Nothing to load."""

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        """The pictures with their holes filled; everything else stays bit for bit.

        Raises:
            ValueError: image and mask differ in size, or the mask leaves nothing to copy from.
        """
        from curation.annotators.inpainting.patches import fill_by_example

        passes = tuple(zip(self._config.long_sides, self._config.rounds, strict=True))
        return [fill_by_example(hole.image, hole.mask, passes, patch_side=self._config.patch_side) for hole in holes]
