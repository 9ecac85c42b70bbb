"""Opens a file as a video, or says truly why it is none."""

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from dataset_schema import FailureKind
from video_reading.fetched_file import FetchedFile
from video_reading.video_error import VideoError

# Demuxers that turn a picture or a text into "video", or that open other files than the one they were given.
_NOT_VIDEO: Final = {"image2": "a picture", "tty": "a text file", "concat": "a playlist", "hls": "a playlist"}

# Dolby Vision that says of no standard how its colors are coded has a way of its own (profile 5). Shown by any other,
# the pictures are green and purple.
_DOLBY_VISION: Final = frozenset({"dvh1", "dvhe", "dav1"})
_UNSPECIFIED: Final = 2

_MAX_SAMPLE_ASPECT: Final = Fraction(8)
_PICTURE_STREAMS: Final = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


# The first line of a page that came in place of a video.
_START_BYTES: Final = 40

VideoFile = bytes | Path | FetchedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedVideo:
    """An open file and the one stream of it that is looked at.

    Attributes:
        origin_s: container time at which a player's clock shows zero. Presentation times are counted from it.
        tick_s: the resolution of the stream's timestamps.
    """

    container: InputContainer
    stream: VideoStream
    origin_s: float
    tick_s: float

    @property
    def sample_aspect(self) -> Fraction:
        """Width of a coded pixel / its height. Values that no camera writes count as square."""
        found = self.stream.sample_aspect_ratio or Fraction(1)
        return found if _MAX_SAMPLE_ASPECT > found > 1 / _MAX_SAMPLE_ASPECT else Fraction(1)

    def seek(self, to_s: float) -> None:
        """Go to the last key frame before a presentation time.

        Raises:
            av.error.FFmpegError: files of this kind have no index, such as raw streams.
        """
        self.container.seek(int((to_s + self.origin_s) / self.tick_s), stream=self.stream)


@contextmanager
def open_video(file: VideoFile, *, max_pixels: int | None) -> Iterator[OpenedVideo]:
    """Open the best video stream of a file, at its start; one thread decodes it.

    Args:
        file: its content, where it lies, or what is fetched of it.
        max_pixels: larger frames are refused; None takes any.

    Raises:
        VideoError: the file is missing, empty, not readable, not a video, or its frames are too large.
    """
    _check_file(file)
    with _source(file) as source, _opened(file, source) as container:
        stream = _video_stream(container)
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        check_pixels(stream.codec_context.width, stream.codec_context.height, max_pixels)
        origin_s = (container.start_time or 0) / av.time_base
        tick_s = float(stream.time_base or 0)
        yield OpenedVideo(container=container, stream=stream, origin_s=origin_s, tick_s=tick_s)


def check_pixels(width: int, height: int, max_pixels: int | None) -> None:
    """Refuse frames that would be too large to decode.

    Raises:
        VideoError: they are.
    """
    if max_pixels is not None and width * height > max_pixels:
        raise VideoError(
            FailureKind.INPUT,
            f"has frames of {width} x {height} = {width * height / 1e6:.1f} million pixels, at most "
            f"{max_pixels / 1e6:.1f} are decoded; scale it down, or raise max_pixels and the memory limit",
        )


@contextmanager
def _source(file: VideoFile) -> Iterator[Any]:
    """What the library opens."""
    match file:
        case bytes():
            yield io.BytesIO(file)
        case FetchedFile():
            place = file.tell()
            file.seek(0)
            try:
                yield file
            finally:
                file.seek(place)  # where whoever opened it before reads on
        case _:
            yield f"file:{file}"  # else a name that starts with a dash or looks like an address would be no file name


def _opened(file: VideoFile, source: Any) -> InputContainer:
    with av.logging.Capture() as log:
        try:
            container: InputContainer = av.open(  # a playlist opens no address
                source, "r", container_options={"protocol_whitelist": "file"}, metadata_errors="replace"
            )
        except (av.error.FFmpegError, UnicodeDecodeError) as error:
            raise _cannot_open(file, error, log[-1][2].strip() if log else str(error)) from error
    return container


def _check_file(file: VideoFile) -> None:
    if _size_bytes(file) == 0:
        raise VideoError(FailureKind.INPUT, "is empty (0 bytes); fetch it again")


def _size_bytes(file: VideoFile) -> int:
    if isinstance(file, bytes):
        return len(file)
    if isinstance(file, FetchedFile):
        return file.size_bytes
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise VideoError(FailureKind.INPUT, "there is no such file; correct its path") from error
    except OSError as error:
        raise VideoError(FailureKind.IO, f"cannot be looked at ({error}); check permissions and disk") from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(FailureKind.INPUT, "is not a regular file; expected a video file")
    return status.st_size


def _cannot_open(file: VideoFile, error: Exception, detail: str) -> VideoError:
    if isinstance(error, PermissionError):
        return VideoError(FailureKind.IO, "may not be read; check its permissions")
    if isinstance(error, MemoryError):
        return VideoError(FailureKind.MEMORY, "its header asks for more memory than allowed")
    start = _start(file)
    if start.isascii() and all(byte >= ord(" ") or byte in b"\t\r\n" for byte in start):
        text = " ".join(start.decode().split())
        return VideoError(FailureKind.INPUT, f"is a text file, not a video: it begins with {text!r}; fetch it again")
    return VideoError(FailureKind.CORRUPT, f"cannot be opened as a video ({detail}); fetch it again, or leave it out")


def _start(file: VideoFile) -> bytes:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return opened.read(_START_BYTES)
    with _source(file) as source:
        start: bytes = source.read(_START_BYTES)
    return start


def _video_stream(container: InputContainer) -> VideoStream:
    name = container.format.name
    if name in _NOT_VIDEO or name.endswith("_pipe"):
        what = _NOT_VIDEO.get(name, f"a single picture ({name.removesuffix('_pipe')})")
        raise VideoError(FailureKind.INPUT, f"is {what}, not a video; leave it out")
    videos = [stream for stream in container.streams.video if not stream.disposition & _PICTURE_STREAMS]
    if not videos:
        rest = sorted({stream.type for stream in container.streams})
        cover = " and a cover picture" if container.streams.video else ""
        what = f"only {', '.join(kind for kind in rest if kind != 'video') or 'nothing'}{cover}"
        raise VideoError(FailureKind.INPUT, f"has no video stream, {what} ({name}); leave it out")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in videos else videos[0]
    if stream.codec_context is None:
        raise VideoError(FailureKind.CORRUPT, f"has a video stream of unknown codec ({name}); convert it")
    if stream.codec_context.codec_tag in ("encv", "enca"):
        raise VideoError(FailureKind.INPUT, "is encrypted; decrypt it first, or leave it out")
    if stream.codec_context.codec_tag in _DOLBY_VISION and stream.codec_context.colorspace == _UNSPECIFIED:
        raise VideoError(
            FailureKind.INPUT,
            "is Dolby Vision with colors that only its own decoders show (profile 5); fetch it in HDR10, HLG or BT.709",
        )
    return stream
