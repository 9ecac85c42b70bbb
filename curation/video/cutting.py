"""An exact cut of a clip, and how loud it is."""

from curation.stage import ClipError
from curation.video.loudness import loudness_of
from curation.video.requests import Cut, CutRequest
from dataset_schema import FailureKind
from video_reading.cutting import cut_video


def cut(request: CutRequest) -> Cut:
    """Cut a clip; it has as many frames as fit before its end.

    Raises:
        ClipError: no frame can be decoded.
        VideoError: there is no such clip.
    """
    made = cut_video(
        request.part, fps=request.fps, size=(request.height, request.width), keeps_sound=request.keeps_sound
    )
    if not made.num_frames:
        raise ClipError(FailureKind.CORRUPT, f"no frame of the span {request.part.span} can be decoded; leave it out")
    loudness = None if made.sound is None else loudness_of(made.sound)
    return Cut(mp4=made.mp4, num_frames=made.num_frames, loudness=loudness)
