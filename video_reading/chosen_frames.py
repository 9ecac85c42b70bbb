"""Some frames of a clip. What lies between them is not decoded where a key frame allows to leave it out."""

from collections.abc import Iterator, Sequence
from itertools import chain

import av.error
from av.video.frame import PictureType

from video_reading.clip import OpenedClip, opened_again
from video_reading.packets import KeyPacket
from video_reading.shown_frames import ShownFrame


def chosen_frames(clip: OpenedClip, places: Sequence[int]) -> Iterator[ShownFrame]:
    """For each place its frame; where that cannot be decoded, the last one before it that can, or the first of all.

    Every frame is the one that decoding from the clip's start gives. It is decoded so, too, where frames are interlaced
    or counted, and where anything is wrong with what was decoded from a key frame on. If none can be decoded, there is
    none.

    Args:
        clip: opened, none of its frames taken.
        places: of frames in the clip's timeline, rising.
    """
    times_s = [float(clip.timeline.times_s[place]) for place in places]
    if not clip.timeline.keys:
        yield from _from_the_start(clip, times_s)
        return
    given = 0
    for shown in _from_key_frames(clip, times_s):
        given += 1
        yield shown
    if given < len(times_s):
        with opened_again(clip) as again:
            yield from _from_the_start(again, times_s[given:])


def _from_key_frames(clip: OpenedClip, times_s: Sequence[float]) -> Iterator[ShownFrame]:
    """The frames, as long as nothing is wrong."""
    frames, rounding_s = iter(clip.frames), clip.video.tick_s / 2
    reached_s = float(clip.timeline.times_s[0])
    for time_s in times_s:
        key = next((key for key in reversed(clip.timeline.keys) if key.time_s <= time_s), None)
        shown = None
        if key is not None and key.time_s > reached_s:
            shown = _frame_at(key.time_s, frames, rounding_s) if _went_to(clip, key) else None
            if shown is None or shown.frame.pict_type != PictureType.I:
                return
        if shown is None or time_s > shown.time_s:
            shown = _frame_at(time_s, frames, rounding_s)
        if shown is None or shown.frame.time is None or not clip.frames.is_plain:
            return
        reached_s = time_s
        yield shown


def _frame_at(time_s: float, frames: Iterator[ShownFrame], rounding_s: float) -> ShownFrame | None:
    shown = next((each for each in frames if each.time_s >= time_s - rounding_s), None)
    return shown if shown is not None and shown.time_s <= time_s + rounding_s else None


def _went_to(clip: OpenedClip, key: KeyPacket) -> bool:
    """Whether what is decoded next are the packets from a key packet on."""
    try:
        clip.video.container.seek(key.dts, stream=clip.video.stream)
        packets = clip.video.container.demux(clip.video.stream)
        for packet in packets:
            if packet.is_keyframe and packet.pts == key.pts:
                clip.frames.go_on_with(chain([packet], packets))
                return True
            if packet.pts is None or packet.pts > key.pts or packet.has_sidedata("new_extradata"):
                return False
    except av.error.FFmpegError:
        pass  # files of this kind have no index
    return False


def _from_the_start(clip: OpenedClip, times_s: Sequence[float]) -> list[ShownFrame]:
    """The frames, which are not decoded in the order of their times in every file."""
    rounding_s = clip.video.tick_s / 2

    def closeness_s(shown: ShownFrame, time_s: float) -> float:
        return shown.time_s if shown.time_s <= time_s + rounding_s else -float("inf")

    found: dict[float, ShownFrame] = {}
    missing = set(times_s)
    for shown in clip.frames:
        for time_s in tuple(missing):
            if time_s not in found or closeness_s(shown, time_s) > closeness_s(found[time_s], time_s):
                found[time_s] = shown
            if abs(shown.time_s - time_s) <= rounding_s:
                missing.remove(time_s)
        if not missing:
            break
    return [found[time_s] for time_s in times_s if time_s in found]
