"""Masks that came with the clips, laid over the frames that they were made for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from curation.annotators.protocols import EntityLocator, Scene
from curation.given import GivenMask
from curation.given_shapes import lay
from curation.records import LocatedEntity, ReferenceFrame
from curation.stage import Resources
from dataset_schema import Annotator
from storage.configs import strict

_REVISION: Final = "1"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMasksConfig:
    """Nothing to choose: the masks come with the clips (`import`)."""

    profile: Literal["given"] = "given"

    reads_words: ClassVar[bool] = False
    # Each word brings the masks of its own thing, so that two subjects may be called the same.
    tells_places_apart: ClassVar[bool] = True
    tells_looks_apart: ClassVar[bool] = False

    def build(self) -> EntityLocator:
        """What stands in the place of a locator."""
        return GivenMasks()


class GivenMasks:
    """An `EntityLocator` that looks for nothing."""

    reads_words: ClassVar[bool] = False

    def describe(self) -> Annotator:
        """That nothing ran."""
        return Annotator(job="entity_masks", name="given", revision=_REVISION)

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources(timeout_s=60.0)

    def load(self) -> None:
        """There is nothing to load."""

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        """The masks of the words that are left.

        Raises:
            ClipError: a mask is of another size than its frame, is none, or is no part of it.
        """
        return [_locate(scene) for scene in scenes]


def _locate(scene: Scene) -> list[LocatedEntity]:
    words = {word.start: index for index, word in enumerate(scene.words)}
    return [_laid(mask, words[mask.start], scene.frames[mask.frame]) for mask in scene.given if mask.start in words]


def _laid(mask: GivenMask, word_index: int, frame: ReferenceFrame) -> LocatedEntity:
    return LocatedEntity(
        word_index=word_index,
        reference_index=mask.frame,
        mask=lay(mask.shape, frame.image),
        detection_score=1.0,
        mask_score=mask.score,
        is_ambiguous=mask.is_ambiguous,
        face=None if mask.face is None else lay(mask.face, frame.image),
    )
