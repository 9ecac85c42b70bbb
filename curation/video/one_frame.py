"""One frame of a video at full size, for pictures of an entity that come from another video than the clip."""

from curation.records import Image
from curation.stage import ClipError
from curation.video.plan import ROUNDING_S
from curation.video.requests import FrameRequest
from dataset_schema import FailureKind
from video_reading.chosen_frames import chosen_frames
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
            place = request.at.among(len(times_s))
        except ValueError as error:
            raise ClipError(FailureKind.INPUT, f"{error}; this is another version of the annotated video") from error
        time_s = float(times_s[place])
        found = list(chosen_frames(clip, sorted({0, place})))
        if found and abs(found[-1].time_s - time_s) <= ROUNDING_S:
            look = Look.of(found[0].frame, clip.video.sample_aspect)
            return look.painter(*look.size)(found[-1].frame)
    raise ClipError(FailureKind.CORRUPT, f"its frame at {time_s:.2f} s cannot be decoded; fetch the video again")
