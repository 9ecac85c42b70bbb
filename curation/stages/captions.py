"""Writes captions for clips that have none, by showing their frames to a vision-language model."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np

from curation.annotators.protocols import Captioner
from curation.deferred import Deferred
from curation.records import Clip, Video
from curation.rules import Bound, Rule
from curation.stage import Resources, Stage
from dataset_schema import Annotator
from storage.configs import PRESET_ONLY, strict

cv2: Any = Deferred("cv2")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionsConfig:
    """The policy.

    Attributes:
        which: `none` leaves captions as they are; `missing` writes one for clips without, which would be rejected
            otherwise; `all` also replaces the given ones: where many shots of one long video share its caption, that
            caption names what most of them do not show.
        max_chars: a longer answer is no caption. Our choice: half of what the entity words stage reads; models that
            ramble make things up.
    """

    which: Literal["none", "missing", "all"] = "none"
    max_chars: int = field(default=1000, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if self.max_chars < 1:
            raise ValueError(f"max_chars is {self.max_chars}, expected at least 1")


class Captions(Stage):
    """Fills `caption`; a clip whose answer cannot be one has none in the end, and is rejected.

    A refusal ("I cannot ...") is a caption like any other here: it names nobody, and the rules of A.2 reject it.
    """

    name: ClassVar[str] = "captions"
    reads: ClassVar[frozenset[str]] = frozenset({"caption", "frames", "media"})
    adds: ClassVar[frozenset[str]] = frozenset({"caption"})

    def __init__(self, config: CaptionsConfig, captioner: Captioner) -> None:
        self._config = config
        self._captioner = captioner

    @property
    def resources(self) -> Resources:
        """Those of the captioner."""
        return self._captioner.resources

    @property
    def rules(self) -> tuple[Rule, ...]:
        """It has a caption now."""
        longest = self._config.max_chars
        return (
            Rule(
                code="no_caption",
                reads="caption_chars",
                bound=Bound.AT_LEAST,
                limit=1,
                sentence="the clip has no caption, and the captioner's answer was empty or longer than "
                f"{longest} characters",
                plain="no caption",
                advice='say in one sentence what the video shows: CAPTION="A dog runs on the beach."',
            ),
        )

    def annotators(self) -> tuple[Annotator, ...]:
        """The captioner."""
        return (self._captioner.describe(),)

    def setup(self) -> None:
        """Load the captioner."""
        self._captioner.load()

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips, those that want a caption with a new one.

        Raises:
            ClipError: a clip got no answer.
        """
        wanting = [clip for clip in clips if self._wants(clip)]
        answers = iter(self._captioner.caption([_in_proportion(clip) for clip in wanting]) if wanting else ())
        return [replace(clip, caption=self._usable(next(answers))) if self._wants(clip) else clip for clip in clips]

    def measured(self, clip: Clip) -> str:
        """The caption."""
        return clip.caption

    def _wants(self, clip: Clip) -> bool:
        return self._config.which == "all" or (self._config.which == "missing" and not clip.caption.strip())

    def _usable(self, answer: str) -> str:
        return answer if len(answer) <= self._config.max_chars else ""


def _in_proportion(clip: Clip) -> Video:
    """The content filter's frames, which are squeezed to squares, with people as tall and wide as they are.

    Nothing is thrown away: the shorter side stays as it is, the longer one is stretched.
    """
    if clip.frames is None or clip.media is None:
        raise ValueError(f"clip {clip.clip_id} has no frames, expected a stage that decodes before the captions")
    squeezed, media = clip.frames.content, clip.media
    height, width = squeezed.shape[1:3]
    short = min(media.height, media.width)
    size = round(width * media.width / short), round(height * media.height / short)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in squeezed]).astype(np.uint8)
