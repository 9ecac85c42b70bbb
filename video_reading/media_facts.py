"""The facts about a clip that was decoded to its end."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dataset_schema import MediaFacts
from video_reading.clip import OpenedClip
from video_reading.longest_frame import longest_frame_s
from video_reading.look import Look


def media_facts(clip: OpenedClip, look: Look, times_s: Sequence[float] | npt.NDArray[np.float64]) -> MediaFacts:
    """What probing and decoding found; whether the file is damaged is not said (`damage.py`).

    Args:
        clip: all of its frames were taken.
        look: of its frames.
        times_s: when each of them is shown.
    """
    video, timeline = clip.video, clip.timeline
    decoded = len(times_s)
    last_frame_s = timeline.end_s - float(timeline.times_s[-1])
    duration_s = float(times_s[-1] - times_s[0]) + last_frame_s
    height, width = look.size
    return MediaFacts(
        container=video.container.format.name,
        codec=video.stream.codec_context.codec.canonical_name,
        width=width,
        height=height,
        declared_frames=timeline.declared_frames,
        decoded_frames=decoded,
        duration_s=duration_s,
        fps=decoded / duration_s,
        is_vfr=timeline.is_vfr(video.tick_s),
        rotation_deg=look.orientation.rotation_deg,
        sample_aspect_ratio=float(look.sample_aspect),
        color_transfer=look.transfer,
        is_interlaced=clip.frames.is_interlaced,
        has_audio=bool(video.container.streams.audio),
        longest_frame_s=longest_frame_s(times_s, float(times_s[-1]) + last_frame_s),
    )
