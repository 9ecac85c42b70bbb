"""The facts about a part of a video that was decoded as a whole."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dataset_schema import MediaFacts
from video_reading.longest_frame import longest_frame_s


def facts_of_part(media: MediaFacts, times_s: npt.NDArray[np.float64], end_s: float) -> MediaFacts:
    """The facts about the part that begins with the first frame of `times_s` and ends at `end_s`.

    Damage is nobody's in particular, and whether the pace changes is known of the whole video only: both stay.
    """
    decoded_frames = int(np.searchsorted(times_s, end_s))
    duration_s = end_s - float(times_s[0])
    return replace(
        media,
        declared_frames=None,
        decoded_frames=decoded_frames,
        duration_s=duration_s,
        fps=decoded_frames / duration_s,
        longest_frame_s=longest_frame_s(times_s[:decoded_frames], end_s),
    )
