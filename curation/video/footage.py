"""A video before it is split: its frames, and pictures on a grid of times from which those of each shot are taken.

So one pass of decoding serves all shots, although nobody knows where they are before it is over.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from curation.records import Frames, ReferenceFrame, Video
from curation.video.plan import FramePlan, frame_middles, nearest, neighbours, plan_frames
from curation.video.sampling import CONTENT_SIDE
from curation.video.shot_division import Division
from curation.video.stills import Stills


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Frames `[first, end)` of a video.

    Attributes:
        shot_change: highest probability of a shot change between two of them.
    """

    first: int
    end: int
    shot_change: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Footage(Frames):
    """The frames of a whole video, and what is needed to make those of its shots.

    A part of it has no content and reference frames of its own until `frames` takes them from the stills.

    Attributes:
        end_s: when the last frame ends.
        small: at the size of neighbours, as far apart as those.
        large: at the size of reference frames, `large_step_s` apart.
        shots: once they are known.
    """

    end_s: float
    small: Stills
    large: Stills
    large_step_s: float
    shots: tuple[Shot, ...] = ()

    @property
    def is_part(self) -> bool:
        """Whether it was cut from longer footage."""
        return not len(self.content)

    def span_s(self, shot: Shot) -> tuple[float, float]:
        """When a shot begins and ends."""
        is_last = shot.end == len(self.times_s)
        return float(self.times_s[shot.first]), self.end_s if is_last else float(self.times_s[shot.end])

    def part(self, shot: Shot) -> Self:
        """The footage of one shot."""
        part = slice(shot.first, shot.end)
        return type(self)(
            thumbnails=self.thumbnails[part],
            times_s=self.times_s[part],
            content=self.content[:0],
            content_times_s=self.content_times_s[:0],
            reference_frames=(),
            end_s=self.span_s(shot)[1],
            small=self.small.between(shot.first, shot.end),
            large=self.large.between(shot.first, shot.end),
            large_step_s=self.large_step_s,
        )

    def frames(self, division: Division | None) -> tuple[Frames, float | None]:
        """What the later stages need, and where a divided shot's clip ends.

        The nearest still stands for each planned frame. A content frame then is off by half a neighbour's step at most.
        A reference frame is off by half of `large_step_s`, or by a whole one where it is so close to an end of the shot
        that the nearest still lies beyond it; a shot shorter than a step may have none. The whole video undivided has
        its own, which are exact.
        """
        if division is None and not self.is_part:
            return Frames(**{name: getattr(self, name) for name in Frames.__dataclass_fields__}), None
        plan = plan_frames(self.times_s, self.end_s, division)
        content = self._closest(self.small, plan.content_s) if len(self.small.indices) else []
        references = (self._reference(number, plan) for number in self._reference_stills(plan, division))
        frames = Frames(
            thumbnails=self.thumbnails,
            times_s=self.times_s,
            content=self._content(content),
            content_times_s=self.times_s[self.small.indices[content]],
            reference_frames=tuple(references),
        )
        return frames, plan.clip_end_s

    def _reference_stills(self, plan: FramePlan, division: Division | None) -> list[int]:
        """Numbers of the large stills: those for the clip from the clip, those for the rest from the rest."""
        times_s = self.times_s[self.large.indices]
        if division is None or plan.clip_end_s is None:
            groups = [(np.ones(len(times_s), np.bool_), plan.references_s)]
        else:
            is_rest = times_s >= plan.clip_end_s + division.gap_s
            groups = [(times_s < plan.clip_end_s, plan.references_s[:1]), (is_rest, plan.references_s[1:])]
        chosen: set[int] = set()
        middles_s = frame_middles(self.times_s, self.end_s)[self.large.indices]
        for allowed, moments_s in groups:
            numbers = np.flatnonzero(allowed)
            if len(numbers):
                chosen.update(numbers[nearest(middles_s[numbers], np.array(moments_s))].tolist())
        return sorted(chosen)

    def _reference(self, number: int, plan: FramePlan) -> ReferenceFrame:
        index = int(self.large.indices[number])
        small_times_s = self.times_s[self.small.indices]
        around = neighbours(small_times_s, int(np.searchsorted(self.small.indices, index)))
        return ReferenceFrame(
            index=index,
            time_s=float(self.times_s[index]),
            image=self.large.picture(number),
            neighbours=np.stack([self.small.picture(int(still)) for still in around]),
            neighbour_times_s=tuple(small_times_s[around].tolist()),
            centre=int(np.searchsorted(self.small.indices[around], index)),
            is_outside=plan.clip_end_s is not None and bool(self.times_s[index] >= plan.clip_end_s),
        )

    def _closest(self, stills: Stills, moments_s: tuple[float, ...]) -> list[int]:
        middles_s = frame_middles(self.times_s, self.end_s)[stills.indices]
        return list(map(int, nearest(middles_s, np.array(moments_s))))

    def _content(self, numbers: list[int]) -> Video:
        pictures = {n: self.small.picture(n, (CONTENT_SIDE, CONTENT_SIDE)) for n in numbers}
        return np.stack([pictures[n] for n in numbers]) if numbers else self.content
