"""Gives every shot of a split video the frames that later stages look at; rejects shots that are too short or blank."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from curation.media_limits import ClipRules
from curation.records import Clip
from curation.stage import Resources
from curation.video.facts_of_part import facts_of_part
from curation.video.footage import Footage
from dataset_schema import Annotator, Reason


class ShotFrames:
    """Takes content and reference frames of a shot from the stills of its video, so that nothing is decoded again.

    The rules are those of decoding, applied to shots. Only here are the pictures unpacked, some 20 MB a clip: a video
    may have hundreds of shots.
    """

    name: ClassVar[str] = "shot_frames"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"media", "frames"})

    def __init__(self, rules: ClipRules) -> None:
        self._rules = rules

    @property
    def resources(self) -> Resources:
        """One core."""
        return Resources()

    def annotators(self) -> tuple[Annotator, ...]:
        """None."""
        return ()

    def setup(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with their frames. Footage that nobody split becomes the frames of the whole video."""
        return [self._unpack(clip) for clip in clips]

    def decide(self, clip: Clip) -> tuple[Reason, ...]:
        """What makes a shot unfit whatever it shows."""
        media, frames = clip.media, clip.frames
        if media is None:
            raise ValueError(f"clip {clip.clip_id} has no media facts; decode it first")
        broken = tuple(self._rules.broken(self.name, media, frames))
        if broken or frames is None or frames.reference_frames:
            return broken
        return (Reason(stage=self.name, reason="too_short", detail="so short that no large picture was kept of it"),)

    def _unpack(self, clip: Clip) -> Clip:
        footage, media = clip.frames, clip.media
        if footage is None or media is None:
            raise ValueError(f"clip {clip.clip_id} has no frames or no media facts, expected both; check the plan")
        if not isinstance(footage, Footage):
            return clip
        frames, clip_end_s = footage.frames(self._rules.division)
        if clip_end_s is None:
            return replace(clip, frames=frames)
        source = replace(clip.source, end_s=clip_end_s)
        return replace(clip, source=source, media=facts_of_part(media, frames.times_s, clip_end_s), frames=frames)
