"""Keeps, of the frames that stream by, exactly the pictures that were planned. Nothing else stays in memory."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import av
import numpy as np

from curation.records import Frames, Image, ReferenceFrame
from curation.video.footage import Footage
from curation.video.plan import FramePlan, StillsPlan
from curation.video.stills import StillsRecorder
from video_reading.shown_frames import ShownFrame


class Use(IntEnum):
    """What a picture is for; each use has its own size."""

    THUMBNAIL = 0
    CONTENT = 1
    REFERENCE = 2
    NEIGHBOUR = 3
    SMALL_STILL = 4
    LARGE_STILL = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    index: int
    image: Image


@dataclass(slots=True, eq=False)
class _Reference:
    frame: _Kept | None = None
    neighbours: list[_Kept] = field(default_factory=list)


class PlannedPictures:
    """Takes the frames of a clip one by one, then gives out `Frames`.

    A planned moment is met by the frame on show then, which is known once the next frame arrives: so the one before is
    held back. Where frames are missing, an earlier one is on show for longer, as in a player.

    Args:
        paint: draws a picture at the size of its use.
        stills: what to keep besides, for a video that will be split.
    """

    def __init__(
        self,
        plan: FramePlan,
        paint: Mapping[Use, Callable[[av.VideoFrame], Image]],
        stills: StillsPlan | None = None,
    ) -> None:
        self._paint = paint
        self._plan = plan
        self._waiting = deque(sorted([*_moments(plan), *_still_moments(stills)]))
        self._on_show: ShownFrame | None = None
        self._painted: dict[Use, _Kept] = {}
        self._thumbnails: list[Image] = []
        self._times_s: list[float] = []
        self._content: list[_Kept] = []
        self._references = [_Reference() for _ in plan.references_s]
        self._stills = {Use.SMALL_STILL: StillsRecorder(), Use.LARGE_STILL: StillsRecorder()}

    def add(self, shown: ShownFrame) -> None:
        """Take the next frame."""
        if self._on_show is not None:
            self._meet(until_s=shown.time_s)
        self._on_show = shown
        self._painted.clear()
        self._times_s.append(shown.time_s)
        self._thumbnails.append(self._paint[Use.THUMBNAIL](shown.frame))

    def frames(self) -> Frames:
        """Everything that was kept. Call once, after at least one frame."""
        self._meet(until_s=float("inf"))
        # Frames arrive in the order they are shown in: where their times run backwards, only the times are shuffled.
        times_s = np.sort(np.array(self._times_s))
        content = [kept.index for kept in self._content]
        found = (_reference_frame(r, times_s, self._plan.clip_end_s) for r in self._references)
        references = {reference.index: reference for reference in found}
        return Frames(
            thumbnails=np.stack(self._thumbnails),
            times_s=times_s,
            content=np.stack([kept.image for kept in self._content]),
            content_times_s=times_s[content],
            reference_frames=tuple(references.values()),
        )

    def footage(self, *, end_s: float, large_step_s: float) -> Footage:
        """The same, with the stills. Call once, after at least one frame, the last of which ends at `end_s`."""
        frames = self.frames()
        return Footage(
            **{name: getattr(frames, name) for name in Frames.__dataclass_fields__},
            end_s=end_s,
            small=self._stills[Use.SMALL_STILL].stills(),
            large=self._stills[Use.LARGE_STILL].stills(),
            large_step_s=large_step_s,
        )

    def _meet(self, *, until_s: float) -> None:
        while self._waiting and self._waiting[0][0] < until_s:
            _, use, number = self._waiting.popleft()
            kept = self._kept(use)
            if use in self._stills:
                self._stills[use].add(kept.index, kept.image)
            elif use is Use.CONTENT:
                self._content.append(kept)
            elif use is Use.REFERENCE:
                self._references[number].frame = kept
            else:
                self._references[number].neighbours.append(kept)

    def _kept(self, use: Use) -> _Kept:
        if self._on_show is None:
            raise ValueError("no frame was added, expected at least one")
        if use not in self._painted:
            self._painted[use] = _Kept(len(self._times_s) - 1, self._paint[use](self._on_show.frame))
        return self._painted[use]


def _moments(plan: FramePlan) -> list[tuple[float, Use, int]]:
    return [
        *((moment_s, Use.CONTENT, number) for number, moment_s in enumerate(plan.content_s)),
        *((moment_s, Use.REFERENCE, number) for number, moment_s in enumerate(plan.references_s)),
        *(
            (moment_s, Use.NEIGHBOUR, number)
            for number, moments_s in enumerate(plan.neighbours_s)
            for moment_s in moments_s
        ),
    ]


def _still_moments(plan: StillsPlan | None) -> list[tuple[float, Use, int]]:
    if plan is None:
        return []
    small = [(moment_s, Use.SMALL_STILL, number) for number, moment_s in enumerate(plan.small_s)]
    return small + [(moment_s, Use.LARGE_STILL, number) for number, moment_s in enumerate(plan.large_s)]


def _reference_frame(reference: _Reference, times_s: np.ndarray, clip_end_s: float | None) -> ReferenceFrame:
    if reference.frame is None:
        raise ValueError("a planned reference frame was not met")
    around = {kept.index: kept.image for kept in reference.neighbours}
    time_s = float(times_s[reference.frame.index])
    return ReferenceFrame(
        index=reference.frame.index,
        time_s=time_s,
        image=reference.frame.image,
        neighbours=np.stack(list(around.values())),
        neighbour_times_s=tuple(times_s[list(around)].tolist()),
        centre=list(around).index(reference.frame.index),
        is_outside=clip_end_s is not None and time_s >= clip_end_s,
    )
