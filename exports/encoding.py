"""Cuts a clip at a trainer's pace and size, with its sound: one decoding pass, one encoding."""

from dataclasses import dataclass

from exports.content import Content, whole
from exports.cutting import CutPlan
from exports.refusal import Reason, Refused
from video_reading.cutting import cut_video
from video_reading.opening import open_video
from video_reading.part import VideoPart
from video_reading.video_error import VideoError


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedClip:
    """A clip as MP4."""

    mp4: bytes
    frames: int
    has_sound: bool


def encode(plan: CutPlan, published: Content | None) -> EncodedClip:
    """Cut a clip as planned.

    Args:
        plan: what to cut.
        published: the published video, where the plan takes its footage from that.

    Raises:
        Refused: the footage cannot be decoded, or has less frames than its row says.
    """
    file = plan.file if plan.file is not None else whole(published or b"")
    part = VideoPart(file=file, span=plan.span)
    try:
        made = cut_video(
            part,
            fps=plan.fps,
            size=(plan.height, plan.width),
            keeps_sound=plan.has_sound,
            most_frames=plan.frames,
            stretch_s=1.0 / plan.fps,
        )
    except VideoError as error:
        raise Refused(Reason.UNREADABLE_VIDEO, f"its video {error}") from error
    if made.num_frames != plan.frames:
        raise Refused(
            Reason.UNREADABLE_VIDEO,
            f"its video gives {made.num_frames} frames at {plan.fps:g} fps, expected {plan.frames}; it has changed",
        )
    return EncodedClip(mp4=made.mp4, frames=made.num_frames, has_sound=made.sound is not None)


def is_sound_whole(content: bytes, *, tolerance_s: float) -> bool:
    """Whether the sound of a file lasts as long as its pictures, without a gap; true where there is no sound.

    Its packets say it; nothing is decoded.
    """
    with open_video(content, max_pixels=None) as video:
        sound = next(iter(video.container.streams.audio), None)
        if sound is None:
            return True
        ends: dict[int, float] = {}
        at_s: float | None = None
        for packet in video.container.demux((video.stream, sound)):
            if packet.pts is None or packet.time_base is None:
                continue
            begin_s, long_s = float(packet.pts * packet.time_base), float((packet.duration or 0) * packet.time_base)
            index = packet.stream.index
            if index == sound.index and at_s is not None and begin_s - at_s > tolerance_s:
                return False
            if index == sound.index:
                at_s = begin_s + long_s
            ends[index] = max(ends.get(index, 0.0), begin_s + long_s)
        return ends.get(sound.index, 0.0) + tolerance_s >= ends.get(video.stream.index, 0.0)
