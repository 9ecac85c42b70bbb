"""Weights on their way into a model and out of it, one tensor at a time, whether or not the model is sharded."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.dit import initialize
from modeling.model.parts import Part, Trainable
from modeling.model.weight_files import NamedWeights
from modeling.randomness import torch_seed


def empty_model(config: BackboneConfig) -> VideoBackbone:
    """A model without memory for its weights."""
    with torch.device("meta"):
        return config.build()


def build_model(config: BackboneConfig, *, seed: int) -> VideoBackbone:
    """A freshly initialised model on the CPU; equal seeds give equal weights."""
    model = empty_model(config).to_empty(device="cpu")
    fill(model, fresh_weights(config, seed=seed), source="fresh weights")
    return model


def fresh_weights(config: BackboneConfig, *, seed: int) -> Iterator[tuple[str, Tensor]]:
    """The first weights of a model: those that are published, and new parts, each drawn in the memory of one block.

    Raises:
        FileNotFoundError, ValueError: as `BackboneConfig.published_weights`.
    """
    yield from config.published_weights()
    for name, part in empty_model(config).parts():
        part.to_empty(device="cpu")
        with seeded(torch_seed("weights", seed, name), torch.device("cpu")):
            initialize(name, part)
        yield from ((f"{name}.{inner}", weight.detach()) for inner, weight in part.named_parameters())
        part.to("meta")


@lru_cache(maxsize=8)
def parameters_by_part(config: BackboneConfig) -> Mapping[Part, int]:
    """How many weights each part of a model has, counted without memory for them."""
    counts: Counter[Part] = Counter()
    for name, parameter in empty_model(config).named_parameters():
        counts[Part.of(name)] += parameter.numel()
    return {part: counts[part] for part in Part}


def trained_parameters(config: BackboneConfig, trainable: Trainable) -> int:
    """How many weights a training phase changes."""
    return sum(count for part, count in parameters_by_part(config).items() if part.is_trained(trainable))


@torch.no_grad()
def fill(model: nn.Module, weights: NamedWeights, *, source: str, names: Collection[str] | None = None) -> None:
    """Give every parameter, or those of some names, its weights; a sharded model takes its shard of each.

    Raises:
        ValueError: as `complete`.
    """
    parameters = {name: each for name, each in model.named_parameters() if names is None or name in names}
    for name, weight in complete(weights, parameters, source=source):
        parameters[name].copy_(_like(parameters[name], weight))


def complete(weights: NamedWeights, parameters: Mapping[str, Tensor], *, source: str) -> Iterator[tuple[str, Tensor]]:
    """The same weights, one by one, if they are those of the parameters.

    Raises:
        ValueError: a weight is missing, unknown, or of another shape; the message names `source`.
    """
    missing = dict(parameters)
    for name, weight in weights:
        parameter = missing.pop(name, None)
        if parameter is None:
            raise ValueError(
                f"{source} has the weight {name}, which the model has not; use the config it was made with"
            )
        if parameter.shape != weight.shape:
            raise ValueError(
                f"{source} has {name} of shape {tuple(weight.shape)}, expected {tuple(parameter.shape)}; use the "
                "config it was made with"
            )
        yield name, weight
    if missing:
        raise ValueError(f"{source} lacks {', '.join(sorted(missing))}; use the config it was made with")


def whole(weights: NamedWeights) -> Iterator[tuple[str, Tensor]]:
    """The weights on the CPU, shards put together. All processes must ask, for each holds a part."""
    for name, weight in weights:
        full = weight.full_tensor() if isinstance(weight, DTensor) else weight
        yield name, full.detach().cpu()


def _like(parameter: Tensor, weight: Tensor) -> Tensor:
    """The weight, sharded as the parameter is; every process has it whole, so none needs to send."""
    if not isinstance(parameter, DTensor):
        return weight
    there = weight.to(parameter.device)
    return distribute_tensor(there, parameter.device_mesh, parameter.placements, src_data_rank=None)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within it, torch's global generator is seeded; afterwards it is as before. Layers can take no other."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
