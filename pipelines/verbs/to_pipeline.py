"""`to-pipeline`: a training checkpoint in, a pipeline out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modeling.training.export import export_checkpoint
from pipelines.config import ConfigError, parse
from pipelines.written_places import WRITES_FOLDER


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPipeline:
    """Make a pipeline of a checkpoint of a run that is still training, or that ended early.

    Example: python -m pipelines to-pipeline --checkpoint out/model/checkpoints/step-00000400 --output out/early

    Attributes:
        checkpoint: one of the directories in `checkpoints/`.
        output: gets what `sample --model` reads, with the averaged weights where the run keeps them.
        trusts_code: whether the module of its encoders may run, where they are of a class of somebody's own.
    """

    checkpoint: Path
    output: Path = field(metadata=WRITES_FOLDER)
    trusts_code: bool = False


def main(arguments: Sequence[str]) -> int:
    """Make it, and say where the pipeline is."""
    command = parse(ToPipeline, arguments, verb="to-pipeline")
    if not (command.checkpoint / "run.json").is_file():
        raise ConfigError(
            f"--checkpoint is {command.checkpoint}, expected a directory such as .../checkpoints/step-00000400"
        )
    print(f"pipeline: {export_checkpoint(command.checkpoint, command.output, trusts_code=command.trusts_code)}")
    return 0
