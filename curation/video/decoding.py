"""One pass over a clip: the facts about it, and every picture that a later stage will look at."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Final

import av
from av.video.reformatter import Interpolation

from curation.records import Frames, Image
from curation.stage import ClipError
from curation.video.damage import describe_damage
from curation.video.facts import facts_of_part
from curation.video.gathering import Gathering, Use
from curation.video.opening import OpenedVideo, open_video
from curation.video.pictures import Pictures
from curation.video.plan import FramePlan, plan_frames, plan_stills
from curation.video.requests import Decoded, DecodeRequest, Span, VideoPart
from curation.video.sampling import CONTENT_SIDE, NEIGHBOUR_LONG_SIDE, THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH
from curation.video.timeline import Timeline, read_timeline
from curation.video.upright import Look, shrunk
from dataset_schema import FailureKind, MediaFacts

# How much of a clip that is too long is decoded: enough to see what it is.
_GLANCE_S: Final = 2.0


def decode(request: DecodeRequest) -> Decoded:
    """Probe a clip and decode it once.

    Raises:
        ClipError: there is no clip to be had.
    """
    part = request.part
    timeline = read_timeline(part)
    if timeline.duration_s <= request.max_duration_s:
        return _decode_part(part, timeline, request)
    start_s = float(timeline.times_s[0])
    glance = replace(part, span=Span(start_s=start_s, end_s=start_s + _GLANCE_S))
    decoded = _decode_part(glance, read_timeline(glance), replace(request, division=None, keeps_footage=False))
    return replace(decoded, media=replace(decoded.media, duration_s=timeline.duration_s))


def _decode_part(part: VideoPart, timeline: Timeline, request: DecodeRequest) -> Decoded:
    plan = plan_frames(timeline.times_s, timeline.end_s, request.division)
    with open_video(part) as video:
        pictures = Pictures(video, timeline, part)
        look, frames = _gather(pictures, timeline, video.sample_aspect, plan, request)
        media = _facts(video, timeline, pictures, look, frames)
    damage = describe_damage(media, timeline, pictures.trouble, is_whole=part.span.is_whole)
    declared_frames = media.declared_frames if part.span.is_whole else None
    media = replace(media, damage=damage, declared_frames=declared_frames)
    if plan.clip_end_s is not None:
        media = facts_of_part(media, frames.times_s, plan.clip_end_s)
    return Decoded(media=media, frames=frames, clip_end_s=plan.clip_end_s)


def _gather(
    pictures: Pictures, timeline: Timeline, sample_aspect: Fraction, plan: FramePlan, request: DecodeRequest
) -> tuple[Look, Frames]:
    stills = plan_stills(timeline.times_s, timeline.end_s) if request.keeps_footage else None
    look = gathering = None
    for picture in pictures:
        if look is None or gathering is None:
            look = Look.of(picture.frame, sample_aspect)
            gathering = Gathering(plan, _painters(look, request.reference_long_side), stills)
        gathering.add(picture)
    if look is None or gathering is None:
        said = f"; the decoder says: {pictures.trouble.messages[0]}" if pictures.trouble.messages else ""
        raise ClipError(
            FailureKind.CORRUPT,
            f"none of its {len(timeline.times_s)} frames can be decoded{said}; fetch it again, or leave it out",
        )
    if stills is None:
        return look, gathering.frames()
    return look, gathering.footage(end_s=timeline.end_s, large_step_s=stills.large_step_s)


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


def _facts(video: OpenedVideo, timeline: Timeline, pictures: Pictures, look: Look, frames: Frames) -> MediaFacts:
    decoded = len(frames.times_s)
    last_frame_s = timeline.end_s - float(timeline.times_s[-1])
    duration_s = float(frames.times_s[-1] - frames.times_s[0]) + last_frame_s
    height, width = look.size
    return MediaFacts(
        container=video.container.format.name,
        codec=video.stream.codec_context.codec.canonical_name,
        width=width,
        height=height,
        declared_frames=timeline.declared_frames,
        decoded_frames=decoded,
        duration_s=duration_s,
        fps=decoded / duration_s,
        is_vfr=timeline.is_vfr(video.tick_s),
        rotation_deg=look.orientation.rotation_deg,
        sample_aspect_ratio=float(look.sample_aspect),
        color_transfer=look.transfer,
        is_interlaced=pictures.is_interlaced,
        has_audio=bool(video.container.streams.audio),
    )
