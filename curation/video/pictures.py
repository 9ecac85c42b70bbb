"""The frames of a clip in the order of display, each with its time; and what was wrong with them on the way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import av
import av.error
from av.filter import Graph

from curation.video.opening import OpenedVideo, check_pixels, listening
from curation.video.requests import VideoPart
from curation.video.timeline import Timeline

# Said of sound files too: about memory management commands and direct prediction across a seek or a splice.
_HARMLESS: Final = re.compile(r"mmco|co located POCs|number of reference frames")


@dataclass(slots=True)
class Trouble:
    """What decoding ran into.

    Attributes:
        messages: what the decoder said, in order.
        refused: packets that it would not decode.
        corrupt: frames that it flagged as incomplete.
        backwards: frames whose time was not later than the one before.
        sizes: (height, width) of the frames as coded, in order of appearance.
        ended_early: why reading stopped before the end.
    """

    messages: list[str] = field(default_factory=list)
    refused: int = 0
    corrupt: int = 0
    backwards: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    ended_early: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame and when it is shown."""

    frame: av.VideoFrame
    time_s: float


class Pictures:
    """Decodes a clip once. The video must just have been opened.

    Attributes:
        trouble: complete once all pictures were taken.
        is_interlaced: whether a frame said so. Our choice: interlaced frames are given out deinterlaced by bwdif, one
            for one, because combs at moving edges would end up in masks and references.
    """

    def __init__(self, video: OpenedVideo, timeline: Timeline, part: VideoPart) -> None:
        self.trouble = Trouble()
        self.is_interlaced = False
        self._video = video
        self._timeline = timeline
        self._part = part

    def __iter__(self) -> Iterator[Picture]:
        last_s = -float("inf")
        if self._timeline.seek_s is not None:
            self._video.seek(self._timeline.seek_s)
        with listening() as log:
            for index, frame in enumerate(self._progressive()):
                time_s = self._time_s(frame, index)
                place = self._part.span.compare(time_s, self._video.tick_s)
                if place > 0:
                    break
                if place == 0:
                    self.trouble.backwards += time_s <= last_s
                    last_s = time_s
                    yield Picture(frame, time_s)
        codec = self._video.stream.codec_context.codec.name
        said = (text.strip().rstrip(".") for _, source, text in log if source == codec)
        self.trouble.messages += [text for text in said if not _HARMLESS.search(text)]

    def _time_s(self, frame: av.VideoFrame, index: int) -> float:
        counted = self._timeline.counted_times_s
        if counted is not None or frame.time is None:
            times_s = self._timeline.times_s if counted is None else counted
            return float(times_s[min(index, len(times_s) - 1)])
        return frame.time - self._video.origin_s

    def _progressive(self) -> Iterator[av.VideoFrame]:
        deinterlacer = None
        for frame in self._decoded():
            if deinterlacer is not None and not deinterlacer.fits(frame):
                yield from deinterlacer.flush()
                deinterlacer = None
            if deinterlacer is None and frame.interlaced_frame:
                self.is_interlaced = True
                deinterlacer = _Deinterlacer(frame)
            if deinterlacer is None:
                yield frame
            else:
                yield from deinterlacer.push(frame)
        if deinterlacer is not None:
            yield from deinterlacer.flush()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        packets = self._video.container.demux(self._video.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self.trouble.ended_early = f"reading ends early ({error.strerror})"
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except (av.error.MemoryError, MemoryError):
                raise
            except av.error.FFmpegError:
                self.trouble.refused += 1
                continue
            for frame in frames:
                self._look_at(frame)
                yield frame

    def _look_at(self, frame: av.VideoFrame) -> None:
        check_pixels(frame.width, frame.height, self._part.max_pixels)
        self.trouble.corrupt += frame.is_corrupt
        size = (frame.height, frame.width)
        if not self.trouble.sizes or self.trouble.sizes[-1] != size:
            self.trouble.sizes.append(size)


class _Deinterlacer:
    """A bwdif filter for frames of one size and format; gives frames out one late."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._size = (frame.width, frame.height, frame.format.name)
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def fits(self, frame: av.VideoFrame) -> bool:
        return self._size == (frame.width, frame.height, frame.format.name)

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
