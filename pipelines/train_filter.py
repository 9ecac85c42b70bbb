"""`train-filter`: the content filter, trained on clips that are generated for it (A.1)."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from curation.content_training.evaluation import FilterReport, confusion_table
from curation.content_training.training import FilterTrainingConfig, train_filter
from pipelines.config import parse
from pipelines.progress import Report, progress

_UNITS = {"draw clips": "clip", "train": "step"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFilter:
    """Train the content filter on generated clips; the defaults are those of the shipped weights.

    Example: python -m pipelines train-filter --output out/filter --training.workers 2

    Attributes:
        output: gets the weights, their configuration and a model card.
        training: the network, the clips and the optimizer.
    """

    output: Path
    training: FilterTrainingConfig = field(default_factory=FilterTrainingConfig)


def main(arguments: Sequence[str]) -> int:
    """Train, and print how the filter does on clips that it was not trained on."""
    command = parse(TrainFilter, arguments, verb="train-filter")
    report = train_with_bars(command)
    print(confusion_table(report))
    threshold = report.best_threshold()
    print(
        f"accuracy {report.accuracy:.3f}, best threshold for `desirable` {threshold:.2f}, with a balanced accuracy of"
    )
    print(
        f"{report.balanced_accuracy(threshold):.3f} between desirable and undesirable clips; weights: {command.output}"
    )
    return 0


def train_with_bars(command: TrainFilter) -> FilterReport:
    """Train with one bar for each phase."""
    bars: dict[tuple[str, int], Report] = {}
    with ExitStack() as open_bar:

        def on_progress(phase: str, done: int, total: int) -> None:
            if (phase, total) not in bars:
                open_bar.close()  # a terminal has room for one live bar
                bars[phase, total] = open_bar.enter_context(progress(phase, total=total, unit=_UNITS[phase]))
            bars[phase, total](done)

        return train_filter(command.training, command.output, on_progress)
