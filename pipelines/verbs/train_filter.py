"""`train-filter`: the content filter (A.1), trained on clips that are drawn for it or on labels that people gave."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from curation.content_training.evaluation import class_table, confusion_table
from curation.content_training.training import FilterResult, FilterTrainingConfig, train_filter
from pipelines.config import parse
from pipelines.progress import Report, progress
from pipelines.written_places import WRITES_FOLDER

_UNITS = {"draw clips": "clip", "decode clips": "clip", "train": "step"}
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFilter:
    """Train the content filter; by default the small network that ships, from fresh weights on drawn clips.

    On labels of your own, as `label-clips` collects them, with a pre-trained VideoMAE:
    python -m pipelines train-filter --output out/filter --training.clips.profile labelled
    --training.clips.files labels.csv --training.network.profile fine_tune --training.network.checkpoint DIR
    --training.device cuda

    Attributes:
        output: gets the weights with their threshold, their configuration and a model card.
        training: the clips, the network and the recipe.
    """

    output: Path = field(metadata=WRITES_FOLDER)
    training: FilterTrainingConfig = field(default_factory=FilterTrainingConfig)


def main(arguments: Sequence[str]) -> int:
    """Train, and print how the filter does on clips that nothing was chosen by."""
    command = parse(TrainFilter, arguments, verb="train-filter")
    result = train_with_bars(command)
    print(result.clips.origin)
    for lost in result.clips.lost[:_SHOWN]:
        print(f"lost: {lost.uri}: {lost.reason}")
    print(f"\n{confusion_table(result.test)}\n\n{class_table(result.test)}\n")
    kept, passed = result.test.kept_share(result.threshold)
    print(
        f"test split, {len(result.test.labels)} clips: five-way accuracy {result.test.accuracy:.3f}; at the threshold "
        f"{result.threshold:.2f}, chosen on the validation split,\n{kept:.1%} of the desirable clips are kept and "
        f"{passed:.1%} of the others (balanced accuracy {result.test.balanced_accuracy(result.threshold):.3f})"
    )
    print(f"weights and model card: {command.output}")
    return 0


def train_with_bars(command: TrainFilter) -> FilterResult:
    """Train with one bar after the other."""
    with ExitStack() as open_bar:
        bar: Report | None = None
        phase, before = "", 0

        def on_progress(now: str, done: int, total: int) -> None:
            nonlocal bar, phase, before
            if bar is None or now != phase or done <= before:
                open_bar.close()  # a terminal has room for one live bar
                bar = open_bar.enter_context(progress(now, total=total, unit=_UNITS[now]))
            phase, before = now, done
            bar(done)

        return train_filter(command.training, command.output, on_progress)
