"""`export`: a training checkpoint in, a pipeline out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modeling.training.export import export_checkpoint
from pipelines.config import ConfigError, parse
from pipelines.outputs import output_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Make a pipeline of a checkpoint of a run that is still training, or that ended early.

    Example: python -m pipelines export --checkpoint out/model/checkpoints/step-00000400 --output out/early

    Attributes:
        checkpoint: one of the directories in `checkpoints/`.
        output: gets what `sample --model` reads, with the averaged weights where the run keeps them.
    """

    checkpoint: Path
    output: Path


def main(arguments: Sequence[str]) -> int:
    """Export, and say where the pipeline is."""
    command = parse(Export, arguments, verb="export")
    if not (command.checkpoint / "run.json").is_file():
        raise ConfigError(
            f"--checkpoint is {command.checkpoint}, expected a directory such as .../checkpoints/step-00000400"
        )
    print(f"pipeline: {export_checkpoint(command.checkpoint, output_folder(command.output))}")
    return 0
