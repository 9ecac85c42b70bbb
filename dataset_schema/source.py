"""Where a clip comes from, what its file is, and the bytes or the path of what is stored of it."""

import re
from dataclasses import dataclass

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a clip comes from.

    Attributes:
        id: names the manifest row, so that all clips of one source can be found.
        start_s: None for a whole file; so is `end_s`.
        num_clips: how many clips of the source there are.
        licence: word for word as the manifest has it, as are consent and rights holder; None where it says nothing,
            and before schema 3.5.
        content_sha256: SHA-256 of the whole file's bytes, also where the source is a span of it; None where nobody read
            them: a clip that was rejected by its caption, or that could not be opened.
        perceptual_hash: of what the source shows, where that was asked for (`--curation.decode.perceptual-hash`).
    """

    id: str
    uri: str
    start_s: float | None = None
    end_s: float | None = None
    num_clips: int = 1
    licence: str | None = None
    consent: str | None = None
    rights_holder: str | None = None
    content_sha256: str | None = None
    perceptual_hash: str | None = None

    def __post_init__(self) -> None:
        if self.content_sha256 is not None and not _SHA256.fullmatch(self.content_sha256):
            raise ValueError(
                f"source {self.uri} has content_sha256 {self.content_sha256!r}, expected 64 hexadecimal digits"
            )
        if self.start_s is not None and self.end_s is not None and not 0 <= self.start_s < self.end_s:
            raise ValueError(f"source {self.uri} has span [{self.start_s}, {self.end_s}), expected 0 <= start < end")
        if self.num_clips < 1:
            raise ValueError(f"source {self.uri} has num_clips {self.num_clips}, expected at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """Bytes of an image or a video, or the path they lie at; the pair that `datasets` decodes."""

    bytes: "bytes | None" = None
    path: str | None = None

    def __post_init__(self) -> None:
        if self.bytes is None and self.path is None:
            raise ValueError("payload has neither bytes nor path, expected at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What probing and decoding found; nothing here is taken from the container without saying so.

    Attributes:
        width: pixels after rotation and sample aspect ratio, as a viewer shows them; so is `height`.
        declared_frames: from the container; None where it does not say.
        decoded_frames: frames that really came out.
        duration_s: from the first presentation time to the end of the last frame.
        damage: what is wrong with a file that still decodes, None for a sound one.
        longest_frame_s: how long the frame is shown that is shown longest; None in datasets before schema 3.1.
    """

    container: str
    codec: str
    width: int
    height: int
    declared_frames: int | None
    decoded_frames: int
    duration_s: float
    fps: float
    is_vfr: bool
    rotation_deg: int
    sample_aspect_ratio: float
    color_transfer: str | None
    is_interlaced: bool
    has_audio: bool
    damage: str | None = None
    longest_frame_s: float | None = None
