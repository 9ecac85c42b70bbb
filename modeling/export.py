"""Between training and pipelines: the weights a run starts from, and the pipeline that it or a checkpoint comes to."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from modeling.checkpoint import read_run, read_tensors
from modeling.pipeline import CONFIG_NAME, WEIGHTS_NAME, PipelineConfig
from modeling.saved_config import differing_fields, read_config, write_config
from modeling.weights import NamedWeights, fresh_weights, saved_weights


def starting_weights(config: PipelineConfig, start: Path | None, *, seed: int) -> NamedWeights:
    """The weights of the pipeline at `start`, or new ones.

    Raises:
        FileNotFoundError: there is no pipeline.
        ValueError: it has another model, other encoders or another flow; the message names the fields.
    """
    if start is None:
        return fresh_weights(config.model, seed=seed)
    differences = differing_fields(read_config(start / CONFIG_NAME, PipelineConfig), config)
    if differences:
        raise ValueError(f"pipeline {start} does not fit this config: {'; '.join(differences)}; use its values")
    return saved_weights(start / WEIGHTS_NAME)


def export_checkpoint(checkpoint: Path, directory: Path) -> Path:
    """Write the pipeline of a checkpoint, with the averaged weights where the run keeps them; returns `directory`."""
    run, tensors = read_run(checkpoint), read_tensors(checkpoint)
    kind = "weights." if run.training.ema_decay is None else "average."
    weights = {name.removeprefix(kind): tensor for name, tensor in tensors.items() if name.startswith(kind)}
    return write_pipeline(directory, run.pipeline, weights)


def write_pipeline(directory: Path, config: PipelineConfig, weights: Mapping[str, Tensor]) -> Path:
    """Write what `Pipeline.from_pretrained` reads; returns `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    write_config(directory / CONFIG_NAME, config)
    save_file({name: weight.contiguous() for name, weight in weights.items()}, directory / WEIGHTS_NAME)
    return directory
