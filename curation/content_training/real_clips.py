"""The 16 frames of real clips, as curation decodes them: each clip once, in a supervised child process."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Final, NamedTuple, TypeAlias

from curation.decisions import decide_stage
from curation.records import Clip, Video
from curation.stage import ClipError
from curation.stages.decode import Decode, DecodeConfig
from curation.video.sampling import CONTENT_SIDE

# The full-size frames for references are not looked at here.
_DECODING: Final = DecodeConfig(reference_long_side=CONTENT_SIDE)
# Clips decoded ahead of whoever looks at them, per worker.
_AHEAD: Final = 2


class Seen(NamedTuple):
    """A decoded clip: its frames (16, 224, 224, 3), and the size they had before they were squeezed."""

    clip: Clip
    frames: Video
    height: int
    width: int


class Lost(NamedTuple):
    """A clip that curation's content filter would never see, and why."""

    uri: str
    reason: str


RealClip: TypeAlias = Seen | Lost


def decode_clips(clips: Sequence[Clip], *, workers: int) -> Iterator[RealClip]:
    """The clips, decoded, in order, by some children at a time; lost where `Decode` would reject them or fail."""
    idle: SimpleQueue[Decode] = SimpleQueue()
    with ExitStack() as ended:
        for _ in range(workers):
            stage = Decode(_DECODING)
            ended.callback(stage.close)
            idle.put(stage)

        def decode(clip: Clip) -> RealClip:
            stage = idle.get()
            try:
                return _decode(clip, stage)
            finally:
                idle.put(stage)

        pool = ended.enter_context(ThreadPoolExecutor(workers))
        waiting: deque[Future[RealClip]] = deque()
        for clip in clips:
            waiting.append(pool.submit(decode, clip))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _decode(clip: Clip, stage: Decode) -> RealClip:
    try:
        (decoded,) = stage.score([clip])
    except ClipError as error:
        return Lost(clip.source.uri, str(error))
    decoded, reasons = decide_stage(stage, decoded)
    if reasons:
        return Lost(clip.source.uri, "; ".join(f"{reason.reason}: {reason.detail}" for reason in reasons))
    if decoded.frames is None or decoded.media is None:
        raise ValueError(f"{clip.source.uri} was decoded without frames, expected Decode to give them")
    return Seen(clip, decoded.frames.content, decoded.media.height, decoded.media.width)
