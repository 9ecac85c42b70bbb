"""From a checkpoint to a pipeline."""

from pathlib import Path

from modeling.training.base import Base
from modeling.training.checkpoint import finished_names, finished_weights, read_run
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
    run, base = read_run(checkpoint, trusts_code=trusts_code), Base.read(checkpoint).at(start)
    names = {name for name, _ in empty_model_of(run).named_parameters() if run.pipeline.model.stands_in_files(name)}
    untrained = names - finished_names(checkpoint).keys()
    return write_run(
        directory,
        run,
        finished_weights(checkpoint),
        frozen=base.weights(run, wanted=untrained) if untrained else (),
        base_sha256=base.sha256,
    )
