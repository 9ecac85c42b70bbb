"""One picture or video of a row: whether it decodes, and as what."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from hashlib import sha256
from itertools import islice

import av.error

from dataset_schema import Payload, Sample
from exports.cutting import published_sha256
from picture_reading.opening import open_picture
from storage.address import Address, Place, place_beside
from storage.places import place_of
from video_reading.clip import OpenedClip, open_clip
from video_reading.damage import describe_damage
from video_reading.look import Look
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError


class Videos(StrEnum):
    """How much of a video is decoded."""

    ALL = "all"
    FIRST = "first"


def problem_of_picture(picture: Payload, root: Place) -> str | None:
    """Why a picture cannot be shown; None where it can."""
    try:
        source = picture.bytes if picture.bytes is not None else place_beside(root, str(picture.path))
        open_picture(source.read_bytes() if isinstance(source, Address) else source)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def problems_of_video(sample: Sample, root: Place, videos: Videos) -> Iterator[tuple[str, str]]:
    """What is found of a sample's video, and what its row makes expect; nothing where all is right.

    Of a video that was not sound when it was curated, its row says so, and no more than its frames are counted.
    Where all is decoded, a video that is its source's whole file is hashed too.
    """
    if videos is Videos.ALL:
        yield from _other_content(sample)
    part = _part(sample, root)
    try:
        with open_clip(part, enough_s=None if videos is Videos.ALL else 0.0) as clip:
            yield from _differences(sample, clip, part, videos)
    except (VideoError, av.error.FFmpegError) as error:
        yield f"it cannot be decoded ({error})", f"{sample.num_frames} frames"


def _other_content(sample: Sample) -> Iterator[tuple[str, str]]:
    told = published_sha256(sample)
    if told is None or sample.video.bytes is None:
        return
    found = sha256(sample.video.bytes).hexdigest()
    if found != told:
        yield f"its bytes hash to {found}", f"{told}, as its source has it (content_sha256)"


def _part(sample: Sample, root: Place) -> VideoPart:
    """A clip in its source is the source's span, any other video is a clip by itself, from where it starts."""
    video, source = sample.video, sample.source
    if video.bytes is not None:
        return VideoPart(file=video.bytes, span=Span())
    if video.path == source.uri:
        return VideoPart(file=place_of(source.uri), span=Span(start_s=source.start_s, end_s=source.end_s))
    return VideoPart(file=place_beside(root, str(video.path)), span=Span(start_s=sample.video_start_s or None))


def _differences(sample: Sample, clip: OpenedClip, part: VideoPart, videos: Videos) -> Iterator[tuple[str, str]]:
    frames = iter(clip.frames)
    first = next(frames, None)
    if first is None:
        yield "no frame of it decodes", f"{sample.num_frames} frames"
        return
    height, width = Look.of(first.frame, clip.video.sample_aspect).size
    if (height, width) != (sample.height, sample.width):
        yield f"its frames are {width}x{height}", f"{sample.width}x{sample.height}"
    if videos is Videos.FIRST:
        return
    count = 1 + sum(1 for _ in islice(frames, None))
    if count != sample.num_frames:
        yield f"it has {count} frames", f"{sample.num_frames}"
    if sample.media.damage is None and (damage := _damage(sample, clip, part, count)):
        yield f"it is damaged: {damage}", "a sound one, as its row says"


def _damage(sample: Sample, clip: OpenedClip, part: VideoPart, count: int) -> str | None:
    stream = clip.video.stream.codec_context.codec
    media = replace(
        sample.media,
        container=clip.video.container.format.name,
        codec=stream.canonical_name,
        decoded_frames=count,
    )
    return describe_damage(media, clip.timeline, clip.frames.trouble, is_whole=part.span.is_whole)
