"""What travels between stages: a clip that grows by one typed value per stage. Frozen; a stage returns new ones."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.given import Given
from dataset_schema import (
    CORE_SCORES,
    Background,
    Entity,
    EntityKind,
    MediaFacts,
    Payload,
    Reason,
    Sample,
    Scores,
    Source,
)

Image = npt.NDArray[np.uint8]  # (height, width, 3), RGB
Video = npt.NDArray[np.uint8]  # (frames, height, width, 3), RGB
Mask = npt.NDArray[np.bool_]  # (height, width)
Cutout = npt.NDArray[np.uint8]  # (height, width, 4), RGBA: a crop with its alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityWord:
    """A word of the caption and what it names (A.2); `caption[start:end]` reads `word`."""

    word: str
    kind: EntityKind
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceFrame:
    """One of the three frames that references are cut from (5 %, 50 %, 95 % of the clip; 3.1), with its neighbours.

    Attributes:
        index: index among the decoded frames of the clip.
        time_s: presentation time in the source file.
        image: at full size, upright, square pixels.
        neighbours: frames around this one, small, in time order; `neighbours[centre]` is this frame.
        neighbour_times_s: their presentation times.
        is_outside: taken from another time of the same shot than the clip, so that what is cut from it is no copy of
            what the clip shows.
        is_elsewhere: a frame of another video than the clip's: its index and time say nothing about the clip.
        unnamed: what no word of a clip names that came with masks, or what they leave out, and is no background.
    """

    index: int
    time_s: float
    image: Image
    neighbours: Video
    neighbour_times_s: tuple[float, ...]
    centre: int
    is_outside: bool = False
    is_elsewhere: bool = False
    unnamed: Mask | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """Everything later stages need to see, from ONE pass over the file.

    Attributes:
        thumbnails: every frame at 27 x 48, squeezed, for the shot detector.
        times_s: presentation time of every frame.
        content: 16 frames spread evenly over the clip, 224 x 224, squeezed, for the content filter.
        content_times_s: their presentation times.
        reference_frames: those at 5, 50 and 95 %, in time order; fewer where a short clip makes them the same frame. Of
            a clip that came with masks, the frames that those are of.
        background: the middle one of them without its entities, where it came with the clip.
    """

    thumbnails: Video
    times_s: npt.NDArray[np.float64]
    content: Video
    content_times_s: npt.NDArray[np.float64]
    reference_frames: tuple[ReferenceFrame, ...]
    background: Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocatedEntity:
    """Where one entity word was found in one reference frame.

    Attributes:
        word_index: index into the clip's `entity_words`.
        reference_index: index into `frames.reference_frames`.
        mask: over the full-size frame.
        detection_score: how sure the localiser is that the word's entity is here, in [0, 1].
        mask_score: how sure the segmenter is of the outline, in [0, 1].
        is_ambiguous: the word fits another place of the frame about as well, and nothing says which one is meant.
        face: the face in it, where it came with the clip.
    """

    word_index: int
    reference_index: int
    mask: Mask
    detection_score: float
    mask_score: float
    is_ambiguous: bool = False
    face: Mask | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """A time span of one video on its way through the stages. A field is None until its stage has run.

    Attributes:
        given: what came with it from another dataset; its entity words then are given too.
        word_problems: every rule of A.2 that the caption or the answer about it breaks.
        cut_times_s: presentation times at which a new shot starts.
        reasons: why an earlier stage rejected it, in a run that scores every clip all the same.
        thumbnail: what it looked like when it was rejected.
    """

    clip_id: str
    source: Source
    caption: str
    extra: str = "{}"
    given: Given | None = None
    entity_words: tuple[EntityWord, ...] | None = None
    word_problems: tuple[Reason, ...] = ()
    media: MediaFacts | None = None
    frames: Frames | None = None
    cut_times_s: tuple[float, ...] | None = None
    scores: Scores = field(default_factory=Scores)
    located: tuple[LocatedEntity, ...] | None = None
    entities: tuple[Entity, ...] | None = None
    background: Background | None = None
    sample: Sample | None = None
    reasons: tuple[Reason, ...] = ()
    thumbnail: Payload | None = None

    def with_scores(self, **scores: float) -> "Clip":
        """A copy with some scores set: the project's own by their names, and any others."""
        own: dict[str, Any] = {name: value for name, value in scores.items() if name in CORE_SCORES}
        more = {name: value for name, value in scores.items() if name not in CORE_SCORES}
        return replace(self, scores=replace(self.scores, **own, more={**self.scores.more, **more}))
