"""The only place that knows that more than one device may train a model: FSDP2, context parallel, averages of figures.

Every process holds a shard of each weight (FSDP2). Processes that share a clip divide its tokens among them (context
parallel); all others have clips of their own. One process alone needs none of this, and runs the same code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method

from modeling.model.backbone import VideoBackbone
from modeling.model.precision import Precision
from modeling.model.sequence import DividedSequence
from modeling.training.block_graphs import BlockGraphs
from storage.configs import strict
from storage.numbers import expect_at_least


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionConfig:
    """How the devices compute a step; none of it changes what the step is, but for rounding.

    Attributes:
        precision: of matrix products and attention. Our choice: bfloat16, as the authors' sibling model.
        recomputes_activations: keep only what enters each block, and compute the rest again for the gradients: a third
            more computation for a fraction of the memory.
        compiles: whether every block is compiled (`block_graphs.py`).
        devices_per_clip: devices that divide the tokens of each clip among them (context parallel), for clips that one
            device cannot hold.
    """

    precision: Precision = Precision.BFLOAT16
    recomputes_activations: bool = True
    compiles: bool = True
    devices_per_clip: int = 1

    def __post_init__(self) -> None:
        expect_at_least(1, "execution", self, "devices_per_clip")


class Team:
    """The processes that train one model together; `torch.distributed` must be initialised where there are several.

    Args:
        device: of this process.
        devices_per_clip: processes that share each clip; must divide their number.

    Attributes:
        data_rank: which part of a batch this process has, of `data_ranks`.
        rank: of this process among all `processes`; the first one writes files.
    """

    def __init__(self, device: torch.device, *, devices_per_clip: int = 1) -> None:
        self.device = device
        self.rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        if processes % devices_per_clip:
            raise ValueError(
                f"{processes} processes cannot share clips by {devices_per_clip}; set devices_per_clip to a divisor"
            )
        self.processes = processes
        self.data_rank, self.data_ranks = self.rank // devices_per_clip, processes // devices_per_clip
        self._graphs = BlockGraphs()
        self._shards: DeviceMesh | None = None
        self._clip: DeviceMesh | None = None
        if dist.is_initialized():
            self._shards = init_device_mesh(device.type, (processes,))
            grid = init_device_mesh(device.type, (self.data_ranks, devices_per_clip), mesh_dim_names=("data", "clip"))
            self._clip = grid["clip"] if devices_per_clip > 1 else None

    @property
    def is_first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self._shards is None

    def prepare(
        self, model: VideoBackbone, execution: ExecutionConfig, *, is_trained: Callable[[str], bool] = lambda _: True
    ) -> VideoBackbone:
        """The model as the team trains it: recomputing, compiled, sharded, its tokens divided. Changes it in place.

        Matrices that a run in bfloat16 never trains are bfloat16, as its products take them anyway. Shards of a block
        may then be of two kinds: FSDP2 wants one for those with gradients alone.
        """
        if execution.precision is Precision.BFLOAT16:
            model.shrink(lambda name: not is_trained(name))
        sequence = None if self._clip is None else DividedSequence(self._clip)
        if sequence is not None:
            model.divide(sequence)
        blocks: Any = model.blocks
        for block in blocks:
            block.recomputes_activations = execution.recomputes_activations
            if execution.compiles:
                block.compiled = self._graphs
        if self._shards is not None:
            self._shard(model, self._shards, execution.precision)
        return model

    def begin_phase(self) -> None:
        """Other weights of the model are trained from now on."""
        self._graphs.forget()

    def mean(self, values: Tensor) -> Tensor:
        """The mean of each value over all processes."""
        if self._shards is not None:
            dist.all_reduce(values)
            values /= self._shards.size()
        return values

    def gathered(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The names that all processes give, each once."""
        if self._shards is None:
            return names
        given: list[tuple[str, ...]] = [()] * self._shards.size()
        dist.all_gather_object(given, names)
        return tuple(dict.fromkeys(name for each in given for name in each))

    def wait(self) -> None:
        """Until all processes have come here."""
        if self._shards is not None:
            dist.barrier()

    @staticmethod
    def _shard(model: VideoBackbone, mesh: DeviceMesh, precision: Precision) -> None:
        # A published model computes in whatever its own weights are.
        is_rounded = precision is Precision.BFLOAT16 and not model.config.is_published
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if is_rounded else None,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,  # what must stay in float32 is in float32
        )
        for block in model.blocks:
            fully_shard(block, mesh=mesh, mp_policy=policy)
            register_fsdp_forward_method(block, "keys_values")
        # Between steps every weight must be a shard again, also after a forward pass without a backward pass.
        fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
        register_fsdp_forward_method(model, "cache")
