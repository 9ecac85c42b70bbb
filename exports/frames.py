"""Frames of a written clip as pictures, by their numbers."""

import io
from collections.abc import Collection, Iterator
from typing import Final

from PIL import Image

from exports.refusal import Reason, Refused
from video_reading.chosen_frames import chosen_frames
from video_reading.clip import open_clip
from video_reading.look import Look
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError

# Our choice: what JPEG changes is not seen, at a fifth of the bytes of PNG.
_QUALITY: Final = 95


def frames_of(video: bytes, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Frames with their numbers, as JPEG.

    Raises:
        Refused: the video cannot be decoded, or ends before.
    """
    left = sorted(numbers)
    try:
        with open_clip(VideoPart(file=video, span=Span())) as clip:
            places = [number for number in left if number < len(clip.timeline.times_s)]
            for number, shown in zip(places, chosen_frames(clip, places), strict=False):
                left.remove(number)
                look = Look.of(shown.frame, clip.video.sample_aspect)
                yield number, _jpeg(Image.fromarray(look.painter(*look.size)(shown.frame)))
    except VideoError as error:
        raise Refused(Reason.UNREADABLE_VIDEO, f"its video {error}") from error
    if left:
        raise Refused(Reason.UNREADABLE_VIDEO, f"its video ends before frame {left[0]}; it has changed")


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
