"""How alike two pictures of entities are, by color and texture: no weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CutoutEncoder
from curation.records import Cutout
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import strict

_REVISION: Final = "1"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramConfig:
    """Nothing to choose."""

    profile: Literal["histogram"] = "histogram"

    def build(self) -> CutoutEncoder:
        """The encoder."""
        return HistogramEncoder()


class HistogramEncoder:
    """Color and texture histograms: the cosine of two vectors is a weighted mean of two Bhattacharyya coefficients.

    Tells a red jacket from a blue one, not one man in a red jacket from another.

    Attributes:
        same_subject: Our choice: where one stranger in a thousand passes, so that of clips of which one in fifty shows
            the subject about one in twenty that is found is wrong. Read off drawn worlds, of pairs of one subject's
            pictures and another's clip (`python -m benchmarks.subject --calibrate`), where color is all that tells
            subjects apart; real ones are less like themselves in another light, and more like others of their kind.
    """

    same_subject: ClassVar[float] = 0.86

    def describe(self) -> Annotator:
        """Name the features; there are no weights."""
        return Annotator(job="likeness", name="color-texture-histogram", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(memory_bytes=1 << 29, timeout_s=60.0)

    def load(self) -> None:
        """Nothing to load."""

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        """One vector per picture, of length one."""
        from curation.annotators.likeness.color_texture import histogram_vector

        return np.stack([histogram_vector(cutout) for cutout in cutouts])
