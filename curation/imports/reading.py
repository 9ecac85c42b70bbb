"""A foreign dataset as clips for curation, and as failures that say what is wrong with a row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from curation.given import Given, GivenMask
from curation.imports.config import ImportConfig
from curation.imports.doubles import without_doubles
from curation.imports.foreign import ForeignClip, ForeignMask, ForeignRow, Layout
from curation.imports.layouts.every_layout import LAYOUTS, LayoutName
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.videos import VideoFolder
from curation.imports.words import best_caption, find_words, is_place
from curation.records import Clip, EntityWord
from curation.sources.records import STAGE, clip_id_of
from dataset_schema import EntityKind, FailedClip, FailureKind, Source

Words: TypeAlias = dict[str, EntityWord]

# As curation calls the column of a manifest that exports write into their own.
_LICENCE: Final = "licence"


@dataclass(slots=True)
class ForeignDataset:
    """A foreign dataset to be read, once for each iteration.

    Attributes:
        unmapped: of the latest iteration, as far as it went.
    """

    name: LayoutName
    layout: Layout
    source: Path
    videos: VideoFolder
    config: ImportConfig
    unmapped: UnmappedCounts = field(default_factory=UnmappedCounts)

    @property
    def licence(self) -> str:
        """Of every row."""
        return self.config.licence or self.layout.licence

    def __iter__(self) -> Iterator[Clip | FailedClip]:
        self.unmapped = UnmappedCounts()
        places: dict[str, str] = {}  # id -> the row that had it first
        for row in self.layout.rows(self.source):
            clip_id = self._id(row)
            first = places.setdefault(clip_id, row.place)
            if first != row.place:
                again = f"{clip_id}-{clip_id_of(row.place, None, None)[:8]}"
                yield self._failure(row, again, f"repeats {first}; remove one of the two")
                continue
            try:
                yield self._clip(row, clip_id)
            except (TypeError, ValueError) as error:
                yield self._failure(row, clip_id, str(error))

    def _clip(self, row: ForeignRow, clip_id: str) -> Clip:
        if row.problem is not None:
            raise ValueError(row.problem)
        unmapped = UnmappedCounts()  # a row that fails maps nothing, and says so itself
        foreign = self.layout.clip(row, self.videos, unmapped)
        where = row.key or row.place
        caption = best_caption(foreign.captions, foreign.words) if foreign.captions else ""
        words = find_words(caption, foreign.words, where=where, unmapped=unmapped)
        given = self._given(foreign, words, where, unmapped)
        self.unmapped.add_all(unmapped)
        return Clip(
            clip_id=clip_id,
            source=Source(id=clip_id, uri=str(foreign.video), start_s=foreign.start_s, end_s=foreign.end_s),
            caption=caption,
            extra=self._extra(row, foreign, unmapped),
            given=given,
            entity_words=tuple({word.start: word for word in words.values()}.values()),
        )

    def _given(self, foreign: ForeignClip, words: Words, where: str, unmapped: UnmappedCounts) -> Given:
        groups: dict[tuple[int, int], list[ForeignMask]] = {}
        masks: list[GivenMask] = []
        for mask in foreign.masks:
            if _is_place(mask.word, foreign, words):
                unmapped.add(Unmapped.MASK_OF_PLACE, where, repr(mask.word))
            elif mask.word in words:
                groups.setdefault((words[mask.word].start, mask.frame), []).append(mask)
            else:
                unmapped.add(Unmapped.MASK_WITHOUT_WORD, where, repr(mask.word))
                masks.append(_given_mask(mask, None, mask.frame))
        several: dict[int, str] = {}
        for (start, frame), same in groups.items():
            kept = without_doubles(same, above_iou=self.config.double_iou)
            for _ in same[len(kept) :]:
                unmapped.add(Unmapped.DOUBLE_MASK, where, repr(same[0].word))
            if len(kept) > 1:
                several.setdefault(start, same[0].word)
            masks += [_given_mask(mask, start, frame, is_ambiguous=len(kept) > 1) for mask in kept]
        for word in several.values():
            unmapped.add(Unmapped.SEVERAL_THINGS, where, repr(word))
        return self._within_limit(foreign, masks, where, unmapped)

    def _within_limit(
        self, foreign: ForeignClip, masks: list[GivenMask], where: str, unmapped: UnmappedCounts
    ) -> Given:
        """With as many pictures from elsewhere as are taken, and no frame that nothing was taken of."""
        taken: dict[int, int] = {}
        kept = []
        for mask in masks:
            if foreign.frames[mask.frame].elsewhere is not None:
                if mask.start is None:
                    continue
                if taken.get(mask.start, 0) >= self.config.pictures_from_elsewhere:
                    unmapped.add(Unmapped.MORE_PICTURES, where, f"a picture of the word at {mask.start}")
                    continue
                taken[mask.start] = taken.get(mask.start, 0) + 1
            kept.append(mask)
        used = sorted({mask.frame for mask in kept} | {n for n, f in enumerate(foreign.frames) if f.elsewhere is None})
        number = {frame: place for place, frame in enumerate(used)}
        return Given(
            frames=tuple(foreign.frames[frame] for frame in used),
            masks=tuple(replace(mask, frame=number[mask.frame]) for mask in kept),
            background=foreign.background,
            num_frames=foreign.num_frames,
        )

    def _extra(self, row: ForeignRow, foreign: ForeignClip, unmapped: UnmappedCounts) -> str:
        columns = {
            **foreign.facts,
            _LICENCE: self.licence,
            "imported_from": self.layout.title,
            "imported_id": row.key,
            "not_mapped": {reason.value: count for reason, count in unmapped.counts.items()},
        }
        return json.dumps({name: value for name, value in columns.items() if value}, ensure_ascii=False)

    def _id(self, row: ForeignRow) -> str:
        return clip_id_of(f"{self.name}/{row.key or row.place}", None, None)

    def _failure(self, row: ForeignRow, clip_id: str, problem: str) -> FailedClip:
        return FailedClip(
            clip_id=clip_id,
            source=Source(id=clip_id, uri=str(self.source)),
            stage=STAGE,
            kind=FailureKind.INPUT,
            error_type="ForeignRow",
            message=f"{row.place}: {problem}".encode(errors="backslashreplace").decode(),
        )


def open_foreign(name: LayoutName, source: Path, videos: Path | None, config: ImportConfig) -> ForeignDataset:
    """A dataset of a known layout.

    Args:
        name: of the layout.
        source: where its annotations lie.
        videos: the folder of the user's videos; None where they lie within the dataset.
        config: what of it is taken.

    Raises:
        FileNotFoundError: there is no such place.
        ValueError: the layout has no videos of its own, and none were named, or the other way round.
    """
    layout = LAYOUTS[name]
    if not source.exists():
        raise FileNotFoundError(f"input {source} does not exist; expected annotations of {layout.title}")
    if videos is None and not layout.has_videos:
        raise ValueError(f"{layout.title} comes without its videos; name the folder that you have them in: --videos")
    if videos is not None and layout.has_videos:
        raise ValueError(f"{layout.title} has its videos beside its annotations; leave --videos out")
    if videos is not None and not videos.is_dir():
        raise FileNotFoundError(f"videos {videos} is no folder, expected the one that the videos lie in")
    return ForeignDataset(
        name=name, layout=layout, source=source, videos=VideoFolder((videos or source).absolute()), config=config
    )


def _given_mask(mask: ForeignMask, start: int | None, frame: int, *, is_ambiguous: bool = False) -> GivenMask:
    return GivenMask(
        start=start, frame=frame, shape=mask.shape, score=mask.score, is_ambiguous=is_ambiguous, face=mask.face
    )


def _is_place(word: str, foreign: ForeignClip, words: Words) -> bool:
    """By the rules of A.2 in its caption; a word that the caption does not have by itself."""
    if word in words:
        return words[word].kind is EntityKind.BACKGROUND
    return is_place(word, foreign.words.get(word, EntityKind.OBJECT))
