"""One door to a clip: its file is opened, its timeline read, its frames are decoded as they are asked for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import av

from storage.address import Address
from video_reading.fetched_file import fetched
from video_reading.opening import OpenedVideo, VideoFile, open_video
from video_reading.packets import read_packets
from video_reading.part import VideoPart
from video_reading.shown_frames import ShownFrames
from video_reading.timeline import Timeline, timeline_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedClip:
    """A clip whose file is open.

    Attributes:
        part: what was asked for.
        file: at hand while the clip is open.
        frames: to be taken once.
    """

    part: VideoPart
    file: VideoFile
    video: OpenedVideo
    timeline: Timeline
    frames: ShownFrames


@contextmanager
def open_clip(part: VideoPart, *, enough_s: float | None = None) -> Iterator[OpenedClip]:
    """Open a clip; decoding begins when its first frame is taken.

    Whoever looks at no more than `enough_s` from its first frame on is spared what lies behind: of a film, most of it.
    The timeline then may end there, but not before.

    Raises:
        VideoError: there is no such clip.
    """
    with file_at_hand(part, enough_s) as file:
        with read_packets(file, part, enough_s=enough_s) as packets:
            timeline = timeline_of(packets)
            if packets.kept is not None:
                yield _opened(file, packets.video, timeline, part, chain(packets.kept, [_ending(packets.video)]))
                return
        with _reopened(file, timeline, part) as clip:
            yield clip


def opened_again(clip: OpenedClip) -> AbstractContextManager[OpenedClip]:
    """The same clip with all of its frames still to be taken, while the first one stays open."""
    return _reopened(clip.file, clip.timeline, clip.part)


@contextmanager
def file_at_hand(part: VideoPart, enough_s: float | None = None) -> Iterator[VideoFile]:
    """The file, as something that can be opened again and again."""
    if not isinstance(part.file, Address):
        yield part.file
        return
    wants_all = part.span.is_whole and enough_s is None
    with fetched(part.file, wants_all=wants_all, max_bytes=part.max_fetched_bytes) as file:
        yield file


@contextmanager
def _reopened(file: VideoFile, timeline: Timeline, part: VideoPart) -> Iterator[OpenedClip]:
    with open_video(file, max_pixels=part.max_pixels) as video:
        if timeline.seek_s is not None:
            video.seek(timeline.seek_s)
        yield _opened(file, video, timeline, part, video.container.demux(video.stream))


def _opened(
    file: VideoFile, video: OpenedVideo, timeline: Timeline, part: VideoPart, packets: "Iterator[av.Packet[Any]]"
) -> OpenedClip:
    frames = ShownFrames(video, timeline, part, packets)
    return OpenedClip(part=part, file=file, video=video, timeline=timeline, frames=frames)


def _ending(video: OpenedVideo) -> "av.Packet[Any]":
    """The empty packet upon which a decoder gives out the frames that it still has."""
    packet: av.Packet[Any] = av.Packet()
    packet.stream, packet.time_base = video.stream, Fraction(video.stream.time_base or 0)
    return packet
