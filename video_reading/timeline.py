"""When a clip's frames are shown, as its packets say."""

from dataclasses import dataclass
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from dataset_schema import FailureKind
from video_reading.opening import OpenedVideo
from video_reading.packets import KeyPacket, Packets
from video_reading.video_error import VideoError

# Containers round times to their ticks; a real change of pace is larger than this share of a frame.
_VFR_TOLERANCE: Final = 0.1
# Spans come from players and spreadsheets that round; a clip that lacks more than this is not the one that was meant.
_SPAN_TOLERANCE_S: Final = 0.25
_FALLBACK_FPS: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Timeline:
    """What the packets of a clip say.

    Attributes:
        times_s: presentation times, rising, of every frame that should be shown.
        end_s: when the last frame ends.
        seek_s: where decoding must start so that the first frame is complete; None is the start of the file.
        counted_times_s: where frames carry no times, or wrong ones, the time of every frame from the start of the file
            on, in the order of display: of a raw stream at its own frame rate, of AVI one for each packet.
        keys: packets with which decoding can begin, in the order of the file; none where frames are counted.
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
    keys: list[KeyPacket]
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

    def is_vfr(self, tick_s: float) -> bool:
        """Whether the pace changes by more than the rounding of timestamps explains."""
        steps = np.diff(self.times_s)
        if not len(steps):
            return False
        usual = float(np.median(steps))
        return bool(np.abs(steps - usual).max() > max(1.5 * tick_s, _VFR_TOLERANCE * usual))


def timeline_of(packets: Packets) -> Timeline:
    """The timeline of a clip.

    Raises:
        VideoError: it has no packets, or none in the span.
    """
    video, span = packets.video, packets.span
    shown, guessed_step_s = packets.shown, 1 / float(video.stream.guessed_rate or _FALLBACK_FPS)
    is_counted = packets.unstamped > len(shown)
    if is_counted:
        shown = [(i * guessed_step_s, guessed_step_s) for i in range(packets.unstamped)]
    inside = sorted(each for each in shown if not span.compare(each[0], video.tick_s))
    if not inside:
        raise _not_inside(packets, shown)
    times_s = np.array([time_s for time_s, _ in inside])
    step_s = inside[-1][1] or (float(np.median(np.diff(times_s))) if len(times_s) > 1 else guessed_step_s)
    declared_end_s = _declared_end_s(video)
    end_s = _end_s(float(times_s[-1]), step_s, declared_end_s)
    if packets.read_end_s is not None and end_s + _SPAN_TOLERANCE_S < (span.end_s or 0.0):
        raise _not_inside(packets, shown)
    return Timeline(
        times_s=times_s,
        end_s=min(end_s, span.end_s or np.inf),
        seek_s=packets.seek_s,
        counted_times_s=np.array([t for t, _ in shown]) if is_counted or not packets.have_times else None,
        keys=[] if is_counted else packets.keys,
        packets=packets.count,
        cut_off=packets.cut_off,
        declared_frames=video.stream.frames or None,
        declared_end_s=declared_end_s,
        read_end_s=packets.read_end_s,
        trouble=packets.trouble,
    )


def _end_s(last_s: float, step_s: float, declared_end_s: float | None) -> float:
    """A packet's duration is the distance to the next one in decoding order, which may be too much for the last."""
    if declared_end_s is not None and last_s < declared_end_s < last_s + step_s:
        return declared_end_s
    return last_s + step_s


def _declared_end_s(video: OpenedVideo) -> float | None:
    if video.stream.duration:
        return float(((video.stream.start_time or 0) + video.stream.duration) * video.tick_s) - video.origin_s
    return video.container.duration / av.time_base if video.container.duration else None


def _not_inside(packets: Packets, shown: list[tuple[float, float]]) -> VideoError:
    if not shown:
        reason = packets.trouble or "its header is there, its frames are not"
        return VideoError(FailureKind.CORRUPT, f"has no video packet ({reason}); fetch it again")
    if packets.read_end_s is None:
        times_s = [time_s for time_s, _ in shown]
        lasts = f"frames around it are shown at {min(times_s):.2f} s to {max(times_s):.2f} s"
    else:
        lasts = f"the video ends at {max(map(sum, shown)):.2f} s"
    return VideoError(FailureKind.INPUT, f"does not have the span {packets.span}: {lasts}; correct the span")
