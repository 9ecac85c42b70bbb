"""One pass over a clip: the facts about it, and every picture that a later stage will look at."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import av
import numpy as np
from av.video.reformatter import Interpolation

from curation.records import Frames, Image
from curation.stage import ClipError
from curation.video.content_hash import content_sha256
from curation.video.facts_of_part import facts_of_part
from curation.video.plan import ROUNDING_S, FramePlan, Times, plan_frames, plan_stills
from curation.video.planned_pictures import PlannedPictures, Use
from curation.video.requests import Decoded, DecodeRequest
from curation.video.sampling import CONTENT_SIDE, NEIGHBOUR_LONG_SIDE, THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH
from dataset_schema import FailureKind
from video_reading.clip import OpenedClip, open_clip
from video_reading.damage import describe_damage
from video_reading.look import Look, shrunk
from video_reading.media_facts import media_facts
from video_reading.part import Span, VideoPart

# How much of a clip that is too long is decoded: enough to see what it is.
_GLANCE_S: Final = 2.0


def decode(request: DecodeRequest) -> Decoded:
    """Probe a clip and decode it once.

    Raises:
        ClipError: no frame can be decoded, or an annotated one is not there.
        VideoError: there is no such clip.
    """
    if request.frame_span is not None:
        span = _span_of_frames(request.part, request.frame_span)
        found = decode(replace(request, part=replace(request.part, span=span), frame_span=None))
        return replace(found, span=span)
    with open_clip(request.part) as clip:
        start_s, duration_s = float(clip.timeline.times_s[0]), clip.timeline.duration_s
        decoded = _decode(clip, request) if duration_s <= request.max_duration_s else None
        # Last: what a store gave for the frames is at hand then.
        content = content_sha256(clip.file) if request.wants_content_hash else None
    if decoded is not None:
        return replace(decoded, content_sha256=content)
    span = Span(start_s=start_s, end_s=start_s + _GLANCE_S)
    request = replace(request, part=replace(request.part, span=span), division=None, keeps_footage=False, wanted=())
    with open_clip(request.part) as clip:
        glance = _decode(clip, request)
    return replace(glance, media=replace(glance.media, duration_s=duration_s), content_sha256=content)


def _span_of_frames(part: VideoPart, frame_span: tuple[int, int]) -> Span:
    """When frames of a file are shown, from the first to the one after the last.

    Many files do not begin at 0, and some keep no pace, so that no number of frames per second tells.
    """
    first, end = frame_span
    with open_clip(part) as clip:
        times_s = clip.timeline.times_s
    if end > len(times_s):
        raise ClipError(
            FailureKind.INPUT,
            f"frames [{first}, {end}) were annotated, and the file has {len(times_s)}; this is another version of the "
            "video",
        )
    return Span(
        start_s=float(times_s[first]) if first else None,
        end_s=float(times_s[end]) if end < len(times_s) else None,
    )


def _decode(clip: OpenedClip, request: DecodeRequest) -> Decoded:
    timeline, is_whole = clip.timeline, request.part.span.is_whole
    plan = _planned(clip, request)
    look, frames = _gather(clip, plan, request)
    if request.wanted:
        _expect_wanted(frames, plan, timeline.times_s)
    media = media_facts(clip, look, frames.times_s)
    damage = describe_damage(media, timeline, clip.frames.trouble, is_whole=is_whole)
    media = replace(media, damage=damage, declared_frames=media.declared_frames if is_whole else None)
    if plan.clip_end_s is not None:
        media = facts_of_part(media, frames.times_s, plan.clip_end_s)
    return Decoded(media=media, frames=frames, clip_end_s=plan.clip_end_s)


def _planned(clip: OpenedClip, request: DecodeRequest) -> FramePlan:
    timeline = clip.timeline
    try:
        return plan_frames(timeline.times_s, timeline.end_s, request.division, request.wanted)
    except ValueError as error:
        raise ClipError(
            FailureKind.INPUT, f"{error}; this is another version of the video than the annotated one"
        ) from error


def _expect_wanted(frames: Frames, plan: FramePlan, times_s: Times) -> None:
    """Where a frame cannot be decoded, the one before stays on show, and masks would lie on the wrong picture."""
    wanted_s = times_s[np.searchsorted(times_s, plan.references_s, side="right") - 1]
    shown_s = np.array([reference.time_s for reference in frames.reference_frames])
    if shown_s.shape != wanted_s.shape or np.abs(shown_s - wanted_s).max() > ROUNDING_S:
        raise ClipError(FailureKind.CORRUPT, "an annotated frame cannot be decoded; fetch the video again")


def _gather(clip: OpenedClip, plan: FramePlan, request: DecodeRequest) -> tuple[Look, Frames]:
    times_s, end_s = clip.timeline.times_s, clip.timeline.end_s
    stills = plan_stills(times_s, end_s) if request.keeps_footage else None
    look = pictures = None
    for shown in clip.frames:
        if look is None or pictures is None:
            look = Look.of(shown.frame, clip.video.sample_aspect)
            pictures = PlannedPictures(plan, _painters(look, request.reference_long_side), stills)
        pictures.add(shown)
    if look is None or pictures is None:
        messages = clip.frames.trouble.messages
        said = f"; the decoder says: {messages[0]}" if messages else ""
        raise ClipError(
            FailureKind.CORRUPT,
            f"none of its {len(times_s)} frames can be decoded{said}; fetch it again, or leave it out",
        )
    if stills is None:
        return look, pictures.frames()
    return look, pictures.footage(end_s=end_s, large_step_s=stills.large_step_s)


def _painters(look: Look, reference_long_side: int) -> dict[Use, Callable[[av.VideoFrame], Image]]:
    large, small = shrunk(look.size, reference_long_side), shrunk(look.size, NEIGHBOUR_LONG_SIDE)
    return {
        # Our choice: area averaging, because every frame pays for it: a third of the cost of the bicubic filter on
        # large frames, and the same shots are found. Of small stills there are many, too.
        Use.THUMBNAIL: look.painter(THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH, Interpolation.AREA),
        Use.CONTENT: look.painter(CONTENT_SIDE, CONTENT_SIDE),
        Use.REFERENCE: look.painter(*large),
        Use.NEIGHBOUR: look.painter(*small),
        Use.SMALL_STILL: look.painter(*small, Interpolation.AREA),
        Use.LARGE_STILL: look.painter(*large),
    }
