"""When a clip's frames are shown, read from the packets alone: nothing is decoded."""

from dataclasses import dataclass
from typing import Any, Final

import av
import av.error
import numpy as np
import numpy.typing as npt

from curation.stage import ClipError
from curation.video.opening import OpenedVideo, open_video
from curation.video.requests import Span, VideoPart
from dataset_schema import FailureKind

# Containers round times to their ticks; a real change of pace is larger than this share of a frame.
_VFR_TOLERANCE: Final = 0.1
# Key frames may be indexed by decoding time, which is earlier than their presentation time: look a bit further back.
_SEEK_MARGINS_S: Final = (0.0, 1.0, 5.0)
# Packets are in decoding order; one this much later than the span has no earlier frame behind it.
_REORDER_S: Final = 1.0
# Spans come from players and spreadsheets that round; a clip that lacks more than this is not the one that was meant.
_SPAN_TOLERANCE_S: Final = 0.25
_FALLBACK_FPS: Final = 25
# Containers that keep frames in decoding order and no presentation times: what FFmpeg guesses is wrong where frames are
# reordered.
_WITHOUT_TIMES: Final = ("avi",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """What the packets of a clip say.

    Attributes:
        times_s: presentation times, rising, of every frame that should be shown.
        end_s: when the last frame ends.
        seek_s: where decoding must start so that the first frame is complete; None is the start of the file.
        counted_times_s: where frames carry no times, or wrong ones, the time of every frame from the start of the file
            on, in the order of display: of a raw stream at its own frame rate, of AVI one for each packet.
        packets: in the file, or read for the span.
        cut_off: packets of which the file lacks a part.
        declared_frames: from the container, of the whole video; None where it does not say.
        declared_end_s: from the container; None where it does not say.
        read_end_s: end of the last packet of any stream; None if the file was not read to its end.
        trouble: why reading ended early.
    """

    times_s: npt.NDArray[np.float64]
    end_s: float
    seek_s: float | None
    counted_times_s: npt.NDArray[np.float64] | None
    packets: int
    cut_off: int
    declared_frames: int | None
    declared_end_s: float | None
    read_end_s: float | None
    trouble: str | None

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        return self.end_s - float(self.times_s[0])

    @property
    def fps(self) -> float:
        """Frames per second, on average."""
        return len(self.times_s) / self.duration_s

    def is_vfr(self, tick_s: float) -> bool:
        """Whether the pace changes by more than the rounding of timestamps explains."""
        steps = np.diff(self.times_s)
        if not len(steps):
            return False
        usual = float(np.median(steps))
        return bool(np.abs(steps - usual).max() > max(1.5 * tick_s, _VFR_TOLERANCE * usual))


def read_timeline(part: VideoPart) -> Timeline:
    """Read the packets of a clip.

    Raises:
        ClipError: the file is not a video, has no packets, or none in the span.
    """
    for margin_s in _SEEK_MARGINS_S:
        start_s = part.span.start_s or 0.0
        if start_s <= margin_s:
            break
        with open_video(part) as video:
            packets = _Packets(video, part.span)
            if not packets.have_times or not packets.read(seek_s=start_s - margin_s):
                break
            if packets.first_key_s is not None and packets.first_key_s <= start_s:
                return packets.timeline(start_s - margin_s)
    with open_video(part) as video:
        packets = _Packets(video, part.span)
        packets.read(seek_s=None)
        return packets.timeline(seek_s=None)


class _Packets:
    """Collects the timestamps of one reading of a clip."""

    def __init__(self, video: OpenedVideo, span: Span) -> None:
        self.have_times = video.container.format.name not in _WITHOUT_TIMES
        self._video = video
        self._span = span
        self._shown: list[tuple[float, float]] = []  # time and duration
        self._unstamped = 0
        self._count = 0
        self._cut_off = 0
        self._last_end_s = 0.0
        self._read_end_s: float | None = None
        self._trouble: str | None = None
        self.first_key_s: float | None = None

    def read(self, *, seek_s: float | None) -> bool:
        """Whether the file could be read from there."""
        if seek_s is not None:
            try:
                self._video.seek(seek_s)
            except av.error.FFmpegError:
                return False
        try:
            for packet in self._video.container.demux():
                if self._is_past_span(packet):
                    return True
                self._add(packet)
        except av.error.FFmpegError as error:
            self._trouble = f"reading ends early ({error.strerror})"
        self._read_end_s = self._last_end_s
        return True

    def _is_past_span(self, packet: "av.Packet[Any]") -> bool:
        if self._span.end_s is None or packet.stream is not self._video.stream or packet.dts is None:
            return False
        return self._time(packet.dts) > self._span.end_s + _REORDER_S

    def _add(self, packet: "av.Packet[Any]") -> None:
        stamp = packet.pts if packet.pts is not None and self.have_times else packet.dts
        if stamp is not None and packet.time_base is not None:
            end_s = float((stamp + (packet.duration or 0)) * packet.time_base) - self._video.origin_s
            self._last_end_s = max(self._last_end_s, end_s)
        if packet.stream is not self._video.stream or (not packet.size and packet.dts is None):
            return  # of another stream, or the empty packet that ends every stream
        self._count += 1
        self._cut_off += packet.is_corrupt
        if packet.is_discard or not packet.size:
            return
        if stamp is None:
            self._unstamped += 1
            return
        time_s = self._time(stamp)
        if packet.is_keyframe and self.first_key_s is None:
            self.first_key_s = time_s
        self._shown.append((time_s, (packet.duration or 0) * self._video.tick_s))

    def _time(self, stamp: int) -> float:
        return stamp * self._video.tick_s - self._video.origin_s

    def timeline(self, seek_s: float | None) -> Timeline:
        stream = self._video.stream
        guessed_step_s = 1 / float(stream.guessed_rate or _FALLBACK_FPS)
        is_counted = self._unstamped > len(self._shown)
        if is_counted:
            self._shown = [(i * guessed_step_s, guessed_step_s) for i in range(self._unstamped)]
        counted_times_s = None
        if is_counted or not self.have_times:
            counted_times_s = np.array([time_s for time_s, _ in self._shown])
        inside = sorted(shown for shown in self._shown if not self._span.compare(shown[0], self._video.tick_s))
        if not inside:
            raise self._not_inside()
        times_s = np.array([time_s for time_s, _ in inside])
        step_s = inside[-1][1] or (float(np.median(np.diff(times_s))) if len(times_s) > 1 else guessed_step_s)
        end_s = float(times_s[-1]) + step_s
        declared_end_s = _declared_end_s(self._video)
        # A packet's duration is the distance to the next one in decoding order, which may be too much for the last.
        if declared_end_s is not None and times_s[-1] < declared_end_s < end_s:
            end_s = declared_end_s
        if self._read_end_s is not None and end_s + _SPAN_TOLERANCE_S < (self._span.end_s or 0.0):
            raise self._not_inside()
        return Timeline(
            times_s=times_s,
            end_s=min(end_s, self._span.end_s or np.inf),
            seek_s=seek_s,
            counted_times_s=counted_times_s,
            packets=self._count,
            cut_off=self._cut_off,
            declared_frames=stream.frames or None,
            declared_end_s=declared_end_s,
            read_end_s=self._read_end_s,
            trouble=self._trouble,
        )

    def _not_inside(self) -> ClipError:
        if not self._shown:
            reason = self._trouble or "its header is there, its frames are not"
            return ClipError(FailureKind.CORRUPT, f"has no video packet ({reason}); fetch it again")
        times_s = [time_s for time_s, _ in self._shown]
        if self._read_end_s is None:
            lasts = f"frames around it are shown at {min(times_s):.2f} s to {max(times_s):.2f} s"
        else:
            lasts = f"the video ends at {max(map(sum, self._shown)):.2f} s"
        return ClipError(FailureKind.INPUT, f"does not have the span {self._span}: {lasts}; correct the span")


def _declared_end_s(video: OpenedVideo) -> float | None:
    if video.stream.duration:
        return float(((video.stream.start_time or 0) + video.stream.duration) * video.tick_s) - video.origin_s
    return video.container.duration / av.time_base if video.container.duration else None
