"""What a look at a dataset reports: what is wrong, where, and how much was looked at."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """What was held against what."""

    SHARD = "shard"  # it opens, and has the columns of its table
    PAGE = "page"  # its bytes are those that were written
    ROW = "row"  # it does not contradict itself
    BUCKET = "bucket"  # the clip fills it
    PICTURE = "picture"  # it decodes
    VIDEO = "video"  # it decodes, with the frames and the size that its row says
    PLACE = "place"  # media stand in the file where its footer says
    CLIP = "clip"  # it is in one table, once
    SOURCE = "source"  # it has as many clips as it says
    HEAD = "head"  # `dataset.json` reads
    FUNNEL = "funnel"  # its counts are those of the tables
    INDEX = "index"  # it says what the shards say
    FILE = "file"  # nothing else lies among the shards


# What mends nearly everything: the finished shards are all that a run remembers.
REDO: Final = "delete this shard and curate again: its clips are redone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        where: a file of the dataset, by its path there.
        row: its number in the shard, from 0.
    """

    check: Check
    where: str
    row: int | None = None
    clip_id: str | None = None
    found: str
    expected: str
    remedy: str = REDO


@dataclass(slots=True)
class Report:
    """Findings, and how many things were looked at.

    Attributes:
        looked_at: by name, such as `videos`.
    """

    findings: list[Finding] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Report") -> None:
        """Take in what another look reports."""
        self.findings += other.findings
        self.looked_at += other.looked_at
