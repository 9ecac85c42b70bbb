"""A foreign dataset as clips for curation, and as failures that say what is wrong with a row."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from curation.imports.config import ImportConfig
from curation.imports.foreign import ForeignClip, ForeignRow, Layout
from curation.imports.masks import given_of
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.videos import VideoFolder
from curation.imports.words import best_caption, find_words
from curation.records import Clip
from curation.sources.records import STAGE, clip_id_of
from dataset_schema import FailedClip, FailureKind, Source


@dataclass(slots=True)
class ForeignDataset:
    """A foreign dataset to be read, once for each iteration.

    Attributes:
        unmapped: of the latest iteration, as far as it went.
    """

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
        """A record a row; of rows of one name, the first is one, and each further one a failure."""
        self.unmapped = UnmappedCounts()
        places: dict[str, str] = {}  # id -> the row that had it first
        for row in self.layout.rows(self.source):
            # A row that fails has the id of its clip, so that `--retry` finds it.
            clip_id = clip_id_of(f"{self.layout.title}/{row.key or row.place}", None, None)
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
        if foreign.is_cropped and self.config.cropped == "whole":
            unmapped.add(Unmapped.CROPPED, where, foreign.video.name)
        given = given_of(foreign, words, self.config, where=where, unmapped=unmapped)
        self.unmapped.add_all(unmapped)
        return Clip(
            clip_id=clip_id,
            source=Source(
                id=clip_id,
                uri=str(foreign.video),
                start_s=foreign.start_s,
                end_s=foreign.end_s,
                licence=self.licence,
            ),
            caption=caption,
            extra=self._extra(row, foreign, unmapped),
            given=given,
            entity_words=tuple({word.start: word for word in words.values()}.values()),
        )

    def _extra(self, row: ForeignRow, foreign: ForeignClip, unmapped: UnmappedCounts) -> str:
        columns = {
            **foreign.facts,
            "imported_from": self.layout.title,
            "imported_id": row.key or row.place,
        }
        if unmapped.counts:
            columns["not_mapped"] = {reason.value: count for reason, count in unmapped.counts.items()}
        return json.dumps(columns, ensure_ascii=False)

    def _failure(self, row: ForeignRow, clip_id: str, problem: str) -> FailedClip:
        return FailedClip(
            clip_id=clip_id,
            source=Source(id=clip_id, uri=str(self.source)),
            stage=STAGE,
            kind=FailureKind.INPUT,
            error_type="ForeignRow",
            message=f"{row.place}: {problem}".encode(errors="backslashreplace").decode(),
        )


def open_foreign(layout: Layout, source: Path, videos: Path | None, config: ImportConfig) -> ForeignDataset:
    """A dataset of a known layout.

    Args:
        layout: how it lies there.
        source: where its annotations lie.
        videos: the folder of the user's videos; None where they lie within the dataset.
        config: what of it is taken.

    Raises:
        FileNotFoundError: there is no such place.
        ValueError: the layout has no videos of its own, and none were named, or the other way round.
    """
    if not source.exists():
        raise FileNotFoundError(f"input {source} does not exist; expected annotations of {layout.title}")
    if videos is None and not layout.has_videos:
        raise ValueError(f"{layout.title} comes without its videos; name the folder that you have them in: --videos")
    if videos is not None and layout.has_videos:
        raise ValueError(f"{layout.title} has its videos beside its annotations; leave --videos out")
    if videos is not None and not videos.is_dir():
        raise FileNotFoundError(f"videos {videos} is no folder, expected the one that the videos lie in")
    return ForeignDataset(
        layout=layout, source=source, videos=VideoFolder((videos or source).absolute()), config=config
    )
