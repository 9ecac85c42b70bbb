"""What of a video is asked for. Nothing here loads a decoder."""

from dataclasses import dataclass

from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part `[start_s, end_s)` of a video, in presentation time; None means from the start, or to the end."""

    start_s: float | None = None
    end_s: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether this is the whole video."""
        return self.start_s is None and self.end_s is None

    def compare(self, time_s: float, tick_s: float) -> int:
        """-1, 0 or 1 for a moment before, inside or after the span.

        A span that was read off a frame's own timestamp starts with this frame, so half a tick counts as inside.
        """
        if self.start_s is not None and time_s + tick_s / 2 < self.start_s:
            return -1
        return int(self.end_s is not None and time_s + tick_s / 2 >= self.end_s)

    def __str__(self) -> str:
        return f"[{self.start_s or 0:g} s, {'the end' if self.end_s is None else f'{self.end_s:g} s'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPart:
    """What is opened.

    Attributes:
        file: where it lies, or its content.
        span: the part of it that makes the clip.
        max_pixels: larger frames are not decoded at all; None decodes any.
        max_fetched_bytes: of a file in a store, more is not fetched; None fetches any.
    """

    file: bytes | Place
    span: Span
    max_pixels: int | None = None
    max_fetched_bytes: int | None = None
