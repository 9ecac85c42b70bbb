"""The pictures of one clip on the page: frames with masks, crops with verdicts, the background beside its frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from PIL import Image

from curation.masks import mask_box
from curation.records import Clip, LocatedEntity, ReferenceFrame
from curation.references.frames import frames_to_cut
from dataset_schema import EntityKind
from pipelines.views.explained.watched_run import Story
from pipelines.views.explained.words import PictureFinding, word_findings
from pipelines.views.html import picture_uri
from pipelines.views.sheet_pictures import read_image

_FRAMES: Final = 3
_FRAME_SIDE: Final = 640
_CROP_SIDE: Final = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """Where a word was found in a frame.

    Attributes:
        name: the word, with a question mark where it fits other places as well.
        box: (x, y, width, height), pixels of the frame.
        path: the edge of the mask, as SVG has it.
    """

    name: str
    kind: EntityKind
    box: tuple[int, int, int, int]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameView:
    """A frame that references are cut from, and everything that was located in it."""

    time_s: float
    picture: str
    width: int
    height: int
    outlines: Sequence[Outline]


@dataclass(frozen=True, slots=True, kw_only=True)
class CropView:
    """A picture that was cut out; `why_dropped` is empty for one that was kept."""

    name: str
    kind: EntityKind
    time_s: float
    picture: str
    why_dropped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundView:
    """The background, or why there is none, and the frame that it was made from."""

    picture: str
    frame: str
    time_s: float
    leak: float | None
    why_missing: str


def frame_views(clip: Clip | None) -> list[FrameView]:
    """The frames that references are cut from; none of a clip that was not decoded."""
    if clip is None or clip.frames is None:
        return []
    return [
        _frame_view(clip, index, clip.frames.reference_frames[index]) for index in frames_to_cut(clip.frames)[:_FRAMES]
    ]


def crop_views(story: Story) -> list[CropView]:
    """The pictures that were cut out of a clip, those that are good enough first."""
    pictures = [picture for word in word_findings(story) for picture in word.pictures]
    return [_crop_view(picture) for picture in sorted(pictures, key=lambda picture: bool(picture.why_dropped))]


def background_view(clip: Clip | None) -> BackgroundView | None:
    """Of a clip in which words were looked for."""
    if clip is None or clip.located is None or clip.frames is None or not clip.frames.reference_frames:
        return None
    to_cut = frames_to_cut(clip.frames)
    middle = clip.frames.reference_frames[to_cut[len(to_cut) // 2]]
    painted = None if clip.background is None else read_image(clip.background.image)
    leak = clip.scores.background_leak
    why = "nothing was located in the middle frame"
    if clip.background is not None:
        why = "it cannot be read"
    elif leak is not None:
        why = f"left out: {leak:.2f} of it still looks like what was painted out"
    return BackgroundView(
        picture="" if painted is None else picture_uri(painted, _FRAME_SIDE),
        frame=picture_uri(Image.fromarray(middle.image), _FRAME_SIDE),
        time_s=middle.time_s,
        leak=leak if clip.background is None else clip.background.leak,
        why_missing="" if painted is not None else why,
    )


def _frame_view(clip: Clip, index: int, frame: ReferenceFrame) -> FrameView:
    found = [entity for entity in clip.located or () if entity.reference_index == index and entity.mask.any()]
    height, width = frame.image.shape[:2]
    return FrameView(
        time_s=frame.time_s,
        picture=picture_uri(Image.fromarray(frame.image), _FRAME_SIDE),
        width=width,
        height=height,
        outlines=[_outline(clip, entity) for entity in found],
    )


def _outline(clip: Clip, entity: LocatedEntity) -> Outline:
    word = (clip.entity_words or ())[entity.word_index]
    x0, y0, x1, y1 = mask_box(entity.mask)
    edges, _ = cv2.findContours(entity.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = [" ".join(f"{x},{y}" for x, y in edge.reshape(-1, 2).tolist()) for edge in edges]
    return Outline(
        name=f"{word.word}?" if entity.is_ambiguous else word.word,
        kind=word.kind,
        box=(x0, y0, x1 - x0, y1 - y0),
        path=" ".join(f"M{edge}Z" for edge in points),
    )


def _crop_view(picture: PictureFinding) -> CropView:
    return CropView(
        name=f"{'face of ' if picture.is_face else ''}{picture.word}",
        kind=picture.kind,
        time_s=picture.time_s,
        picture=picture_uri(Image.fromarray(picture.cutout), _CROP_SIDE),
        why_dropped=picture.why_dropped,
    )
