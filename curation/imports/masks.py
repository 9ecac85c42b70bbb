"""The masks of a foreign clip, as many and as sure as a clip of curation may bring."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from curation.given import Given, GivenMask, RunLengths
from curation.imports.config import ImportConfig
from curation.imports.doubles import without_doubles
from curation.imports.foreign import ForeignClip, ForeignMask
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.words import is_place
from curation.records import EntityWord
from dataset_schema import EntityKind

Words: TypeAlias = dict[str, EntityWord]


def given_of(
    foreign: ForeignClip, words: Words, config: ImportConfig, *, where: str, unmapped: UnmappedCounts
) -> Given:
    """What a clip brings.

    Masks of places are left out. Those of words that were left out stay, without a word: they are no background.

    Args:
        foreign: the clip.
        words: those that its caption has, by what the dataset calls them.
        config: what is taken.
        where: the clip's name in its dataset.
        unmapped: counts what is left out.

    Raises:
        ValueError: a mask cannot be read.
    """
    named: dict[tuple[int, int], list[ForeignMask]] = {}
    masks: list[GivenMask] = []
    for mask in foreign.masks:
        if _is_place(mask.word, foreign, words):
            unmapped.add(Unmapped.MASK_OF_PLACE, where, repr(mask.word))
        elif mask.word in words:
            named.setdefault((words[mask.word].start, mask.frame), []).append(mask)
        else:
            unmapped.add(Unmapped.MASK_WITHOUT_WORD, where, repr(mask.word))
            masks.append(_given(mask, None, config))
    masks += _of_words(named, config, where, unmapped)
    kept = _within_limit(masks, foreign, config, where, unmapped)
    frames = {n for n, frame in enumerate(foreign.frames) if frame.elsewhere is None} | {mask.frame for mask in kept}
    number = {frame: place for place, frame in enumerate(sorted(frames))}
    return Given(
        frames=tuple(foreign.frames[frame] for frame in number),
        masks=tuple(replace(mask, frame=number[mask.frame]) for mask in kept),
        background=foreign.background,
        frame_span=foreign.frame_span,
        fps=foreign.fps,
    )


def _of_words(
    named: dict[tuple[int, int], list[ForeignMask]], config: ImportConfig, where: str, unmapped: UnmappedCounts
) -> list[GivenMask]:
    """By word and frame, without doubles; where several are left, nobody knows which one the word means."""
    masks: list[GivenMask] = []
    several: dict[int, str] = {}
    for (start, _), same in named.items():
        kept = without_doubles(same, above_iou=config.double_iou)
        for double in same[len(kept) :]:
            unmapped.add(Unmapped.DOUBLE_MASK, where, repr(double.word))
        if len(kept) > 1:
            several.setdefault(start, same[0].word)
        masks += [_given(mask, start, config, is_ambiguous=len(kept) > 1) for mask in kept]
    for word in several.values():
        unmapped.add(Unmapped.SEVERAL_THINGS, where, repr(word))
    return masks


def _within_limit(
    masks: Sequence[GivenMask], foreign: ForeignClip, config: ImportConfig, where: str, unmapped: UnmappedCounts
) -> list[GivenMask]:
    """With as many pictures from elsewhere of each word as are taken; what no word names is of no use there."""
    taken: dict[int, int] = {}
    kept = []
    for mask in masks:
        if foreign.frames[mask.frame].elsewhere is None:
            kept.append(mask)
        elif mask.start is not None:
            taken[mask.start] = taken.get(mask.start, 0) + 1
            if taken[mask.start] <= config.pictures_from_elsewhere:
                kept.append(mask)
            else:
                unmapped.add(Unmapped.MORE_PICTURES, where, f"of the word at character {mask.start}")
    return kept


def _is_place(word: str, foreign: ForeignClip, words: Words) -> bool:
    """By the rules of A.2 in its caption; a word that the caption does not have by itself."""
    if word in words:
        return words[word].kind is EntityKind.BACKGROUND
    return is_place(word, foreign.words.get(word, EntityKind.OBJECT))


def _given(mask: ForeignMask, start: int | None, config: ImportConfig, *, is_ambiguous: bool = False) -> GivenMask:
    shape = mask.shape
    if isinstance(shape, RunLengths) and config.cropped == "refuse":
        shape = replace(shape, crop=None)
    return GivenMask(
        start=start, frame=mask.frame, shape=shape, score=mask.score, is_ambiguous=is_ambiguous, face=mask.face
    )
