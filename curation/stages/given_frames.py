"""Brings together the frames that a clip's masks were made for: its own, those of other videos, those kept as files."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from curation.given import GivenFrame
from curation.given_shapes import beyond, lay
from curation.records import Clip, Image, ReferenceFrame
from curation.stage import ClipError, Resources, Stage
from curation.video.child import Child, ChildConfig
from curation.video.requests import FrameRequest, part_of
from dataset_schema import FailureKind, Source
from picture_reading.opening import open_picture
from picture_reading.showing import on_white
from storage.configs import PRESET_ONLY, strict


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFramesConfig:
    """Limits.

    Attributes:
        child: of the process that decodes frames of other videos.
        max_pixels: as for decoding.
    """

    child: ChildConfig = field(default_factory=ChildConfig, metadata=PRESET_ONLY)
    max_pixels: int = field(default=8192 * 4320, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if self.max_pixels <= 0:
            raise ValueError(f"max_pixels is {self.max_pixels}, expected a positive number")


class GivenFrames(Stage):
    """Makes the reference frames those of the masks, one for each, in their order; it measures nothing."""

    name: ClassVar[str] = "given_frames"
    reads: ClassVar[frozenset[str]] = frozenset({"given", "media", "frames", "entity_words"})
    adds: ClassVar[frozenset[str]] = frozenset({"frames"})

    def __init__(self, config: GivenFramesConfig) -> None:
        self._config = config
        self._child = Child(config.child)

    @property
    def resources(self) -> Resources:
        """One core, and the child's memory."""
        child = self._config.child
        return Resources(memory_bytes=child.memory_bytes, timeout_s=child.timeout_s * 4)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with their frames.

        Raises:
            ClipError: a frame is not there, or is no picture, or a file holds another one.
        """
        return [self._with_frames(clip) for clip in clips]

    def _with_frames(self, clip: Clip) -> Clip:
        if clip.given is None or clip.frames is None or clip.media is None:
            raise ClipError(
                FailureKind.INPUT, f"{clip.source.uri}: it came without masks; the profile `given` is for `import`"
            )
        own = [_with_unnamed(frame, number, clip) for number, frame in enumerate(_own_frames(clip))]
        frames = tuple(
            self._elsewhere(frame, frame.elsewhere) if frame.elsewhere is not None else own[number]
            for number, frame in enumerate(clip.given.frames)
        )
        background = None
        if clip.given.background is not None and own:
            background = _picture(clip.given.background, like=own[len(own) // 2].image)
        return replace(clip, frames=replace(clip.frames, reference_frames=frames, background=background))

    def _elsewhere(self, frame: GivenFrame, source: Source) -> ReferenceFrame:
        child = self._config.child
        part = part_of(source, max_pixels=self._config.max_pixels, max_fetched_bytes=child.max_fetched_bytes)
        image: Image = self._child.ask(FrameRequest(part=part, at=frame.at), where=source.uri)
        return ReferenceFrame(
            index=0,
            time_s=0.0,
            image=image,
            neighbours=image[None],
            neighbour_times_s=(0.0,),
            centre=0,
            is_elsewhere=True,
        )


def _own_frames(clip: Clip) -> list[ReferenceFrame]:
    """The clip's own given frames, which decoding found, in the order in which they are given."""
    if clip.given is None or clip.frames is None or clip.media is None or not clip.given.own_frames:
        return []
    try:
        indices = [at.among(clip.media.decoded_frames) for at in clip.given.own_frames]
        found = dict(zip(sorted(set(indices)), clip.frames.reference_frames, strict=True))
    except ValueError as error:
        raise ClipError(
            FailureKind.CORRUPT, f"{clip.source.uri}: its annotated frames were not all decoded; fetch it again"
        ) from error
    frames = []
    for index, given in zip(indices, clip.given.frames, strict=False):  # those of the clip come first
        frame = found[index]
        image = frame.image if given.picture is None else _picture(given.picture, like=frame.image)
        frames.append(replace(frame, image=image))
    return frames


def _with_unnamed(frame: ReferenceFrame, number: int, clip: Clip) -> ReferenceFrame:
    """With what no word names, and with what nobody annotated: entities may go on there, and marks stand there."""
    named = {word.start for word in clip.entity_words or ()}
    masks = [mask for mask in clip.given.masks if mask.frame == number] if clip.given is not None else []
    unnamed = [lay(mask.shape, frame.image) for mask in masks if mask.start not in named]
    unnamed += [outside for mask in masks if (outside := beyond(mask.shape, frame.image)) is not None]
    return replace(frame, unnamed=np.logical_or.reduce(unnamed)) if unnamed else frame


def _picture(file: Path, *, like: Image) -> Image:
    try:
        image: Image = np.asarray(on_white(open_picture(file)))
    except ValueError as error:
        raise ClipError(FailureKind.INPUT, str(error)) from error
    if image.shape != like.shape:
        raise ClipError(
            FailureKind.INPUT,
            f"{file} has {image.shape[1]}x{image.shape[0]} pixels, expected {like.shape[1]}x{like.shape[0]} as its "
            "video; prepare both from one",
        )
    return image
