"""The base of a proof on a frozen model: a small Wan that is taught the world without references, and then published.

The run names the published folder as the checkpoint of its model. From there on that is a base like any other: frozen,
read by the library as it reads Wan's own, and held to its digest.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from modeling.backbones.wan import UnpublishedWan, WanConfig
from modeling.backbones.wan_shape import WanShape
from modeling.model.dit import initialize
from modeling.model.parts import Trainable
from modeling.model.weight_files import has_weights, read_weights
from modeling.model.weights import seeded
from modeling.randomness import torch_seed
from modeling.sampling.pipeline import write_pipeline
from modeling.training.config import RunConfig, TrainingPhase
from storage.whole_files import publish, unfinished


def run_of_base(run: RunConfig, phases: Sequence[TrainingPhase]) -> RunConfig:
    """The run that trains the base of `run`; it goes on from `write_first_weights`."""
    shape = {each.name: getattr(run.pipeline.model, each.name) for each in fields(WanShape)}
    return replace(
        run,
        pipeline=replace(run.pipeline, model=UnpublishedWan(**shape)),
        training=replace(run.training, phases=tuple(phases), lora=None),
    )


def on_base(run: RunConfig, folder: Path) -> RunConfig:
    """The run with the base that is published in a folder."""
    model = replace(cast("WanConfig", run.pipeline.model), checkpoint=str(folder))
    return replace(run, pipeline=replace(run.pipeline, model=model))


def write_first_weights(run: RunConfig, directory: Path) -> Path:
    """A pipeline of weights as diffusers draws them, by the run's seed, that a base begins with.

    Our choice: a velocity of zero and matrices of blocks by their widths (Xavier), as in the paper's model here, with
    which Muon's rates are known to go.
    """
    config = cast("UnpublishedWan", run.pipeline.model)
    if has_weights(directory):
        return directory
    with seeded(torch_seed("weights", run.training.seed, "base"), torch.device("cpu")):
        network = config.build()
        for name, weight in network.named_parameters():
            if name.startswith("proj_out."):
                nn.init.zeros_(weight)
            elif name.startswith("blocks.") and weight.ndim == 2:
                nn.init.xavier_uniform_(weight)
        for name, part in network.parts():  # untouched by the base's run, but of its pipeline
            initialize(name, part)
    return write_pipeline(directory, run.pipeline, network.named_parameters())


def publish_base(run: RunConfig, pipeline: Path, folder: Path) -> Path:
    """Write the network of a run's pipeline in diffusers' form; returns `folder`."""
    if folder.is_dir():
        return folder
    from diffusers import WanTransformer3DModel

    from modeling.backbones.wan_network import published_shape

    config = cast("UnpublishedWan", run.pipeline.model)
    own = {name: weight for name, weight in read_weights(pipeline) if not Trainable.NEW_LAYERS.admits(name)}
    network: Any = WanTransformer3DModel(**published_shape(config), num_layers=config.blocks)  # type: ignore[no-untyped-call]
    network.load_state_dict(own)
    network.save_pretrained(unfinished(folder) / "transformer")
    publish(folder)
    return folder
