"""The things that move in a clip, how far each reaches, and how surely it is what a subject word means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from curation.annotators.moving_object.colors import color_histogram, color_similarity
from curation.annotators.moving_object.enlargement import enlarge
from curation.annotators.moving_object.foreground import Foreground
from curation.annotators.moving_object.foreground_outline import Outline, complete_outlines
from curation.annotators.moving_object.foreground_zoom import zoomed_foreground
from curation.annotators.moving_object.motion_evidence import motion_evidence
from curation.annotators.moving_object.order import left_to_right
from curation.annotators.moving_object.outline import outline_objects
from curation.annotators.moving_object.regions import (
    FrameEvidence,
    Region,
    beside,
    candidate_regions,
    choose_regions,
    frame_evidence,
    rivalry,
)
from curation.masks import border_contact
from curation.records import Image, Mask, ReferenceFrame

# The agreement of an object that was found in one frame only: nothing confirms it.
_UNCONFIRMED: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Thing:
    """Something that moves: its region, if any, and its outline in each frame whose camera can be followed."""

    regions: Sequence[Region | None]
    outlines: Sequence[Outline]

    @property
    def masks(self) -> list[Mask]:
        """Empty where it was not found."""
        return [outline.mask for outline in self.outlines]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The object in one frame, at working size; see `LocatedEntity` for the scores, `rivalry` for the last."""

    mask: Mask
    detection_score: float
    mask_score: float
    rivalry: float

    @property
    def confidence(self) -> float:
        """Of both scores."""
        return float(np.sqrt(self.detection_score * self.mask_score))

    def enlarged(self, image: Image) -> Mask:
        """The mask over the full-size frame."""
        return enlarge(self.mask, image)


def find_subjects(
    frames: Sequence[ReferenceFrame],
    evidence: Mapping[int, FrameEvidence],
    people: Sequence[bool],
    network: Foreground,
    *,
    claimed: Mapping[int, Mask] = MappingProxyType({}),
) -> list[dict[int, Found]]:
    """For every subject word its thing in each frame that shows it, by frame index; nothing if one has none.

    Args:
        frames: of the clip.
        evidence: of every frame whose camera can be followed, by its index; see `evidence_by_frame`.
        people: for every subject word, in the caption's order, whether it names a person.
        network: loaded.
        claimed: by frame index, what is something else for certain: no thing that lies there is taken.
    """
    seen = list(evidence.values())
    candidates = [_unclaimed(candidate_regions(frame), claimed.get(index)) for index, frame in evidence.items()]
    things = _find_things(frames, network, evidence, candidates, how_many=len(people))
    order = left_to_right([thing.masks for thing in things]) if len(things) == len(people) else None
    found: list[dict[int, Found]] = []
    for at, is_person in zip(order or (), people, strict=False):
        others = [thing for number, thing in enumerate(things) if number != at]
        scores = _scores(seen, _left_over(candidates, others), things[at], is_person=is_person)
        found.append({index: f for index, f in zip(evidence, scores, strict=True) if f is not None})
    return found


def evidence_by_frame(
    frames: Sequence[ReferenceFrame], network: Foreground, long_side: int
) -> dict[int, FrameEvidence]:
    """What motion and the network say of every frame whose camera can be followed."""
    evidence = {}
    for index, frame in enumerate(frames):
        motion = motion_evidence(frame, long_side=long_side)
        if motion is not None:
            whole = network.probability(frame.image)
            size = motion.speed.shape[::-1]
            evidence[index] = frame_evidence(motion, cv2.resize(whole, size, interpolation=cv2.INTER_AREA))
    return evidence


def _find_things(
    frames: Sequence[ReferenceFrame],
    network: Foreground,
    evidence: Mapping[int, FrameEvidence],
    candidates: Sequence[Sequence[Region]],
    *,
    how_many: int,
) -> list[_Thing]:
    """Things that share no region, the clearest first; fewer where there is nothing else."""
    seen = list(evidence.values())
    taken = [np.zeros(frame.foreground.shape, np.bool_) for frame in seen]
    things: list[_Thing] = []
    while len(things) < how_many:
        regions = choose_regions(_left_over(candidates, things))
        if not any(regions):
            break
        moving = [mask & ~other for mask, other in zip(outline_objects(seen, regions), taken, strict=True)]
        near = [
            zoomed_foreground(network, frames[index].image, frame.foreground, region.mask)
            if region is not None
            else frame.foreground
            for (index, frame), region in zip(evidence.items(), regions, strict=True)
        ]
        near = [np.where(other, 0, plane) for plane, other in zip(near, taken, strict=True)]
        masks = [region.mask if region is not None else None for region in regions]
        outlines = complete_outlines(seen, masks, moving, near)
        if not any(outline.mask.any() for outline in outlines):
            break
        things.append(_Thing(regions=regions, outlines=outlines))
        taken = [other | outline.mask for other, outline in zip(taken, outlines, strict=True)]
    return things


def _scores(
    frames: Sequence[FrameEvidence],
    candidates: Sequence[Sequence[Region]],
    thing: _Thing,
    *,
    is_person: bool,
) -> list[Found | None]:
    """How sure the thing of each frame is, beside the candidates for others; None where it was not found.

    It is the subject if it moves unlike what is around it and looks alike in all frames. Where the network knows it, it
    may rest if what looks like it moves in another frame, and the camera matters less, since what is around it serves
    as well. For a person the network has to know it: people are what it was made for.
    """
    regions, outlines = thing.regions, thing.outlines
    colors = [color_histogram([frame.cells], [o.mask]) for frame, o in zip(frames, outlines, strict=True)]
    alike = np.array([[color_similarity(one, other) for other in colors] for one in colors])
    moves = np.array([region.contrast if region is not None else 0.0 for region in regions])
    found: list[Found | None] = []
    for at, (frame, region, outline) in enumerate(zip(frames, regions, outlines, strict=True)):
        if region is None or not outline.mask.any():
            found.append(None)
            continue
        others = [other for other in range(len(frames)) if other != at and outlines[other].mask.any()]
        agreement = float(np.mean(alike[at, others])) if others else _UNCONFIRMED
        motion = max(float(moves[at]), outline.trust * float((alike[at] * moves)[others].max(initial=0.0)))
        camera_fit = 1 - (1 - outline.trust) * (1 - frame.motion.camera_fit)
        known = outline.trust if is_person else 1.0
        whole = 1 - border_contact(outline.mask) * (1 - outline.trust)
        found.append(
            Found(
                mask=outline.mask,
                detection_score=min(1.0, float(np.sqrt(motion * agreement * camera_fit * known))),
                mask_score=min(1.0, float(np.sqrt(outline.certainty * whole))),
                rivalry=rivalry(candidates[at], region, outline.mask),
            )
        )
    return found


def _unclaimed(candidates: Sequence[Region], claimed: Mask | None) -> list[Region]:
    return list(candidates) if claimed is None or not claimed.any() else beside(candidates, claimed)


def _left_over(candidates: Sequence[Sequence[Region]], things: Sequence[_Thing]) -> list[Sequence[Region]]:
    """The candidates of each frame that lie beside all of the things."""
    left = list(candidates)
    for thing in things:
        for at, (region, mask) in enumerate(zip(thing.regions, thing.masks, strict=True)):
            if region is not None:
                left[at] = beside(left[at], region.mask | mask)
    return left
