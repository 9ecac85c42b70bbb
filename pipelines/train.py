"""`train`: a curated dataset in, a trained pipeline out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modeling.presets import tiny
from modeling.run_log import StepReport
from modeling.training import train
from modeling.training_config import RunConfig
from pipelines.config import parse
from pipelines.progress import progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train the personalization model on a curated dataset.

    Run it again after an interruption: it goes on from the newest checkpoint as if it had not stopped. Example:
    python -m pipelines train --dataset out/dataset --output out/model --run.training.seed 1

    Attributes:
        dataset: output directory of a curation run.
        output: gets `checkpoints/`, `metrics.jsonl` and, at the end, `pipeline/`.
        run: the model, its encoders and how it is trained; the values shown are those of the tiny preset.
        device: where to train, such as `cpu` or `cuda`.
    """

    dataset: Path
    output: Path
    run: RunConfig = field(default_factory=tiny)
    device: str = "cpu"


def main(arguments: Sequence[str]) -> int:
    """Train, and say where the pipeline is."""
    command = parse(Train, arguments, verb="train")
    pipeline = train_with_bar(command)
    print(f"pipeline: {pipeline}   metrics: {command.output / 'metrics.jsonl'}")
    print(f"use it: make sample MODEL={pipeline} PROMPT='...' OUTPUT=out/video.mp4")
    return 0


def train_with_bar(command: Train) -> Path:
    """Train with a progress bar; returns the directory of the finished pipeline."""
    with progress("train", total=command.run.training.steps, unit="step") as report:

        def on_step(step: StepReport) -> None:
            report(step.step, f"{step.training_stage}: loss {step.loss:.3f}")

        return train(
            command.run, dataset=command.dataset, output=command.output, device=command.device, on_step=on_step
        )
