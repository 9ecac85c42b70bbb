"""A run that goes on from another one's checkpoint, with moments and averages: whether it can, and what it needs."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from modeling.training.base import Base
from modeling.training.checkpoint import read_done, read_run, stored_names, weight_names
from modeling.training.config import RunConfig, phases_done
from storage.configs import differing_fields


def base_after(checkpoint: Path, config: RunConfig, *, untrained: Collection[str]) -> Base:
    """What a run begins from that goes on from a checkpoint of another.

    Args:
        checkpoint: of the other run.
        config: of the run.
        untrained: the weights that it leaves as they are. Our choice: none that stands in the checkpoint, which may be
            gone when such weights are needed again.

    Raises:
        ValueError: it cannot go on from there.
    """
    earlier, run = Base.read(checkpoint), read_run(checkpoint)
    if differences := _differences(run, config):
        raise ValueError(
            f"checkpoint {checkpoint} does not suit this config: {'; '.join(differences)}; use its own values, or "
            "start from the pipeline that `export` makes of it"
        )
    if lost := weight_names(stored_names(checkpoint)).intersection(untrained):
        raise ValueError(
            f"checkpoint {checkpoint} holds {len(lost)} weights that this run never trains, and would need again "
            "whenever it goes on; start from the pipeline that `export` makes of it"
        )
    if untrained and earlier.pipeline is None and run.training.seed != config.training.seed:
        raise ValueError(
            f"the weights that this run never trains were drawn from the seed of checkpoint {checkpoint}, "
            f"{run.training.seed}, and training.seed is {config.training.seed}; set it to the same"
        )
    return replace(earlier, phases=(*earlier.phases, *phases_done(run.training.phases, read_done(checkpoint).step)))


def _differences(run: RunConfig, config: RunConfig) -> list[str]:
    """In what the weights are, and what is remembered of them; a model that binds without words has the same."""
    model = replace(run.pipeline.model, binds_words=config.pipeline.model.binds_words)
    found = differing_fields(replace(run.pipeline, model=model), config.pipeline)
    if run.training.lora != config.training.lora:
        found.append(f"training.lora is {run.training.lora}, expected {config.training.lora}")
    rates = [each.training.optimizer.matrix_learning_rate for each in (run, config)]
    if (rates[0] is None) != (rates[1] is None):
        found.append(f"training.optimizer.matrix_learning_rate is {rates[0]}, expected {rates[1]}")
    return found
