"""From which footage a clip is taken, and which frames of it: decided from what its row says, before anything is read.

The published bytes are copied where they are what the reader takes. Where they are not, the clip is cut again: from the
source, if what was published is itself a cut and the source is still there, because that loses a generation, pixels and
sound less; else from the published bytes.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from av.video.reformatter import ColorTrc

from dataset_schema import MediaFacts, Sample
from exports.grids import frames_on_show
from exports.refusal import Reason, Refused
from exports.target import Target
from storage.address import Place, place_beside
from storage.configs import strict
from storage.numbers import expect_at_least
from storage.places import place_of
from video_reading.part import Span
from video_reading.tone import HDR_TRANSFERS

# Readers that count frames take 23.976 and 24 for the same.
_PACE_TOLERANCE: Final = 2e-3
_HDR: Final = frozenset(ColorTrc(transfer).name.lower() for transfer in HDR_TRANSFERS)


class Footage(StrEnum):
    """Where clips are taken from."""

    FITTING = "fitting"  # the published bytes where they fit, else as this module says
    PUBLISHED = "published"  # the published bytes alone
    SOURCE = "source"  # the sources, wherever they are still there


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CutConfig:
    """Which frames of a clip are written.

    Attributes:
        frames: of every clip, the first ones; None takes as many as the clip has and the trainer's grid allows.
        footage: where clips are taken from.
        max_pixels: of a frame of a clip that is cut anew. Our choice: 1280 x 720, more than these trainers are usually
            run at.
        keeps_sound: where the trainer uses it.
    """

    frames: int | None = None
    footage: Footage = Footage.FITTING
    max_pixels: int = 1280 * 720
    keeps_sound: bool = True

    def __post_init__(self) -> None:
        expect_at_least(1, "cut", self, "frames")
        expect_at_least(64 * 64, "cut", self, "max_pixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPlan:
    """What becomes the video of a clip.

    Attributes:
        file: where the footage lies; None is the published bytes.
        span: of the footage.
        is_copy: the bytes are taken as they are.
        frames: the frames of the grid; a copy may have more, which the reader does not take.
        fps: of the written video; so are height and width.
        has_sound: whether the footage has sound that is kept.
    """

    file: Place | None
    span: Span
    is_copy: bool
    frames: int
    fps: float
    height: int
    width: int
    has_sound: bool
    num_frames: int

    @property
    def duration_s(self) -> float:
        """Of the frames of the grid."""
        return self.frames / self.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footage:
    """A video that holds the clip."""

    file: Place | None
    span: Span
    duration_s: float
    num_frames: int
    fps: float
    height: int
    width: int
    has_sound: bool
    is_plain: bool = field(default=False)


def plan_cut(sample: Sample, target: Target, config: CutConfig, *, root: Place, has_bytes: bool) -> CutPlan:
    """How the clip of a row is had.

    Args:
        sample: the row; its video need not have been read.
        target: what the reader asks.
        config: what is wanted.
        root: of the dataset.
        has_bytes: whether the video stands in the shard.

    Raises:
        Refused: it cannot be had, or does not fit.
    """
    published = _published(sample) if has_bytes else None
    if config.footage is Footage.SOURCE or published is None:
        footage = _any_of(sample, _source(sample, root, has_bytes=has_bytes), published)
    else:
        frames = _frames(published, target, config)
        is_fitting = _is_fitting(published, frames, target)
        lacks_sound = target.uses_sound and config.keeps_sound and not published.has_sound and sample.media.has_audio
        source = None  # it may lie in a store, which is asked only where the published bytes will not do
        if is_cut(sample) and config.footage is not Footage.PUBLISHED and (lacks_sound or not is_fitting):
            source = _source(sample, root, has_bytes=has_bytes)
        if is_fitting and source is None:
            return _plan(published, frames, published.fps, target, config, is_copy=True)
        footage = source or published
    frames = _frames(footage, target, config)
    return _sized(sample, _plan(footage, frames, target.grid.fps or footage.fps, target, config, is_copy=False), target)


def is_cut(sample: Sample) -> bool:
    """Whether the published video was cut and encoded by curation, without sound; otherwise it is the source's file."""
    media = sample.media
    facts = (media.decoded_frames, media.height, media.width)
    is_whole = sample.source.start_s is None and sample.source.end_s is None
    is_named_so = sample.video.path == f"{sample.clip_id}.mp4"
    return not is_whole or is_named_so or facts != (sample.num_frames, sample.height, sample.width)


def published_sha256(sample: Sample) -> str | None:
    """What the published video's bytes hash to, as its row tells where it is its source's whole file; else None."""
    if is_cut(sample):
        return None
    try:
        name = place_of(sample.source.uri).name
    except ValueError:
        return None
    # A picture that became a video of one frame goes by another name.
    return sample.source.content_sha256 if sample.video.path == name else None


def source_place(sample: Sample) -> Place | None:
    """Where the clip came from, if it is still there."""
    try:
        place = place_of(sample.source.uri)
    except ValueError:
        return None
    return place if _is_there(place) else None


def _any_of(sample: Sample, *footages: _Footage | None) -> _Footage:
    for footage in footages:
        if footage is not None:
            return footage
    where = sample.video.path or sample.source.uri
    raise Refused(
        Reason.NO_VIDEO,
        f"its video is not in the shard, and nothing is at {where}; bring it back there, or curate with bytes",
    )


def _published(sample: Sample) -> _Footage:
    is_a_cut, media = is_cut(sample), sample.media
    return _Footage(
        file=None,
        span=Span(),
        duration_s=sample.num_frames / sample.fps,
        num_frames=sample.num_frames,
        fps=sample.fps,
        height=sample.height,
        width=sample.width,
        has_sound=media.has_audio and not is_a_cut,
        is_plain=is_a_cut or _is_plain(media),
    )


def _source(sample: Sample, root: Place, *, has_bytes: bool) -> _Footage | None:
    """What the clip was cut from, where it is still there."""
    media, source = sample.media, sample.source
    if not has_bytes and sample.video.path:
        beside = place_beside(root, sample.video.path)
        place = beside if _is_there(beside) else None
    else:
        place = source_place(sample)
    if place is None:
        return None
    start_s = source.start_s if sample.video_start_s == 0 or has_bytes else sample.video_start_s
    return _Footage(
        file=place,
        span=Span(start_s=start_s, end_s=source.end_s),
        duration_s=media.duration_s,
        num_frames=media.decoded_frames,
        fps=media.fps,
        height=media.height,
        width=media.width,
        has_sound=media.has_audio,
    )


def _is_plain(media: MediaFacts) -> bool:
    """Whether every reader shows the file as it is: H.264 in MP4, upright, square pixels, standard range, steady."""
    is_common = media.codec == "h264" and media.container.startswith("mov")
    is_upright = media.rotation_deg == 0 and math.isclose(media.sample_aspect_ratio, 1.0)
    is_tame = not (media.is_interlaced or media.damage or media.color_transfer in _HDR)
    return is_common and is_upright and is_tame


def _is_fitting(footage: _Footage, frames: int, target: Target) -> bool:
    if not footage.is_plain or footage.num_frames < frames:
        return False
    fps = target.grid.fps
    return fps is None or target.resamples or abs(footage.fps / fps - 1.0) < _PACE_TOLERANCE


def _frames(footage: _Footage, target: Target, config: CutConfig) -> int:
    grid = target.grid
    fps = grid.fps or footage.fps
    available = footage.num_frames if grid.fps is None else frames_on_show(footage.duration_s, fps)
    frames = grid.largest(available)
    if config.frames is not None:
        frames = config.frames if available >= config.frames else None
    if frames is None:
        wanted = config.frames or grid.least
        raise Refused(
            Reason.TOO_SHORT,
            f"{footage.duration_s:.2f} s give {available} frames at {fps:g} fps, expected at least {wanted}",
        )
    return frames


def _plan(footage: _Footage, frames: int, fps: float, target: Target, config: CutConfig, *, is_copy: bool) -> CutPlan:
    height, width = footage.height, footage.width
    if not is_copy:
        scale = min(1.0, math.sqrt(config.max_pixels / (height * width)))
        height, width = (int(side * scale + 1e-6) // target.divisor * target.divisor for side in (height, width))
    return CutPlan(
        file=footage.file,
        span=footage.span,
        is_copy=is_copy,
        frames=frames,
        num_frames=footage.num_frames if is_copy else frames,
        fps=fps,
        height=height,
        width=width,
        has_sound=footage.has_sound and (is_copy or (target.uses_sound and config.keeps_sound)),
    )


def _sized(sample: Sample, plan: CutPlan, target: Target) -> CutPlan:
    if min(plan.height, plan.width) < target.divisor:
        raise Refused(
            Reason.TOO_SMALL,
            f"{sample.height}x{sample.width} pixels (height x width) are less than the {target.divisor} that "
            "both sides must be a multiple of",
        )
    return plan


@lru_cache(maxsize=4096)
def _is_there(place: Place) -> bool:
    return place.is_file()
