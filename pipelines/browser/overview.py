"""What a dataset holds as a whole, counted from its index: reasons, scores, buckets, words."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from curation.rules import Policy, Rule
from dataset_schema import SHARE_SCORES, EntityKind, Outcome
from dataset_schema.index.columns import SCORE_NAMES
from pipelines.browser.clip_query import WORD_COLUMNS
from pipelines.browser.clip_table import ClipTable
from pipelines.browser.opened import Opened
from pipelines.views.clip_view import limits_of

BINS: Final = 32
_WORDS_COUNTED: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Of one score, over all clips on which it was measured.

    Attributes:
        counts: of `BINS` equal parts from `low` to `high`; the last one has its upper end.
        rules: that hold it against a limit.
    """

    name: str
    low: float
    high: float
    counts: tuple[int, ...]
    rules: tuple[Rule, ...]

    @property
    def measured(self) -> int:
        """On how many clips it was measured."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Counts over the whole dataset.

    Attributes:
        reasons: outcome, stage, reason and number of clips, the most frequent first.
        buckets: of kept clips, with their numbers; so are `words`, each counted once a clip.
    """

    counts: Mapping[Outcome, int]
    reasons: Sequence[tuple[str, str, str, int]]
    histograms: Sequence[Histogram]
    buckets: Sequence[tuple[str, int]]
    words: Mapping[EntityKind, Sequence[tuple[str, int]]]


class OverviewCounter:
    """Counts once for as long as the dataset stays the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Opened | None = None
        self._counted: Overview | None = None

    def count(self, opened: Opened) -> Overview:
        """The overview of a dataset."""
        with self._lock:
            if self._counted is None or self._of is not opened:
                self._counted, self._of = count_overview(opened), opened
            return self._counted


def count_overview(opened: Opened) -> Overview:
    """Count all of it."""
    clips = opened.clips
    ends = clips.ask(
        "SELECT outcome, stage, reason, bucket, count(*) FROM clips GROUP BY ALL ORDER BY 5 DESC, stage, reason"
    )
    return Overview(
        counts=opened.index.counts,
        reasons=[(outcome, stage, reason, count) for outcome, stage, reason, _, count in ends if outcome != "kept"],
        histograms=list(_histograms(clips, opened.policy)),
        buckets=sorted(((end[3], end[4]) for end in ends if end[0] == "kept"), key=_size_of_bucket),
        words={kind: _words(clips, column) for kind, column in WORD_COLUMNS.items()},
    )


def _histograms(clips: ClipTable, policy: Policy) -> Iterator[Histogram]:
    """Of every score that was measured, all of them counted in one pass."""
    ranges = _ranges(clips)
    counted = {name: np.zeros(BINS, np.int64) for name in ranges}
    for batch in clips.batches(f"SELECT {', '.join(ranges)} FROM clips"):
        for name, (low, high) in ranges.items():
            values = batch[name].drop_null().to_numpy(zero_copy_only=False)
            parts = np.minimum((values - low) * (BINS / (high - low)), BINS - 1).astype(np.int64)
            counted[name] += np.bincount(parts, minlength=BINS)
    for name, (low, high) in ranges.items():
        if counted[name].any():
            counts = tuple(counted[name].tolist())
            yield Histogram(name=name, low=low, high=high, counts=counts, rules=limits_of(policy, name))


def _ranges(clips: ClipTable) -> dict[str, tuple[float, float]]:
    """Of every score the least and the greatest value that its picture shows."""
    found = clips.ends([name for name in SCORE_NAMES if name not in SHARE_SCORES])
    ends = {name: (low, high if high > low else low + 1.0) for name, (low, high) in found.items()}
    return {name: ends.get(name, (0.0, 1.0)) for name in SCORE_NAMES}


def _size_of_bucket(bucket: tuple[str, int]) -> list[int]:
    frames, height, width = map(int, bucket[0].split("x"))
    return [height, width, frames]


def _words(clips: ClipTable, column: str) -> list[tuple[str, int]]:
    """The most frequent words; many clips have the same ones, so each such list is taken apart once."""
    found = clips.ask(
        f"""
        SELECT word, sum(clips)::BIGINT FROM (
            SELECT unnest(list_distinct(list_transform(words, lambda each: lower(each)))) AS word, clips
            FROM (SELECT {column} AS words, count(*) AS clips FROM clips WHERE outcome = 'kept' GROUP BY 1)
        ) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_WORDS_COUNTED}
        """
    )
    return [(word, count) for word, count in found]
