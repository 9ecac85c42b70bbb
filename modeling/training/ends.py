"""Between training and pipelines: the weights a run starts from, and the pipeline that it comes to."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from torch import Tensor

from modeling.model.backbone import VideoBackbone
from modeling.model.lora import LoraConfig, add_lora, merged_weights, plain_name, with_new_adapters, write_lora
from modeling.model.parts import is_adapter
from modeling.model.weight_files import NamedWeights, read_weights, weights_sha256
from modeling.model.weights import empty_model, fresh_weights
from modeling.sampling.pipeline import CONFIG_NAME, LORA_NAME, PipelineConfig, write_pipeline
from modeling.training.config import RunConfig
from storage.configs import differing_fields, read_config


def empty_model_of(config: RunConfig) -> VideoBackbone:
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
        if config.training.lora is not None and not pipeline.model.is_published:
            raise ValueError("training has lora, but no pipeline to start from; name one with start")
        return _with_adapters(fresh_weights(pipeline.model, seed=seed), config)
    found = read_config(start / CONFIG_NAME, PipelineConfig)
    if found.has_adapters:
        raise ValueError(
            f"pipeline {start} has adapters beside its weights, and training would leave them out; start from the one "
            "that they were trained on, or go on from a checkpoint of their run"
        )
    # Binding without words has the same weights, and the first training phase does not use them.
    alike = replace(found, model=replace(found.model, binds_words=pipeline.model.binds_words))
    differences = differing_fields(pipeline, alike)
    if differences:
        raise ValueError(f"pipeline {start} needs another config: {'; '.join(differences)}; use its own values")
    return _with_adapters(chain(pipeline.model.published_weights(), read_weights(start)), config)


def write_run(
    directory: Path, run: RunConfig, trained: NamedWeights, *, frozen: NamedWeights = (), base_sha256: str | None = None
) -> Path:
    """Write the pipeline of a run's weights, which are never all in memory; returns `directory`.

    Adapters are merged into the model, and also written by themselves, to `directory/lora`. Of a published model, which
    stands in no file, they are only there, and the pipeline says that it has them.

    Args:
        directory: of the pipeline.
        run: that trained it.
        trained: weights that it changed.
        frozen: all others that stand in files, as it began.
        base_sha256: of the weights that adapters were trained on.
    """
    lora = run.training.lora
    if lora is None:
        return write_pipeline(directory, run.pipeline, chain(trained, frozen))
    if run.pipeline.model.is_published:
        return _write_beside(directory, run, lora, dict(chain(trained, frozen)))
    adapters = dict(trained)
    write_lora(directory / LORA_NAME, adapters.items(), lora, run.pipeline.model, base_sha256=base_sha256)
    return write_pipeline(directory, run.pipeline, merged_weights(frozen, adapters, lora))


def _with_adapters(weights: NamedWeights, config: RunConfig) -> NamedWeights:
    if config.training.lora is None:
        return weights
    return with_new_adapters(weights, empty_model_of(config), seed=config.training.seed)


def _write_beside(directory: Path, run: RunConfig, lora: LoraConfig, weights: Mapping[str, Tensor]) -> Path:
    """The new layers of a published model as a pipeline, and beside them the adapters, which name both by digests."""
    new_layers = ((plain_name(name), weight) for name, weight in weights.items() if not is_adapter(name))
    write_pipeline(directory, replace(run.pipeline, has_adapters=True), new_layers)
    sha256 = weights_sha256(directory)
    write_lora(directory / LORA_NAME, weights.items(), lora, run.pipeline.model, base_sha256=sha256)
    return directory
