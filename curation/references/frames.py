"""Which of a clip's reference frames pictures are cut from."""

from curation.records import Frames


def frames_to_cut(frames: Frames) -> tuple[int, ...]:
    """Indices of the reference frames outside the clip if there are any, else of all of them.

    A picture from another time of the shot is no copy of what the clip shows, so a model cannot learn to paste it.
    """
    outside = tuple(index for index, frame in enumerate(frames.reference_frames) if frame.is_outside)
    return outside or tuple(range(len(frames.reference_frames)))
