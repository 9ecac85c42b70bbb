"""How well a filter does: who is taken for whom, and whether desirable clips are told from the others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.annotators.protocols import CONTENT_CLASSES

DESIRABLE = CONTENT_CLASSES.index("desirable")


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

    def kept_share(self, min_desirable: float) -> tuple[float, float]:
        """Shares of the desirable and of the undesirable clips that the stage would keep at this threshold."""
        is_likeliest = self.probabilities.argmax(axis=1) == DESIRABLE
        is_kept = is_likeliest & (self.probabilities[:, DESIRABLE] >= min_desirable)
        is_desirable = self.labels == DESIRABLE
        return float(is_kept[is_desirable].mean()), float(is_kept[~is_desirable].mean())

    def balanced_accuracy(self, min_desirable: float) -> float:
        """Mean of the share of desirable clips kept and the share of undesirable clips removed."""
        desirable, undesirable = self.kept_share(min_desirable)
        return (desirable + 1 - undesirable) / 2

    def best_threshold(self) -> float:
        """The threshold, in steps of 0.05, with the highest balanced accuracy; the middle one where several tie."""
        candidates = np.round(np.arange(0.2, 1, 0.05), 2)
        values = np.array([self.balanced_accuracy(threshold) for threshold in candidates])
        best = candidates[values >= values.max() - 1e-9]
        return float(best[len(best) // 2])


def confusion_table(report: FilterReport) -> str:
    """The confusion matrix as a Markdown table."""
    head = "| true \\ predicted | " + " | ".join(CONTENT_CLASSES) + " |"
    rule = "|---" * (len(CONTENT_CLASSES) + 1) + "|"
    rows = [
        f"| {name} | " + " | ".join(str(count) for count in counts) + " |"
        for name, counts in zip(CONTENT_CLASSES, report.confusion, strict=True)
    ]
    return "\n".join([head, rule, *rows])
