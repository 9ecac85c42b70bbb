"""Pictures that are made when somebody looks: a clip's frame for the gallery, and its three frames with their masks."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset_schema import Sample
from dataset_schema.rows import Row
from pipelines.browser.media import MediaError, MediaReader, is_shown_as_video, stored_media
from pipelines.browser.opened import Opened
from pipelines.browser.stored_clip import ClipReader

# Our choice: cards are 256 pixels wide; a JPEG of that has about 10 kB, so a thousand are kept.
_CARD_SIDE: Final = 256
_FRAME_SIDE: Final = 640
_JPEG_QUALITY: Final = 85
_KEPT_BYTES: Final = 2**24
# Our choice: a decoder uses every core, so that more of them at once only wait for one another.
_DECODED_AT_ONCE: Final = 2

Picture = npt.NDArray[np.uint8]


class PictureMaker:
    """Makes JPEG files, and keeps the last of them. Nothing is read or decoded before somebody asks.

    Args:
        media: reads videos.
        clips: reads records.
    """

    def __init__(self, media: MediaReader, clips: ClipReader) -> None:
        self._media = media
        self._clips = clips
        self._lock = threading.Lock()
        self._decoding = threading.BoundedSemaphore(_DECODED_AT_ONCE)
        self._kept: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._kept_bytes = 0

    def card(self, opened: Opened, row: Row) -> bytes:
        """A small picture of a clip: its first frame, or what was stored of it.

        Raises:
            MediaError: there is none.
        """
        return self._made((opened.manifest.id, row["clip_id"], -1), lambda: _card(opened, row, self._media))

    def frame(self, opened: Opened, row: Row, number: int) -> bytes:
        """One of the three frames that reference images are cut from, with the outlines of their masks and boxes.

        Raises:
            MediaError: there is none.
        """
        key = (opened.manifest.id, row["clip_id"], number)
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        with self._decoding:
            record = self._clips.whole_record(opened, row, with_video=True)
            frames = _outlined_frames(record, has_video=is_shown_as_video(row))
        for place, frame in enumerate(frames):
            if frame is not None:
                self._keep((opened.manifest.id, row["clip_id"], place), frame)
        if not 0 <= number < len(frames) or (found := frames[number]) is None:
            raise MediaError(
                f"the video of clip {row['clip_id']} gives no such frame; it may be damaged: make validate"
            )
        return found

    def _made(self, key: tuple[str, str, int], make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._decoding:
            made = make()
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[str, str, int], made: bytes) -> None:
        with self._lock:
            self._kept_bytes += len(made) - len(self._kept.pop(key, b""))
            self._kept[key] = made
            while self._kept_bytes > _KEPT_BYTES:
                self._kept_bytes -= len(self._kept.popitem(last=False)[1])


def _card(opened: Opened, row: Row, media: MediaReader) -> bytes:
    if is_shown_as_video(row):
        return _jpeg(_first_frame(media.read(stored_media(opened, row, 0)), row), _CARD_SIDE)
    number = 1 if row["outcome"] == "kept" else 0  # a reference image in place of a video that lies elsewhere
    return _jpeg(_flat(media.read(stored_media(opened, row, number))), _CARD_SIDE)


# Decoders are loaded with the first picture: pages come before pictures.


def _first_frame(video: bytes, row: Row) -> Picture:
    import av.error

    from video_reading.clip import open_clip
    from video_reading.look import Look
    from video_reading.part import Span, VideoPart
    from video_reading.video_error import VideoError

    part = VideoPart(file=video, span=Span(start_s=row["video_start_s"] or None))
    try:
        with open_clip(part, enough_s=0.1) as clip:
            frame = next(iter(clip.frames)).frame
            look = Look.of(frame, clip.video.sample_aspect)
            picture: Picture = look.painter(*look.size)(frame)
    except (VideoError, av.error.FFmpegError, StopIteration) as error:
        raise MediaError(f"the video of clip {row['clip_id']} cannot be decoded ({error})") from error
    return picture


def _flat(content: bytes) -> Picture:
    from picture_reading.opening import open_picture
    from pipelines.views.sheet_pictures import on_checkerboard

    try:
        return np.asarray(on_checkerboard(open_picture(content)))
    except ValueError as error:
        raise MediaError(f"a stored picture cannot be shown: {error}") from error


def _outlined_frames(record: object, *, has_video: bool) -> list[bytes | None]:
    from pipelines.views.sheet_pictures import outlined_frames

    if not isinstance(record, Sample) or not has_video:
        return []
    return [None if frame is None else _jpeg(frame, _FRAME_SIDE) for _, frame in outlined_frames(record)]


def _jpeg(picture: Picture, side: int) -> bytes:
    from PIL import Image

    image = Image.fromarray(picture).convert("RGB")
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()
