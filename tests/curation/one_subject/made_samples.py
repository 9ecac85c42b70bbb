"""Clips of subjects that are one color each, with pictures that a test knows by heart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from curation.masks import png
from curation.records import Cutout, Image
from curation.stage import Resources
from dataset_schema import (
    Annotator,
    Box,
    Entity,
    EntityKind,
    MediaFacts,
    Payload,
    ReferenceImage,
    Sample,
    Scores,
    Source,
)
from tests.made_references import made_reference

HEIGHT, WIDTH = 360, 640
MEDIA = MediaFacts(
    container="mp4",
    codec="h264",
    width=WIDTH,
    height=HEIGHT,
    declared_frames=24,
    decoded_frames=24,
    duration_s=1.0,
    fps=24.0,
    is_vfr=False,
    rotation_deg=0,
    sample_aspect_ratio=1.0,
    color_transfer=None,
    is_interlaced=False,
    has_audio=False,
)


class MeanColor:
    """An encoder that knows the mean color alone: two pictures are as alike as those point the same way."""

    same_subject = 0.95

    def describe(self) -> Annotator:
        return Annotator(job="likeness", name="mean-color", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass

    def encode(self, cutouts: Sequence[Cutout]) -> npt.NDArray[np.float64]:
        means = np.stack([cutout[cutout[..., 3] > 0][:, :3].mean(axis=0) for cutout in cutouts])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float64)


def cutout(color: tuple[int, int, int], *, height: int = 100, width: int = 140, seed: int = 0) -> Cutout:
    """A box of one color with grain in it, which keeps it sharp; other seeds give other grain of large cells."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(-30, 30, (4, 4)).repeat(-(-height // 4), axis=0).repeat(-(-width // 4), axis=1)
    grain = rng.integers(-9, 9, (height, width)) + cells[:height, :width]
    rgb = np.clip(np.array(color) + grain[..., None], 0, 250)
    return np.dstack([rgb, np.full((height, width), 255)]).astype(np.uint8)


def reference(picture: Cutout, *, place: int = 0, frame: int = 0, is_face: bool = False) -> ReferenceImage:
    """The picture, cut from the top left corner of its frame."""
    height, width = picture.shape[:2]
    return made_reference(
        Payload(bytes=png(picture)),
        frame_index=frame,
        time_s=frame / 24,
        box=Box(x0=0, y0=0, x1=width, y1=height),
        area=height * width / (HEIGHT * WIDTH),
        is_face=is_face,
        place=place,
        likeness=(1.0,) * (place + 1),
    )


@dataclass(frozen=True, kw_only=True)
class Made:
    """A clip: its words and their pictures."""

    number: int
    words: Mapping[str, Sequence[ReferenceImage]]
    kinds: Mapping[str, EntityKind] = field(default_factory=dict)
    video: bytes = b"a video"
    size: tuple[int, int] = (HEIGHT, WIDTH)

    @property
    def sample(self) -> Sample:
        caption = " and ".join(f"a {word}" for word in self.words)
        return Sample(
            clip_id=f"{self.number:032x}",
            source=Source(id=str(self.number), uri=f"videos/{self.number}.mp4"),
            caption=caption,
            video=Payload(bytes=self.video),
            video_start_s=0.0,
            num_frames=24,
            fps=24.0,
            height=self.size[0],
            width=self.size[1],
            bucket="17x144x256",
            media=MEDIA,
            scores=Scores(desirable=0.9),
            entities=tuple(
                Entity(
                    word=word,
                    kind=self.kinds.get(word, EntityKind.SUBJECT),
                    start=caption.index(f"a {word}") + 2,
                    end=caption.index(f"a {word}") + 2 + len(word),
                    references=tuple(references),
                )
                for word, references in self.words.items()
            ),
            background=None,
        )


def frame(seed: int, brightness: int = 130) -> Image:
    """A frame that is like no other seed's."""
    cells = np.random.default_rng(seed).integers(-40, 40, (9, 16, 3)).repeat(40, axis=0).repeat(40, axis=1)
    return np.clip(cells + brightness, 0, 255).astype(np.uint8)
