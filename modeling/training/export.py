"""Between training and pipelines: the weights a run starts from, and the pipeline that it or a checkpoint comes to."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from modeling.model.dit import DiT
from modeling.model.lora import add_lora, merge_lora, with_new_adapters, write_lora
from modeling.model.weights import NamedWeights, empty_model, fill, fresh_weights, read_weights
from modeling.sampling.pipeline import CONFIG_NAME, WEIGHTS_NAME, PipelineConfig, write_pipeline
from modeling.training.checkpoint import finished_weights, read_run, read_tensors
from modeling.training.config import RunConfig
from storage.configs import differing_fields, read_config


def empty_model_of(config: RunConfig) -> DiT:
    """The model that a run trains, with its adapters if it has any, without memory for its weights."""
    model = empty_model(config.pipeline.model)
    if config.training.lora is not None:
        add_lora(model, config.training.lora)
    return model


def starting_weights(config: RunConfig, start: Path | None) -> NamedWeights:
    """The weights of the pipeline at `start`, or new ones; adapters are always new.

    Raises:
        FileNotFoundError: there is no pipeline.
        ValueError: it has another model, other encoders or another flow, and the message names the fields; or there are
            adapters for a model that is not trained.
    """
    seed, pipeline = config.training.seed, config.pipeline
    if start is None:
        if config.training.lora is not None:
            raise ValueError("training has lora, but no pipeline to start from; name one with start")
        return fresh_weights(pipeline.model, seed=seed)
    found = read_config(start / CONFIG_NAME, PipelineConfig)
    # Binding without words has the same weights, and the first training phase does not use them.
    alike = replace(found, model=replace(found.model, binds_words=pipeline.model.binds_words))
    differences = differing_fields(pipeline, alike)
    if differences:
        raise ValueError(f"pipeline {start} needs another config: {'; '.join(differences)}; use its own values")
    weights = read_weights(start / WEIGHTS_NAME)
    return weights if config.training.lora is None else with_new_adapters(weights, empty_model_of(config), seed=seed)


def export_checkpoint(checkpoint: Path, directory: Path, *, trusts_code: bool = False) -> Path:
    """Write the pipeline of a checkpoint, with the averaged weights where the run keeps them; returns `directory`.

    Args:
        checkpoint: of the run.
        directory: of the pipeline.
        trusts_code: as in `Pipeline.from_pretrained`.
    """
    run, tensors = read_run(checkpoint, trusts_code=trusts_code), read_tensors(checkpoint)
    return write_run(directory, run, finished_weights(tensors))


def write_run(directory: Path, run: RunConfig, weights: Mapping[str, Tensor]) -> Path:
    """Write the pipeline of a run's weights; returns `directory`.

    Adapters are merged into the model, and also written by themselves, to `directory/lora`.
    """
    if run.training.lora is not None:
        write_lora(directory / "lora", weights.items(), run.training.lora, run.pipeline.model)
        weights = _merged(run, weights)
    return write_pipeline(directory, run.pipeline, weights)


def _merged(run: RunConfig, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    model = empty_model_of(run).to_empty(device="cpu")
    fill(model, weights.items(), source="the trained adapters")
    merge_lora(model)
    return model.state_dict()
