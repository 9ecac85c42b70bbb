"""Reads a clip's packets: their timestamps, and themselves as long as they are few. Nothing is decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import av
import av.error

from video_reading.opening import OpenedVideo, VideoFile, open_video
from video_reading.part import Span, VideoPart

# Key frames may be indexed by decoding time, which is earlier than their presentation time: look a bit further back.
_SEEK_MARGINS_S: Final = (0.0, 1.0, 5.0)
# Packets are in decoding order; one this much later than the span has no earlier frame behind it.
_REORDER_S: Final = 1.0
# Containers that keep frames in decoding order and no presentation times: what FFmpeg guesses is wrong where frames are
# reordered.
_WITHOUT_TIMES: Final = ("avi",)
# Our choice: packets of a minute at 8 Mbit/s are kept for decoding, so that the file is not opened again: that takes up
# to a fifth of the time in which two seconds of video are decoded, because opening probes.
_KEPT_BYTES: Final = 64 << 20


@contextmanager
def read_packets(file: VideoFile, part: VideoPart, *, enough_s: float | None = None) -> Iterator["Packets"]:
    """Open a file and read the packets of a clip, or of `enough_s` from its first frame on.

    The file stays open, so that the packets can be decoded.

    Raises:
        VideoError: the file is not a video.
    """
    start_s = part.span.start_s or 0.0
    for margin_s in _SEEK_MARGINS_S:
        if start_s <= margin_s:
            break
        with open_video(file, max_pixels=part.max_pixels) as video:
            packets = Packets(video, part.span, enough_s)
            if not packets.have_times or not packets.read(seek_s=start_s - margin_s):
                break
            if packets.first_key_s is not None and packets.first_key_s <= start_s:
                yield packets
                return
    with open_video(file, max_pixels=part.max_pixels) as video:
        packets = Packets(video, part.span, enough_s)
        packets.read(seek_s=None)
        yield packets


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """One that a decoder can begin with.

    Attributes:
        time_s: when its frame is shown.
        pts: the same in the ticks of its stream.
        dts: when it is decoded.
    """

    time_s: float
    pts: int
    dts: int


class Packets:
    """One reading of a clip.

    Attributes:
        video: what they are packets of.
        span: the clip.
        have_times: whether the container keeps presentation times.
        seek_s: where reading began; None is the start of the file.
        first_key_s: when the first key frame is shown.
        keys: in the order of the file; of a file without times, none.
        shown: presentation time and duration of each packet that shows a frame, in the order of the file.
        unstamped: packets without a time.
        count: of all packets.
        cut_off: packets of which the file lacks a part.
        read_end_s: end of the last packet of any stream; None if the file was not read to its end.
        trouble: why reading ended early.
        kept: what to decode; None where that would take too much memory.
    """

    def __init__(self, video: OpenedVideo, span: Span, enough_s: float | None) -> None:
        self.video = video
        self.span = span
        self.have_times = video.container.format.name not in _WITHOUT_TIMES
        self.seek_s: float | None = None
        self.first_key_s: float | None = None
        self.keys: list[KeyPacket] = []
        self.shown: list[tuple[float, float]] = []
        self.unstamped = 0
        self.count = 0
        self.cut_off = 0
        self.read_end_s: float | None = None
        self.trouble: str | None = None
        self.kept: list[av.Packet[Any]] | None = []
        self._enough_s = float("inf") if enough_s is None else enough_s
        self._past_s = float("inf") if span.end_s is None else span.end_s
        self._last_end_s = 0.0
        self._kept_bytes = 0

    def read(self, *, seek_s: float | None) -> bool:
        """Whether the file could be read from there."""
        self.seek_s = seek_s
        if seek_s is not None:
            try:
                self.video.seek(seek_s)
            except av.error.FFmpegError:
                return False
        try:
            for packet in self.video.container.demux():
                if self._is_past(packet):
                    return True
                self._add(packet)
        except av.error.FFmpegError as error:
            self.trouble = f"reading ends early ({error.strerror})"
        self.read_end_s = self._last_end_s
        return True

    def _is_past(self, packet: "av.Packet[Any]") -> bool:
        if packet.stream is not self.video.stream or packet.dts is None:
            return False
        return self._time(packet.dts) > self._past_s + _REORDER_S

    def _add(self, packet: "av.Packet[Any]") -> None:
        stamp = packet.pts if packet.pts is not None and self.have_times else packet.dts
        duration, tick = packet.duration or 0, packet.time_base
        if stamp is not None and tick is not None:
            # Not a product of fractions, which would be shortened for every packet.
            end_s = (stamp + duration) * tick.numerator / tick.denominator - self.video.origin_s
            self._last_end_s = max(self._last_end_s, end_s)
        if packet.stream is not self.video.stream or (not packet.size and packet.dts is None):
            return  # of another stream, or the empty packet that ends every stream
        self.count += 1
        self.cut_off += packet.is_corrupt
        self._keep(packet)
        if packet.is_keyframe and self.have_times and packet.pts is not None:
            dts = packet.pts if packet.dts is None else packet.dts  # Matroska knows none of the first
            self.keys.append(KeyPacket(self._time(packet.pts), packet.pts, dts))
        if packet.is_discard or not packet.size:
            return
        if stamp is None:
            self.unstamped += 1
            return
        time_s = self._time(stamp)
        if packet.is_keyframe and self.first_key_s is None:
            self.first_key_s = time_s
        self.shown.append((time_s, duration * self.video.tick_s))
        if not self.span.compare(time_s, self.video.tick_s):
            self._past_s = min(self._past_s, time_s + self._enough_s)

    def _keep(self, packet: "av.Packet[Any]") -> None:
        self._kept_bytes += packet.size
        if self._kept_bytes > _KEPT_BYTES:
            self.kept = None
        if self.kept is not None:
            self.kept.append(packet)

    def _time(self, stamp: int) -> float:
        return stamp * self.video.tick_s - self.video.origin_s
