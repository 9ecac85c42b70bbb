"""The optimizer: what AdamW and Muon each train, against PyTorch's own, and what a checkpoint keeps of them."""

import pytest
import torch
from torch import nn

from modeling.model.dit import DiT, DiTConfig
from modeling.training.optimizer import Optimizer, OptimizerConfig
from tests.modeling.training.held_tensors import LiveBytes

SMALL = DiTConfig(width=16, blocks=1, heads=2, text_channels=8, image_channels=8, dropout=0.0)


def _model_with_gradients() -> DiT:
    torch.manual_seed(0)
    model = DiT(SMALL)
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    return model


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def test_without_a_matrix_learning_rate_it_is_adamw() -> None:
    ours, theirs = _model_with_gradients(), _model_with_gradients()
    adamw = torch.optim.AdamW(theirs.parameters(), lr=5e-4, betas=(0.9, 0.99), weight_decay=0.01, fused=True)

    Optimizer(ours.named_parameters(), OptimizerConfig(learning_rate=1e-3)).step(0.5)
    adamw.step()

    assert all(torch.equal(_weights(ours)[name], weight) for name, weight in _weights(theirs).items())


def test_a_step_of_adamw_needs_no_memory_beside_its_moments() -> None:
    model = _model_with_gradients()
    optimizer = Optimizer(model.named_parameters(), OptimizerConfig())
    optimizer.step(1.0)

    held = [
        tensor
        for weight in model.parameters()
        for tensor in (weight, weight.grad, *optimizer.state(weight).values())
        if tensor is not None
    ]
    with LiveBytes(held) as live:
        optimizer.step(1.0)

    assert live.most == 0


def test_a_matrix_of_a_block_moves_in_all_directions_alike() -> None:
    model = _model_with_gradients()
    before = _weights(model)

    config = OptimizerConfig(learning_rate=1e-3, matrix_learning_rate=1e-2, weight_decay=0.0)
    Optimizer(model.named_parameters(), config).step(1.0)

    name = "blocks.0.text_attention.to_query.weight"
    gradient = model.get_parameter(name).grad
    assert gradient is not None
    left, _, right = torch.linalg.svd(gradient)
    expected = -1e-2 * 0.2 * 16**0.5 * (left @ right)
    moved = _weights(model)[name] - before[name]
    # Five iterations leave singular values of about 0.7 to 1.2, and less where the gradient's own are tiny.
    assert torch.cosine_similarity(moved.flatten(), expected.flatten(), dim=0) > 0.95
    assert 0.7 < moved.norm() / expected.norm() < 1.2


def test_vectors_modulation_and_what_lies_outside_the_blocks_stay_with_adamw() -> None:
    model, other = _model_with_gradients(), _model_with_gradients()

    Optimizer(model.named_parameters(), OptimizerConfig(matrix_learning_rate=1e-2)).step(1.0)
    Optimizer(other.named_parameters(), OptimizerConfig()).step(1.0)

    adamw = _weights(other)
    alike = {name for name, weight in _weights(model).items() if torch.equal(weight, adamw[name])}
    assert {"patch_embedding.weight", "to_velocity.weight", "binding.to_image.weight"} <= alike
    assert {"blocks.0.modulation.weight", "blocks.0.text_norm.weight", "blocks.0.mlp.0.bias"} <= alike
    matrices = {name for name, weight in model.named_parameters() if weight.ndim == 2 and name not in alike}
    assert matrices == set(adamw) - alike
    assert "blocks.0.mlp.0.weight" in matrices


@pytest.mark.parametrize("matrix_learning_rate", [None, 1e-2])
def test_room_for_a_checkpoint_has_the_shape_of_the_state_after_a_step(matrix_learning_rate: float | None) -> None:
    config = OptimizerConfig(matrix_learning_rate=matrix_learning_rate)
    model, fresh = _model_with_gradients(), _model_with_gradients()
    stepped, empty = Optimizer(model.named_parameters(), config), Optimizer(fresh.named_parameters(), config)
    stepped.step(1.0)

    for (name, weight), other in zip(model.named_parameters(), fresh.parameters(), strict=True):
        assert not empty.state(other)
        empty.make_room(other)
        expected = {part: value.shape for part, value in stepped.state(weight).items()}
        assert {part: value.shape for part, value in empty.state(other).items()} == expected, name
