"""Splits videos of several shots into clips of one shot each, instead of rejecting them (A.1)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import ShotDetector
from curation.records import Clip, Video
from curation.rules import Bound, Rule
from curation.shot_changes import ShotChange, shot_changes
from curation.stage import Resources, Stage
from curation.video.facts_of_part import facts_of_part
from curation.video.footage import Footage, Shot
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict
from storage.numbers import expect_at_least

Probabilities = npt.NDArray[np.float64]

# A cut is hard if the two frames at it differ by at least this share of what the video changes by in the time around.
# On marked videos it is above 0.45 at hard cuts and below 0.22 in dissolves and fades.
_HARD_SHARE: Final = 1 / 3


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class SplitShotsConfig:
    """Where a video is split.

    Attributes:
        threshold: probability of a shot change from which a video is split. Our choice: lower than the one that rejects
            a clip, because an unneeded split costs a few frames and a missed one spoils a clip. Of TransNetV2's misses
            at 0.5 on natural videos half are above 0.2, and no single shot among them is.
        hard_margin_frames: left out on each side of a hard cut, where compression may blend the two shots. Our choice.
        gradual_margin_s: left out on each side of any other change. Our choice: half a second, as the probability peaks
            somewhere within a dissolve, and those last up to a second; longer fades have several such peaks.
    """

    threshold: float = 0.2
    hard_margin_frames: int = field(default=2, metadata=PRESET_ONLY)
    gradual_margin_s: float = field(default=0.5, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"split stage has threshold {self.threshold}, expected above 0 and at most 1")
        expect_at_least(0, "split stage", self, "hard_margin_frames", "gradual_margin_s")


class SplitShots(Stage):
    """Makes one clip of every shot. A video that is one shot stays as it is."""

    name: ClassVar[str] = "split_shots"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"cut_times_s", "shot_change"})

    def __init__(self, config: SplitShotsConfig, detector: ShotDetector) -> None:
        self._config = config
        self.detector = detector

    @property
    def resources(self) -> Resources:
        """Those of the detector."""
        return self.detector.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """At least one shot is left between the transitions."""
        return (
            Rule(
                code="no_shot",
                reads="shots",
                bound=Bound.AT_LEAST,
                limit=1,
                sentence="shot changes with nothing but transitions between them{where_cut}",
                plain="nothing but transitions",
                advice="give a part of the video without transitions",
            ),
        )

    @property
    def threshold(self) -> float:
        """The probability from which a shot change counts."""
        return self._config.threshold

    def annotators(self) -> tuple[Annotator, ...]:
        """The shot detector."""
        return (self.detector.describe(),)

    def setup(self) -> None:
        """Load the detector."""
        self.detector.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with `shot_change`, the times of their cuts, and their shots."""
        return [self._score(clip) for clip in clips]

    def split(self, clip: Clip) -> tuple[Clip, ...]:
        """One clip per shot, whose source is the shot's span of the video."""
        footage, media = clip.frames, clip.media
        if not isinstance(footage, Footage) or media is None:
            raise ValueError(
                f"clip {clip.clip_id} has no footage or facts to split; decode it with keeps_footage first"
            )
        if len(footage.shots) == 1 and footage.shots[0].end - footage.shots[0].first == len(footage.times_s):
            return (clip,)
        parts = []
        for number, shot in enumerate(footage.shots, start=1):
            start_s, end_s = footage.span_s(shot)
            part = footage.part(shot)
            source = replace(clip.source, start_s=start_s, end_s=end_s, num_clips=len(footage.shots))
            named = replace(clip, clip_id=f"{clip.clip_id}-shot{number}", source=source, cut_times_s=(), frames=part)
            facts = facts_of_part(media, part.times_s, end_s)
            parts.append(replace(named, media=facts).with_scores(shot_change=shot.shot_change))
        return tuple(parts)

    def measured(self, clip: Clip) -> str:
        """Which shot of its source it is, and the likeliest change left in it."""
        is_part = clip.source.num_clips > 1
        part = f"{clip.source.start_s:.2f} to {clip.source.end_s:.2f} s" if is_part else "the whole video"
        return f"one shot: {part}; likeliest shot change in it {clip.scores.shot_change or 0.0:.2f}"

    def _score(self, clip: Clip) -> Clip:
        frames = clip.frames
        if frames is None:
            raise ValueError(f"clip {clip.clip_id} has no frames; decode it first")
        # A probability is about a frame and the next one, so the last frame has none.
        probabilities = self.detector.cut_probabilities(frames.thumbnails)[:-1]
        changes = shot_changes(probabilities, self._config.threshold)
        if isinstance(frames, Footage):
            frames = replace(frames, shots=self._shots(frames, probabilities, changes))
            clip = clip.with_scores(shots=len(frames.shots))
        cut_times_s = tuple(float(frames.times_s[change.likeliest]) for change in changes)
        scored = replace(clip, frames=frames, cut_times_s=cut_times_s)
        return scored.with_scores(shot_change=float(probabilities.max(initial=0.0)))

    def _shots(self, footage: Footage, probabilities: Probabilities, changes: Sequence[ShotChange]) -> tuple[Shot, ...]:
        transitions = [self._transition(footage, change) for change in changes]
        return tuple(
            Shot(first=first, end=end, shot_change=float(probabilities[first : end - 1].max(initial=0.0)))
            for first, end in spans_between(transitions, len(footage.times_s))
        )

    def _transition(self, footage: Footage, change: ShotChange) -> tuple[int, int]:
        """Frames `[start, end)` around a change that belong to neither shot."""
        times_s, margin_s, cut = footage.times_s, self._config.gradual_margin_s, change.likeliest
        around_s = times_s[change.first] - margin_s, times_s[change.last] + margin_s
        start, end = np.searchsorted(times_s, around_s).tolist()
        if is_hard_cut(footage.thumbnails, cut, start, end):
            start, end = cut - self._config.hard_margin_frames, cut + self._config.hard_margin_frames
        return max(0, start), min(end, len(times_s))


def is_hard_cut(thumbnails: Video, cut: int, start: int, end: int) -> bool:
    """Whether the video changes at one frame, and not little by little in `[start, end)`."""
    before, after = max(0, start - 1), min(end, len(thumbnails) - 1)
    return _difference(thumbnails, cut - 1, cut) >= _HARD_SHARE * _difference(thumbnails, before, after)


def spans_between(transitions: Sequence[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """What the transitions leave of `count` frames. They may overlap, and may be empty, but begin in rising order."""
    spans = []
    position = 0
    for first, end in [*transitions, (count, count)]:
        if first > position:
            spans.append((position, first))
        position = max(position, end)
    return spans


def _difference(thumbnails: Video, first: int, second: int) -> float:
    return float(np.abs(thumbnails[first].astype(np.int16) - thumbnails[second]).mean())
