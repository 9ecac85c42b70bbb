"""Gives every shot of a split video the frames that later stages look at; rejects shots that are too short or blank."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from curation.media_limits import FRAME_SCORES, MediaLimits, measured_media, with_frame_scores
from curation.records import Clip
from curation.rules import Bound, Rule
from curation.stage import Stage
from curation.video.facts_of_part import facts_of_part
from curation.video.footage import Footage


class ShotFrames(Stage):
    """Takes content and reference frames of a shot from the stills of its video, so that nothing is decoded again.

    The rules are those of decoding, applied to shots. Only here are the pictures unpacked, some 20 MB a clip: a video
    may have hundreds of shots.
    """

    name: ClassVar[str] = "shot_frames"
    reads: ClassVar[frozenset[str]] = frozenset({"media", "frames"})
    adds: ClassVar[frozenset[str]] = frozenset({"media", "frames"}) | FRAME_SCORES

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those of decoding that are about any clip, and that large pictures were kept of the shot."""
        return (
            *self._limits.rules,
            Rule(
                code="too_short",
                reads="reference_frames",
                bound=Bound.AT_LEAST,
                limit=1,
                sentence="so short that no large picture was kept of it",
                plain="too short",
                advice="give a longer clip",
            ),
        )

    def measured(self, clip: Clip) -> str:
        """Facts about the shot."""
        return measured_media(clip)

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips with their frames. Footage that nobody split becomes the frames of the whole video."""
        return [self._unpack(clip) for clip in clips]

    def _unpack(self, clip: Clip) -> Clip:
        footage, media = clip.frames, clip.media
        if footage is None or media is None:
            raise ValueError(f"clip {clip.clip_id} has no frames or no media facts, expected both; check the plan")
        if not isinstance(footage, Footage):
            return with_frame_scores(clip, footage)
        frames, clip_end_s = footage.frames(self._limits.division)
        clip = with_frame_scores(clip, frames)
        if clip_end_s is None:
            return replace(clip, frames=frames)
        source = replace(clip.source, end_s=clip_end_s)
        return replace(clip, source=source, media=facts_of_part(media, frames.times_s, clip_end_s), frames=frames)
