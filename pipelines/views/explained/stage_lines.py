"""What each stage measured on a clip, and what it asks for: one line a stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from curation.annotators.protocols import CONTENT_CLASSES
from curation.profiles import CurationConfig
from curation.records import Clip
from dataset_schema import EntityKind
from pipelines.views.explained.score_bars import content_threshold
from pipelines.views.explained.watched_run import Standing, Story, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLine:
    """What one stage measured, and what it asks for."""

    name: str
    standing: Standing
    measured: str
    limit: str
    seconds: float


def stage_lines(story: Story, config: CurationConfig) -> list[StageLine]:
    """One line per stage, in order."""
    return [_stage_line(visit, config) for visit in story.visits]


def _stage_line(visit: Visit, config: CurationConfig) -> StageLine:
    measured, limit = "", ""
    clip = visit.after
    if visit.standing is Standing.FAILED:
        measured = "could not be done: see above"
    elif visit.standing is not Standing.NOT_RUN and isinstance(clip, Clip) and visit.stage.name in _DESCRIBE:
        measured, limit = _DESCRIBE[visit.stage.name](clip, config)
    return StageLine(
        name=visit.stage.name, standing=visit.standing, measured=measured, limit=limit, seconds=visit.seconds
    )


def _describe_words(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    del config
    words = clip.entity_words or ()
    kinds = [(kind, [word.word for word in words if word.kind is kind]) for kind in EntityKind]
    found = "; ".join(f"{kind}: {_listed(some)}" for kind, some in kinds if some)
    return found or "no entity words", "a singular subject"


def _describe_media(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    media = clip.media
    if media is None:
        return "", ""
    oddities = [
        *(["variable frame rate"] if media.is_vfr else []),
        *([f"turned by {media.rotation_deg} degrees"] if media.rotation_deg else []),
        *(["interlaced"] if media.is_interlaced else []),
        *(["damaged"] if media.damage else []),
    ]
    size = f"{media.width}x{media.height} pixels, {media.decoded_frames} frames in {media.duration_s:.1f} s"
    return ", ".join([size, f"{media.fps:.3g} fps", media.codec, *oddities]), (
        f">= {config.decode.min_frames} frames, fills a bucket"
    )


def _describe_shots(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    cuts = len(clip.cut_times_s or ())
    measured = f"{cuts + 1} shot{'s' * (cuts > 0)}; likeliest shot change {clip.scores.shot_change or 0.0:.2f}"
    return measured, f"< {config.single_shot.threshold:g}"


def _describe_splitting(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    is_part = clip.source.num_clips > 1
    part = f"{clip.source.start_s:.2f} to {clip.source.end_s:.2f} s" if is_part else "the whole video"
    measured = f"one shot: {part}; likeliest shot change in it {clip.scores.shot_change or 0.0:.2f}"
    return measured, f"cut from {config.split_shots.threshold:g}"


def _describe_content(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    values = {name: getattr(clip.scores, name) for name in CONTENT_CLASSES}
    known = {name: value for name, value in values.items() if value is not None}
    ranked = sorted(known.items(), key=lambda item: -item[1])[:2]
    threshold = content_threshold(config)
    measured = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in ranked)
    if ranked and "desirable" not in dict(ranked):
        measured += f", desirable {known['desirable']:.2f}"
    return measured, f"desirable >= {threshold:.2f}" if threshold is not None else ""


def _describe_masks(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    frames = len(clip.frames.reference_frames) if clip.frames is not None else 0
    sure = [entity.word_index for entity in clip.located or () if not entity.is_ambiguous]
    words = [(i, w.word) for i, w in enumerate(clip.entity_words or ()) if w.kind is not EntityKind.BACKGROUND]
    found = [f"{word!r} in {sure.count(index)} of {frames} frames" for index, word in words if index in sure]
    missed = [word for index, word in words if index not in sure]
    parts = [f"confidence {clip.scores.subject_confidence or 0.0:.2f}", *found]
    measured = "; ".join([*parts, *([f"not located: {_listed(missed)}"] if missed else [])])
    least = config.entity_masks.min_confidence
    return measured, f"confidence {f'>= {least:.2f}' if least else '> 0'}"


def _describe_pictures(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    del config
    kept = [(entity.word, len(entity.references)) for entity in clip.entities or () if entity.references]
    faces = sum(reference.is_face for entity in clip.entities or () for reference in entity.references)
    measured = ", ".join(f"{count} of {word!r}" for word, count in kept) or "none good enough"
    return f"{measured}{f'; {faces} of them faces' if faces else ''}", ">= 1 of a subject"


def _describe_background(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    leak = clip.scores.background_leak
    if leak is None:
        return "none: nothing was located in the middle frame", ""
    kept = "kept" if clip.background is not None else "left out"
    return f"{kept}; leak {leak:.2f}", f"leak <= {config.background.max_leak:g}"


def _describe_sample(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    del config
    return (f"bucket {clip.sample.bucket}" if clip.sample is not None else ""), ""


def _describe_caption(clip: Clip, config: CurationConfig) -> tuple[str, str]:
    del config
    return clip.caption, ""


_DESCRIBE: Final[dict[str, Callable[[Clip, CurationConfig], tuple[str, str]]]] = {
    "entity_words": _describe_words,
    "captions": _describe_caption,
    "decode": _describe_media,
    "single_shot_filter": _describe_shots,
    "split_shots": _describe_splitting,
    "shot_frames": _describe_media,
    "content_filter": _describe_content,
    "entity_masks": _describe_masks,
    "reference_images": _describe_pictures,
    "background": _describe_background,
    "publish": _describe_sample,
}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words))
