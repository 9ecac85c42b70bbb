"""Cuts a clip at a trainer's pace and size, with its sound: one decoding pass, one encoding."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

import av

from exports.cutting import CutPlan
from exports.refusal import Reason, Refused
from exports.sound import SAMPLES_PER_S, Sound, read_sound
from storage.address import Address
from video_reading.clip import open_clip
from video_reading.constant_pace import images_at_pace
from video_reading.fetched_file import fetched
from video_reading.opening import OpenedVideo, VideoFile, open_video
from video_reading.part import VideoPart
from video_reading.tone import Image
from video_reading.video_error import VideoError

# Our choice, as curation cuts: visually lossless H.264, quick to encode, with a key frame every second.
_ENCODING: Final = {"preset": "veryfast", "crf": "18", "threads": "1"}
_KEY_FRAME_EVERY_S: Final = 1.0
_SOUND_PIECE: Final = 1024  # samples that AAC codes at once


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedClip:
    """A clip as MP4."""

    mp4: bytes
    frames: int
    has_sound: bool


def encode(plan: CutPlan, content: bytes | None) -> EncodedClip:
    """Cut a clip as planned.

    Args:
        plan: what to cut.
        content: the published video, where the plan takes its footage from that.

    Raises:
        Refused: the footage cannot be decoded, or has less frames than its row says.
    """
    file = plan.file if plan.file is not None else content or b""
    part = VideoPart(file=file, span=plan.span)
    written = io.BytesIO()
    try:
        with open_clip(part) as clip:
            start_s = float(clip.timeline.times_s[0])
            sound = _sound(part, plan, start_s) if plan.has_sound else None
            images = images_at_pace(clip, fps=plan.fps, height=plan.height, width=plan.width, stretch_s=1.0 / plan.fps)
            frames = _write(written, islice(images, plan.frames), plan, sound)
    except VideoError as error:
        raise Refused(Reason.UNREADABLE_VIDEO, f"its video {error}") from error
    if frames != plan.frames:
        raise Refused(
            Reason.UNREADABLE_VIDEO,
            f"its video gives {frames} frames at {plan.fps:g} fps, expected {plan.frames}; it has changed",
        )
    return EncodedClip(mp4=written.getvalue(), frames=frames, has_sound=sound is not None)


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


def _sound(part: VideoPart, plan: CutPlan, start_s: float) -> Sound | None:
    with _at_hand(part) as file, open_video(file, max_pixels=None) as video:
        return _read(video, plan, start_s)


def _read(video: OpenedVideo, plan: CutPlan, start_s: float) -> Sound | None:
    return read_sound(video, start_s=start_s, duration_s=plan.duration_s)


@contextmanager
def _at_hand(part: VideoPart) -> Iterator[VideoFile]:
    if not isinstance(part.file, Address):
        yield part.file
        return
    with fetched(part.file, wants_all=part.span.is_whole, max_bytes=None) as file:
        yield file


def _write(file: io.BytesIO, images: Iterator[Image], plan: CutPlan, sound: Sound | None) -> int:
    """Encode pictures and sound; gives how many pictures there were."""
    rate = Fraction(plan.fps).limit_denominator(1001)
    count = 0
    with av.open(file, "w", format="mp4") as output:
        pictures = output.add_stream("libx264", rate=rate, options=_ENCODING)
        pictures.width, pictures.height, pictures.pix_fmt = plan.width, plan.height, "yuv420p"
        pictures.codec_context.gop_size = max(1, round(_KEY_FRAME_EVERY_S * plan.fps))
        voice = None if sound is None else output.add_stream("aac", rate=SAMPLES_PER_S, layout="stereo")
        if voice is not None and sound is not None:
            for piece in _sound_frames(sound):
                output.mux(voice.encode(piece))
            output.mux(voice.encode())
        for count, image in enumerate(images, start=1):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = count - 1, 1 / rate
            output.mux(pictures.encode(frame))
        output.mux(pictures.encode())
    return count


def _sound_frames(sound: Sound) -> Iterator[av.AudioFrame]:
    for start in range(0, sound.shape[1], _SOUND_PIECE):
        piece = sound[:, start : start + _SOUND_PIECE]
        frame = av.AudioFrame.from_ndarray(piece.copy(), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLES_PER_S, start, Fraction(1, SAMPLES_PER_S)
        yield frame
