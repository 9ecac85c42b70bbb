"""Personal fine-tunes: small adapters beside frozen layers (low-rank adaptation), saved apart or merged into the model.

`add_lora`, train, `save_lora`; later `load_lora` on the same base model, and `merge_lora` to get a plain model again.
They need the extra `lora`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from modeling.model.backbone import BackboneConfig, VideoBackbone
from modeling.model.parts import is_adapter
from modeling.model.weight_files import NamedWeights, read_file, write_file
from modeling.model.weights import empty_model, seeded
from modeling.randomness import torch_seed
from storage.configs import differing_fields, read_config, strict, write_config
from storage.libraries import library

_CONFIG_NAME = "lora.json"
_WEIGHTS_NAME = "lora.safetensors"

# peft's name of the only adapter of a layer; saved names go without it, as peft's own files do.
_ADAPTER = "default"


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class LoraConfig:
    """Which layers are adapted, and how strongly.

    Attributes:
        rank: of the change to each layer. Our choice: 16, enough for one subject or style, and 0.3 % of the
            paper's weights.
        alpha: the change is scaled by alpha / rank. Our choice: as the rank, so that it is not scaled, and a learning
            rate keeps its meaning when both are raised together.
        layers: the last names of linear layers of the model; None takes the model's own choice
            (`BackboneConfig.lora_layers`).
    """

    rank: int = 16
    alpha: float = 16.0
    layers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.rank < 1 or not 0 < self.alpha < math.inf or self.layers == ():
            layers = "the model's own" if self.layers is None else ", ".join(self.layers) or "none"
            raise ValueError(
                f"LoRA has rank {self.rank}, alpha {self.alpha} and the layers {layers}, expected a positive rank and "
                "alpha and at least one layer"
            )


def add_lora(model: VideoBackbone, config: LoraConfig) -> None:
    """Freeze the model and put adapters beside the layers that the config names; they are then all that trains.

    At first the adapted model computes exactly what the model did. Half of the new weights are drawn from torch's
    global generator; seed it for equal runs, or `fill` the model from `with_new_adapters`.

    Raises:
        ModuleNotFoundError: peft is not installed.
        ValueError: the model has adapters already, or no layer of one of the names.
    """
    peft = library("peft", extra="lora")
    if lora_state(model):
        raise ValueError("the model has LoRA adapters already; merge them first, or load the model without them")
    layers = _adapted_layers(model, config)
    wanted = peft.LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules=list(layers))
    peft.inject_adapter_in_model(wanted, model, adapter_name=_ADAPTER)


def adapter_parameters(model: BackboneConfig, config: LoraConfig) -> int:
    """How many weights the adapters of a model have, counted without memory for them."""
    return sum(math.prod(shape) for shape in _adapter_shapes(empty_model(model), config).values())


def lora_state(model: VideoBackbone) -> dict[str, Tensor]:
    """The adapters' weights by their saved names, without the model's own; empty where it has none."""
    return _saved_names(model.named_parameters())


def with_new_adapters(weights: NamedWeights, model: VideoBackbone, *, seed: int) -> Iterator[tuple[str, Tensor]]:
    """Weights of a plain model under the names that they have in an adapted one, then new weights of its adapters.

    For `fill`, where the model has no memory of its own yet or is sharded. Equal seeds give equal adapters.

    Args:
        weights: of the plain model.
        model: the adapted one; only its names and shapes count.
        seed: of the adapters.
    """
    names = {plain_name(name): name for name, _ in model.named_parameters() if not is_adapter(name)}
    for name, weight in weights:
        yield names.get(name, name), weight
    for name, parameter in model.named_parameters():
        if is_adapter(name):
            with seeded(torch_seed("lora", seed, name), torch.device("cpu")):
                adapter = torch.zeros(parameter.shape)
                yield name, nn.init.kaiming_uniform_(adapter, a=math.sqrt(5)) if ".lora_A." in name else adapter


def save_lora(directory: Path, model: VideoBackbone, config: LoraConfig) -> None:
    """Write the adapters of a model and what is needed to load them.

    Raises:
        ValueError: the model has none.
    """
    write_lora(directory, model.named_parameters(), config, model.config)


def write_lora(
    directory: Path, weights: NamedWeights, config: LoraConfig, model: BackboneConfig, *, base_sha256: str | None = None
) -> None:
    """Write the adapters among an adapted model's weights, wherever those come from: an average of them, or shards.

    Args:
        directory: gets `lora.json` and `lora.safetensors`, which holds nothing but the adapters.
        weights: of the adapted model.
        config: of the adapters.
        model: of the base model; of a published one it is bound to the very weights that are published now.
        base_sha256: of its weights, if they are those of a pipeline; only onto those `Pipeline.load_lora` then puts
            the adapters.

    Raises:
        ValueError: there are none.
    """
    state = _saved_names(weights)
    if not state:
        raise ValueError("the model has no LoRA adapters to save; add_lora makes them")
    directory.mkdir(parents=True, exist_ok=True)
    saved = _saved_lora(type(model))(lora=config, model=model.pinned(), base_sha256=base_sha256)
    write_config(directory / _CONFIG_NAME, saved)
    write_file(directory / _WEIGHTS_NAME, state)


def load_lora(directory: Path, model: VideoBackbone) -> LoraConfig:
    """Add the adapters that `save_lora` wrote to the base model that they were trained on.

    Raises:
        FileNotFoundError: `directory` holds none.
        ModuleNotFoundError: peft is not installed.
        ValueError: they are damaged or belong to another model, or a weight is missing, unknown or of another shape;
            the message names the fields or weights, and the model is as it was.
    """
    saved = _read_saved(directory, model.config)
    weights = dict(read_file(directory / _WEIGHTS_NAME))
    if problems := _problems(weights, _adapter_shapes(model, saved.lora)):
        raise ValueError(f"LoRA {directory} does not fit the model: {'; '.join(problems)}")
    add_lora(model, saved.lora)
    with torch.no_grad():
        for name, weight in lora_state(model).items():
            weight.copy_(weights[name])
    return saved.lora


def merge_lora(model: VideoBackbone) -> None:
    """Put the adapters' changes into the model's own weights; it is then a plain model again, and trains as one.

    Raises:
        ModuleNotFoundError: peft is not installed.
        ValueError: the model has no adapters, they hold weights that are not finite, or its own are published.
    """
    if model.config.is_published:
        raise ValueError(
            "the model's weights are published and stay as they are: no file of them is written; keep the adapters "
            "beside them, or merge them in a folder for diffusers (modeling.write_diffusers)"
        )
    lora_layer = library("peft.tuners.lora", extra="lora").LoraLayer
    adapted = {name: module for name, module in model.named_modules() if isinstance(module, lora_layer)}
    if not adapted:
        raise ValueError("the model has no LoRA adapters to merge; add_lora or load_lora makes them")
    for module in adapted.values():
        module.merge(safe_merge=True)
    for name, module in adapted.items():
        model.set_submodule(name, module.get_base_layer())
    del model.peft_config
    model.requires_grad_(True)


def merged_weights(
    frozen: NamedWeights, adapters: Mapping[str, Tensor], config: LoraConfig
) -> Iterator[tuple[str, Tensor]]:
    """What `merge_lora` would leave, one weight at a time and without a model.

    Args:
        frozen: the weights of an adapted model that are not adapters.
        adapters: the others, by their names in that model.
        config: of the adapters.

    Raises:
        ValueError: a merged weight is not finite.
    """
    for name, weight in frozen:
        layer, is_adapted, rest = name.partition(".base_layer.")
        first, second = (adapters.get(f"{layer}.lora_{side}.{_ADAPTER}.weight") for side in "AB")
        if not is_adapted or rest != "weight" or first is None or second is None:
            yield plain_name(name), weight
        else:
            yield f"{layer}.weight", _merged(layer, weight, first, second, config)


def with_saved_lora(weights: NamedWeights, directory: Path, model: BackboneConfig) -> Iterator[tuple[str, Tensor]]:
    """Weights of a plain model with saved adapters merged into them, each in its own precision, one at a time.

    Raises:
        FileNotFoundError, ValueError: as `load_lora`, or a merged weight is not finite.
    """
    saved, adapters = _read_saved(directory, model), dict(read_file(directory / _WEIGHTS_NAME))
    for name, weight in weights:
        layer = name.removesuffix(".weight")
        first, second = (adapters.pop(f"{layer}.lora_{side}.weight", None) for side in "AB")
        if first is None or second is None:
            yield name, weight
        else:
            yield name, _merged(layer, weight, first, second, saved.lora)
    if adapters:
        raise ValueError(f"LoRA {directory} does not fit the model: unknown {', '.join(sorted(adapters))}")


def adapted_base(directory: Path, model: BackboneConfig) -> str | None:
    """The hash of the weights that saved adapters were trained on, where they say it.

    Raises:
        FileNotFoundError: `directory` holds none.
        ValueError: what it says of them is damaged, or they belong to another model.
    """
    found: str | None = _read_saved(directory, model).base_sha256
    return found


def plain_name(name: str) -> str:
    """The name that a weight of an adapted model has without adapters."""
    return name.replace(".base_layer.", ".")


def _merged(layer: str, weight: Tensor, first: Tensor, second: Tensor, config: LoraConfig) -> Tensor:
    merged = weight.float() + second.float() @ first.float() * (config.alpha / config.rank)
    if not merged.isfinite().all():
        raise ValueError(f"merged with its adapter, {layer} would not be finite; take an earlier checkpoint")
    return merged.to(weight.dtype)


@lru_cache
def _saved_lora(model: type[BackboneConfig]) -> Any:
    """What lies beside the weights of an adapter of a kind of model.

    Its own config, that of the base model, and the hash of its weights (`weights_sha256`), where they were those of a
    pipeline.
    """
    fields: list[Any] = [("lora", LoraConfig), ("model", model), ("base_sha256", str | None, field(default=None))]
    return make_dataclass("SavedLora", fields, frozen=True, kw_only=True)


def _read_saved(directory: Path, model: BackboneConfig) -> Any:
    """What `directory` says of its adapters; a published base may lie elsewhere now, its digest tells whether it is."""
    saved = read_config(directory / _CONFIG_NAME, _saved_lora(type(model)))
    if differences := differing_fields(saved.model.at_place_of(model), model.pinned()):
        raise ValueError(f"LoRA {directory} was trained on another model: {'; '.join(differences)}")
    return saved


def _saved_names(weights: NamedWeights) -> dict[str, Tensor]:
    return {
        name.removesuffix(f".{_ADAPTER}.weight") + ".weight": weight.detach()
        for name, weight in weights
        if is_adapter(name)
    }


def _adapted_layers(model: VideoBackbone, config: LoraConfig) -> dict[str, nn.Linear]:
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    wanted = config.layers or model.config.lora_layers
    for layer in wanted:
        if not any(f".{name}".endswith(f".{layer}") for name in linear):
            known = sorted({name.rpartition(".")[2] for name in linear})
            raise ValueError(f"LoRA names the layer {layer!r}, expected the ends of linear layers: {', '.join(known)}")
    ends = tuple(f".{layer}" for layer in wanted)
    return {name: module for name, module in linear.items() if f".{name}".endswith(ends)}


def _adapter_shapes(model: VideoBackbone, config: LoraConfig) -> dict[str, tuple[int, ...]]:
    """The shapes that `lora_state` will have after `add_lora`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in _adapted_layers(model, config).items():
        shapes[f"{name}.lora_A.weight"] = (config.rank, layer.in_features)
        shapes[f"{name}.lora_B.weight"] = (layer.out_features, config.rank)
    return shapes


def _problems(found: dict[str, Tensor], expected: dict[str, tuple[int, ...]]) -> list[str]:
    missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    problems = [f"{kind} {', '.join(names)}" for kind, names in (("missing", missing), ("unknown", unknown)) if names]
    return problems + [
        f"{name} is {tuple(found[name].shape)}, expected {shape}"
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != shape
    ]
