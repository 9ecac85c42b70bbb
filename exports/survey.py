"""What an export will do, and what of the dataset falls out, found before anything is written."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.config import ExportConfig
from exports.form import Format
from exports.ledger import Entry, WrittenEntry
from exports.planning import PlannedClip, plan_clip
from exports.published import Pictures, PublishedDataset, expect_all, rows_of
from exports.refusal import Reason, Refused
from exports.seen_clips import SeenClips


@dataclass(slots=True)
class Counts:
    """What became of the rows: `written` and `refused` together are all of them.

    Attributes:
        refused: rows by reason.
        examples: of every reason the first clip, and what was found there.
        videos: clips by how their video is had.
        groups: clips by group.
        pictures: of all clips.
        outside: pictures from another time than their clip.
        silent: clips without sound.
    """

    written: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    videos: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    pictures: int = 0
    outside: int = 0
    silent: int = 0

    @property
    def rows(self) -> int:
        """Of the dataset, as far as it was looked at."""
        return self.written + sum(self.refused.values())

    def add(self, clip: ExportedClip) -> None:
        """Count a clip that is written."""
        video = clip.video
        self.written += 1
        self.videos["copied" if video.is_copy else f"cut again from the {video.footage} video"] += 1
        self.groups[clip.group] += 1
        self.pictures += len(clip.pictures)
        self.outside += sum(picture.is_outside for picture in clip.pictures)
        self.silent += not video.has_sound

    def refuse(self, clip_id: str, reason: str, detail: str) -> None:
        """Count a row that is not."""
        self.refused[reason] += 1
        self.examples.setdefault(reason, f"{clip_id}: {detail}")

    def to_json(self) -> dict[str, Any]:
        """As the end mark of an export holds it."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**{**content, **{name: Counter(content[name]) for name in ("refused", "videos", "groups")}})

    def add_entry(self, entry: Entry) -> None:
        """Count what the ledger says of a row."""
        if isinstance(entry, WrittenEntry):
            self.add(entry.clip)
        else:
            self.refuse(entry.clip_id, entry.reason, entry.detail)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, dict) else value


class Planner:
    """Plans the rows of a dataset in their order; a clip that stands there twice is planned once.

    Args:
        dataset: whose rows they are.
        form: the format.
        config: what is wanted.
    """

    def __init__(self, dataset: PublishedDataset, form: Format, config: ExportConfig) -> None:
        self._dataset, self._form, self._config = dataset, form, config
        self._seen = SeenClips()

    def pass_over(self, clip_id: str) -> bool:
        """Count a row as seen; whether its clip was seen before."""
        return self._seen.add(clip_id)

    def plan(self, sample: Sample, *, has_bytes: bool) -> PlannedClip:
        """What is written of a row.

        Raises:
            Refused: nothing.
        """
        if self.pass_over(sample.clip_id):
            raise Refused(Reason.REPEATED_CLIP, "the dataset has this clip in an earlier row; it is written once")
        return plan_clip(sample, self._form, self._config, root=self._dataset.root, has_bytes=has_bytes)


def survey(
    dataset: PublishedDataset,
    form: Format,
    config: ExportConfig,
    on_row: Callable[[int], object] = lambda _: None,
) -> Counts:
    """Plan every row, and count.

    Raises:
        ValueError: a shard is damaged, or missing.
    """
    counts, planner = Counts(), Planner(dataset, form, config)
    pictures = Pictures.SIZES if form.target.has_pictures else Pictures.NONE
    for shard, size_bytes in dataset.shards:
        for row in rows_of(shard, size_bytes, pictures=pictures):
            try:
                counts.add(planner.plan(row.sample, has_bytes=row.has_bytes).clip)
            except Refused as refused:
                counts.refuse(row.sample.clip_id, refused.reason, refused.detail)
            on_row(counts.rows)
    expect_all(dataset, counts.rows)
    return counts
