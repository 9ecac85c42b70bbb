from dataclasses import replace

import pytest
import torch

from modeling.model.conditions import Conditions
from modeling.model.costs import Workload, workload_of
from modeling.model.dit import DiT, DiTConfig
from modeling.model.parts import Trainable
from modeling.model.precision import Precision, computing_in
from modeling.training.memory import StepSetup, activation_bytes, step_memory
from modeling.training.parallel import ExecutionConfig
from tests.modeling.training.held_tensors import LiveBytes, cpu_extra, draw_conditions

CPU = torch.device("cpu")
CONFIG = DiTConfig(width=256, blocks=4, heads=2, text_channels=64, image_channels=64, dropout=0.0)


def measured_bytes(
    config: DiTConfig, latents: torch.Tensor, conditions: Conditions, execution: ExecutionConfig
) -> tuple[int, int]:
    """The most that a forward and backward pass hold beside weights and gradients, and weights of one block."""
    model = DiT(config).train()
    for block in model.blocks:
        block.recomputes_activations = execution.recomputes_activations  # type: ignore[assignment]  # seen as a module
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    held = [tensor for parameter in model.parameters() for tensor in (parameter, parameter.grad)]
    with LiveBytes([tensor for tensor in held if tensor is not None]) as live:
        with computing_in(execution.precision, CPU):
            velocity = model(latents, torch.rand(len(latents)), conditions)
        velocity.square().mean().backward()
    cast = ("to_qkv", "to_query", "to_key_value", "to_out", "mlp.0", "mlp.3")
    weights = [p.numel() for name, p in model.blocks.named_parameters() if any(piece in name for piece in cast)]
    return live.most, sum(weights) // config.blocks


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("recomputes", [False, True], ids=["kept", "recomputed"])
@pytest.mark.parametrize(
    ("shape", "text", "images", "blocks"),
    [((2, 5, 16, 16), 16, 2, 4), ((2, 5, 16, 16), 16, 0, 2), ((2, 3, 16, 16), 64, 6, 3), ((1, 9, 24, 24), 16, 2, 4)],
)
def test_activations_are_those_that_a_cpu_holds(
    precision: Precision, recomputes: bool, shape: tuple[int, ...], text: int, images: int, blocks: int
) -> None:
    config = replace(CONFIG, blocks=blocks)
    execution = ExecutionConfig(precision=precision, recomputes_activations=recomputes)
    latents = torch.randn(shape[0], 16, *shape[1:])
    conditions = draw_conditions(config, clips=shape[0], text=text, images=images)
    workload = workload_of(latents, conditions)
    measured, block_weights = measured_bytes(config, latents, conditions, execution)

    estimated = activation_bytes(config, workload, execution)

    working_blocks = 1 if recomputes else blocks
    estimated += cpu_extra(config, workload, working_blocks)
    if precision is Precision.BFLOAT16:  # copies of the weights are counted apart from activations
        estimated += 2 * block_weights * working_blocks
        assert estimated >= measured
    assert estimated == pytest.approx(measured, rel=0.06)


def test_recomputing_keeps_the_input_of_each_further_block_and_nothing_else() -> None:
    workload = Workload(clips=3, tokens=100, text_tokens=7, image_tokens=12)
    execution = ExecutionConfig(recomputes_activations=True)

    more, fewer = (activation_bytes(replace(CONFIG, blocks=blocks), workload, execution) for blocks in (9, 5))

    assert more - fewer == 4 * (3 * 100 * 256 * 4)


def test_a_device_that_has_half_of_each_clip_keeps_about_half_of_its_activations() -> None:
    workload = Workload(clips=1, tokens=100_000, text_tokens=256, image_tokens=1536)
    whole, half = (
        activation_bytes(DiTConfig(), workload, ExecutionConfig(devices_per_clip=devices)) for devices in (1, 2)
    )

    assert 0.5 < half / whole < 0.57


def test_the_state_of_the_papers_model_is_20_bytes_a_weight_and_shared_by_all_devices() -> None:
    workload = Workload(clips=1, tokens=720, text_tokens=256, image_tokens=1536)
    setup = StepSetup(
        trainable=Trainable.ALL,
        execution=ExecutionConfig(),
        trained_by_run=(Trainable.ALL,),
        averages_weights=True,
        devices=64,
    )

    memory = step_memory(DiTConfig(), workload, setup)

    state = memory.weights + memory.gradients + memory.moments + memory.average
    assert state == pytest.approx(20 * 12.4e9 / 64, rel=1e-3)


def test_frozen_weights_have_neither_gradients_nor_moments() -> None:
    workload = Workload(clips=1, tokens=720, text_tokens=256, image_tokens=1536)
    setup = StepSetup(
        trainable=Trainable.NEW_LAYERS,
        execution=ExecutionConfig(),
        trained_by_run=(Trainable.NEW_LAYERS,),
        averages_weights=False,
    )

    memory = step_memory(DiTConfig(), workload, setup)

    assert memory.gradients == 4 * 1_346_648_064
    assert (memory.moments, memory.average) == (2 * memory.gradients, 0)
