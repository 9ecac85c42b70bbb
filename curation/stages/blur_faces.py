"""Blurs the faces of people that no entity word names, before any picture is cut from the frames. Not of the paper.

It looks where the face detector finds one, in the reference frames alone: what is stored are pictures cut from those.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from curation.annotators.protocols import FaceBox, FaceDetector
from curation.face_blurring import MARGIN, blur_boxes
from curation.records import Clip, Mask, ReferenceFrame
from curation.stage import Resources, Stage
from storage.configs import strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class BlurFacesConfig:
    """Which faces are blurred.

    Attributes:
        min_inside: share of a face's box that an entity's mask covers, from which on the face is the entity's. Our
            choice: half, so that no other entity can have it too.
        margin: how far the blur goes beyond a face's box, as a share of its sides.
    """

    min_inside: float = 0.5
    margin: float = MARGIN

    def __post_init__(self) -> None:
        if not 0 < self.min_inside <= 1 or self.margin < 0:
            raise ValueError(
                f"min_inside is {self.min_inside} and margin {self.margin}, expected 0 < min_inside <= 1 and margin "
                "of 0 or more"
            )


class BlurFaces(Stage):
    """Makes faces in the reference frames unknowable that are no entity's; rejects no clip."""

    name: ClassVar[str] = "blur_faces"
    reads: ClassVar[frozenset[str]] = frozenset({"frames", "located"})

    def __init__(self, config: BlurFacesConfig, faces: FaceDetector) -> None:
        self._config = config
        self._faces = faces

    @property
    def resources(self) -> Resources:
        """Those of the face detector, which the stage of reference images names for `dataset.json`."""
        return self._faces.resources

    def setup(self) -> None:
        """Load the detector."""
        self._faces.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with other pictures in `frames`; masks stay as they are."""
        return [self._blurred(clip) for clip in clips]

    def measured(self, clip: Clip) -> str:
        """Nothing is measured."""
        del clip
        return ""

    def _blurred(self, clip: Clip) -> Clip:
        if clip.frames is None or clip.located is None:
            raise ValueError(f"clip {clip.clip_id} has no frames or no masks, expected both; check the plan")
        frames = tuple(
            self._without_others(frame, [each.mask for each in clip.located if each.reference_index == index])
            for index, frame in enumerate(clip.frames.reference_frames)
        )
        return replace(clip, frames=replace(clip.frames, reference_frames=frames))

    def _without_others(self, frame: ReferenceFrame, entities: Sequence[Mask]) -> ReferenceFrame:
        found = self._faces.detect(frame.image)
        others = [face for face in found if not self._is_of_entity(face, entities)]
        return replace(frame, image=blur_boxes(frame.image, others, margin=self._config.margin)) if others else frame

    def _is_of_entity(self, face: FaceBox, entities: Sequence[Mask]) -> bool:
        x0, y0, x1, y1 = (max(0, round(value)) for value in face[:4])
        shares = (float(mask[y0:y1, x0:x1].mean()) for mask in entities if mask[y0:y1, x0:x1].size)
        return any(share >= self._config.min_inside for share in shares)
