"""One frame of a video at full size, for pictures of an entity that come from another video than the clip."""

from curation.records import Image
from curation.stage import ClipError
from curation.video.plan import ROUNDING_S
from curation.video.requests import FrameRequest
from dataset_schema import FailureKind
from video_reading.clip import open_clip
from video_reading.look import Look


def grab_frame(request: FrameRequest) -> Image:
    """The frame as viewers show it.

    Raises:
        ClipError: there are fewer frames, or it cannot be decoded.
        VideoError: there is no such clip.
    """
    with open_clip(request.part) as clip:
        times_s = clip.timeline.times_s
        try:
            time_s = float(times_s[request.at.among(len(times_s))])
        except ValueError as error:
            raise ClipError(FailureKind.INPUT, f"{error}; this is another version of the annotated video") from error
        look = None
        for shown in clip.frames:
            look = look or Look.of(shown.frame, clip.video.sample_aspect)
            if abs(shown.time_s - time_s) <= ROUNDING_S:
                return look.painter(*look.size)(shown.frame)
    raise ClipError(FailureKind.CORRUPT, f"its frame at {time_s:.2f} s cannot be decoded; fetch the video again")
