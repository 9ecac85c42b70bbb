"""How well a filter does: who is taken for whom, and whether desirable clips are told from the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CONTENT_CLASSES

DESIRABLE = CONTENT_CLASSES.index("desirable")

_THRESHOLDS: Final = np.round(np.arange(0.05, 1, 0.05), 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FilterReport:
    """What was measured on labelled clips.

    Attributes:
        probabilities: (clips, 5), in the order of CONTENT_CLASSES.
        labels: true class, per clip.
    """

    probabilities: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Counts: true class by row, most likely class by column."""
        counts = np.zeros((len(CONTENT_CLASSES), len(CONTENT_CLASSES)), np.int64)
        np.add.at(counts, (self.labels, self.probabilities.argmax(axis=1)), 1)
        return counts

    @property
    def accuracy(self) -> float:
        """Share of clips whose most likely class is the true one."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Per class: the share of clips taken for it that are; NaN where none is taken for it."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Per class: the share of its clips that are taken for it; NaN where there are none."""
        return _share(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def area_under_curve(self) -> float:
        """The chance that a desirable clip scores higher than an undesirable one; a draw counts half."""
        scores, is_desirable = self.probabilities[:, DESIRABLE], self.labels == DESIRABLE
        difference = scores[is_desirable][:, None] - scores[~is_desirable][None]
        return float(((difference > 0) + 0.5 * (difference == 0)).mean())

    def kept_share(self, min_desirable: float) -> tuple[float, float]:
        """Shares of the desirable and of the undesirable clips that the stage would keep at this threshold."""
        is_kept = self.probabilities[:, DESIRABLE] >= min_desirable
        is_desirable = self.labels == DESIRABLE
        return float(is_kept[is_desirable].mean()), float(is_kept[~is_desirable].mean())

    def balanced_accuracy(self, min_desirable: float) -> float:
        """Mean of the share of desirable clips kept and the share of undesirable clips removed."""
        desirable, undesirable = self.kept_share(min_desirable)
        return (desirable + 1 - undesirable) / 2

    def best_threshold(self) -> float:
        """The threshold with the highest balanced accuracy; the middle one where several tie.

        Our choice: neither mistake is said to cost more, and classes are seldom as frequent as in the labels. In steps
        of 0.05, since a few hundred clips tell no finer ones apart.
        """
        values = np.array([self.balanced_accuracy(threshold) for threshold in _THRESHOLDS])
        best = _THRESHOLDS[values >= values.max() - 1e-9]
        return float(best[len(best) // 2])


def confusion_table(report: FilterReport) -> str:
    """The confusion matrix as a Markdown table."""
    rows = [(name, *map(str, counts)) for name, counts in zip(CONTENT_CLASSES, report.confusion, strict=True)]
    return _table(("true \\ predicted", *CONTENT_CLASSES), rows)


def class_table(report: FilterReport) -> str:
    """Precision and recall of every class as a Markdown table."""
    values = zip(CONTENT_CLASSES, report.precision, report.recall, strict=True)
    rows = [(name, _percent(precision), _percent(recall)) for name, precision, recall in values]
    return _table(("class", "precision", "recall"), rows)


def roc_table(report: FilterReport) -> str:
    """The points of the curve, threshold by threshold, as a Markdown table."""
    rows = [(f"{threshold:.2f}", *map(_percent, report.kept_share(threshold))) for threshold in _THRESHOLDS]
    return _table(("threshold", "desirable kept", "undesirable kept"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:.1%}"


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
