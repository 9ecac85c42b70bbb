"""What one published clip is: a sample, a rejection or a failure. Frozen records that check themselves.

Spans are half-open `[start, end)`; seconds are presentation time of the source file; boxes are pixels of the clip's
upright, square-pixel frame; images are PNG (references RGBA, transparent outside the mask); scores lie in [0, 1]
unless said. A field with a default is a column that older datasets, and selections by other tools, may lack.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dataset_schema.entities import Background, Entity
from dataset_schema.scores import Scores
from dataset_schema.source import MediaFacts, Payload, Source

_ID = re.compile(r"[0-9a-f]{16,64}(-[0-9a-z]+)*")

# Which feature of the `datasets` library shows a payload; without it, `Image`.
SHOWN_AS_VIDEO: Mapping[str, Any] = MappingProxyType({"feature": {"_type": "Video", "decode": False}})


class FailureKind(StrEnum):
    """Why a clip was lost, as far as it matters for trying again."""

    INPUT = "input"  # the manifest row or the file is not what it should be
    CORRUPT = "corrupt"  # the file opens, but cannot be decoded
    IO = "io"  # reading or writing failed; may pass
    TIMEOUT = "timeout"  # took longer than allowed; may pass
    MEMORY = "memory"  # needed more memory than allowed
    CRASH = "crash"  # killed its worker process
    ANNOTATOR = "annotator"  # a network gave no usable answer
    INTERNAL = "internal"  # a defect of this program: please report it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One broken rule: the stage that found it, a code to count by, and a sentence for people."""

    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A kept clip: one row of `samples/`.

    Attributes:
        video: what to decode; a `span` dataset has only a path, and `source` says which part of it.
        video_start_s: presentation time in `video` where the clip starts: 0 unless `video` is the whole source.
        extra: the manifest's other columns as a JSON object.

    Raises:
        ValueError: an entity word is not the caption's text at its span, it is the same as a word that is not there,
            or the bucket is malformed.
    """

    clip_id: str
    source: Source
    caption: str
    video: Payload = field(metadata=SHOWN_AS_VIDEO)
    video_start_s: float
    num_frames: int
    fps: float
    height: int
    width: int
    bucket: str
    media: MediaFacts
    scores: Scores
    entities: tuple[Entity, ...]
    background: Background | None
    extra: str = "{}"

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)
        if not re.fullmatch(r"\d+x\d+x\d+", self.bucket):
            raise ValueError(f"clip {self.clip_id} has bucket {self.bucket!r}, expected FRAMESxHEIGHTxWIDTH")
        others = {entity.word for entity in self.entities if entity.same_as is None}
        for entity in self.entities:
            found = self.caption[entity.start : entity.end]
            if not entity.word or found != entity.word:
                raise ValueError(
                    f"clip {self.clip_id}: entity word {entity.word!r} at [{entity.start}, {entity.end}): the caption "
                    f"reads {found!r} there, expected the same text"
                )
            if entity.same_as is not None and entity.same_as not in others:
                raise ValueError(
                    f"clip {self.clip_id}: entity word {entity.word!r} is the same as {entity.same_as!r}, expected one "
                    f"of {sorted(others)}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedClip:
    """A clip removed by a rule: one row of `rejections/`. The first of `reasons` decided; all are listed.

    Attributes:
        entities: its entity words, and the scores of their pictures, as far as it came.
    """

    clip_id: str
    source: Source
    caption: str
    reasons: tuple[Reason, ...]
    scores: Scores
    media: MediaFacts | None = None
    thumbnail: Payload | None = None
    entities: tuple[Entity, ...] = ()

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)
        if not self.reasons:
            raise ValueError(f"rejected clip {self.clip_id} has no reason, expected at least one")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedClip:
    """A clip lost to an error: one row of `failures/`."""

    clip_id: str
    source: Source
    stage: str
    kind: FailureKind
    error_type: str
    message: str

    def __post_init__(self) -> None:
        check_clip_id(self.clip_id)


def check_clip_id(clip_id: str) -> None:
    """Raise ValueError unless `clip_id` is a hexadecimal digest, with an optional `-suffix`."""
    if not _ID.fullmatch(clip_id):
        raise ValueError(f"clip id is {clip_id!r}, expected 16 to 64 hexadecimal digits")
