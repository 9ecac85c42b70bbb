"""The frames of a clip in the order of display, each with its time; and what was wrong with them on the way."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import av
import av.error

from video_reading.deinterlacing import deinterlaced
from video_reading.opening import OpenedVideo, check_pixels
from video_reading.part import VideoPart
from video_reading.timeline import Timeline

# Said of sound files too: about memory management commands and direct prediction across a seek or a splice.
_HARMLESS: Final = re.compile(r"mmco|co located POCs|number of reference frames")


@dataclass(slots=True)
class Trouble:
    """What decoding ran into.

    Attributes:
        messages: what the decoder said, in order; nothing where the process keeps PyAV quiet (`av.logging`).
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
class ShownFrame:
    """A decoded frame and when it is shown."""

    frame: av.VideoFrame
    time_s: float


class ShownFrames:
    """Decodes a clip once, without its combs.

    Args:
        packets: of the clip, from where its timeline says that decoding must start, and the empty one that ends them.

    Attributes:
        trouble: complete once all frames were taken.
        is_interlaced: whether a frame said so.
    """

    def __init__(
        self, video: OpenedVideo, timeline: Timeline, part: VideoPart, packets: "Iterator[av.Packet[Any]]"
    ) -> None:
        self.trouble = Trouble()
        self.is_interlaced = False
        self._video = video
        self._timeline = timeline
        self._part = part
        self._packets = packets
        self._log: list[tuple[int, str, str]] = []

    @property
    def is_plain(self) -> bool:
        """Whether all was well with what was decoded so far, and no frame has a part of another."""
        trouble = self.trouble
        return not (self.is_interlaced or trouble.refused or trouble.corrupt or trouble.backwards or self._said())

    def go_on_with(self, packets: "Iterator[av.Packet[Any]]") -> None:
        """Decode these next, of which the first is a key packet, in place of those that are left."""
        self._packets = packets

    def __iter__(self) -> Iterator[ShownFrame]:
        last_s = -float("inf")
        with av.logging.Capture() as self._log:
            for index, frame in enumerate(deinterlaced(self._decoded())):
                time_s = self._time_s(frame, index)
                place = self._part.span.compare(time_s, self._video.tick_s)
                if place > 0:
                    break
                if place == 0:
                    self.trouble.backwards += time_s <= last_s
                    last_s = time_s
                    yield ShownFrame(frame, time_s)
        self.trouble.messages += self._said()

    def _said(self) -> list[str]:
        codec = self._video.stream.codec_context.codec.name
        said = (text.strip().rstrip(".") for _, source, text in self._log if source == codec)
        return [text for text in said if not _HARMLESS.search(text)]

    def _time_s(self, frame: av.VideoFrame, index: int) -> float:
        counted = self._timeline.counted_times_s
        if counted is not None or frame.time is None:
            times_s = self._timeline.times_s if counted is None else counted
            return float(times_s[min(index, len(times_s) - 1)])
        return frame.time - self._video.origin_s

    def _decoded(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                packet = next(self._packets, None)
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
        self.is_interlaced |= bool(frame.interlaced_frame)
        self.trouble.corrupt += frame.is_corrupt
        size = (frame.height, frame.width)
        if not self.trouble.sizes or self.trouble.sizes[-1] != size:
            self.trouble.sizes.append(size)
