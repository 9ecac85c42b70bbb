"""From a checkpoint to a pipeline."""

from pathlib import Path

from modeling.training.base import Base
from modeling.training.checkpoint import finished_weights, read_run, read_tensors
from modeling.training.ends import empty_model_of, write_run


def export_checkpoint(
    checkpoint: Path, directory: Path, *, start: Path | None = None, trusts_code: bool = False
) -> Path:
    """Write the pipeline of a checkpoint, with the averaged weights where the run keeps them; returns `directory`.

    Args:
        checkpoint: of a run.
        directory: of the pipeline.
        start: where the pipeline lies that the run began from, if it was moved since.
        trusts_code: as in `Pipeline.from_pretrained`.

    Raises:
        FileNotFoundError: the run leaves some weights as they were, and that pipeline is gone.
    """
    run, weights = read_run(checkpoint, trusts_code=trusts_code), finished_weights(read_tensors(checkpoint))
    names = {name for name, _ in empty_model_of(run).named_parameters()}
    if untrained := names - weights.keys():
        weights |= Base.read(checkpoint).at(start).weights(run, wanted=untrained)
    return write_run(directory, run, weights)
