"""The model on a device computes what it computes on a CPU in float32, and its attention stays with the fast kernels.

Each test runs on the CPU by default, and on a GPU with `make test-gpu`.
"""

import copy
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cosine_similarity, dropout, scaled_dot_product_attention

from modeling.model import attention
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.dit import DiTConfig
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import build_model, seeded
from modeling.training.objective import EncodedBatch, velocity_loss

# Heads of 128 channels, as in the paper: kernels of attention depend on them.
CONFIG = DiTConfig(width=256, blocks=3, heads=2, text_channels=64, image_channels=64, dropout=0.0)
CPU = torch.device("cpu")
FAST = [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION]


@pytest.fixture(scope="module")
def model() -> VideoBackbone:
    """As after training: no layer is zero any more."""
    built = build_model(CONFIG, seed=0)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=draw))
    return built


def draw_batch(*, has_padding: bool) -> EncodedBatch:
    """Two clips of 5x4x6 tokens; with padding, the second has less text, and one image where the first has two."""
    draw = torch.Generator().manual_seed(1)
    is_text, is_present = torch.ones(2, 12, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    if has_padding:
        is_text[1, 7:] = False
        is_present[1, 1:] = False
    references = ReferenceTokens(
        image_tokens=torch.randn(2, 2, 16, 64, generator=draw),
        word_tokens=torch.randn(2, 2, 3, 64, generator=draw),
        is_present=is_present,
    )
    return EncodedBatch(
        latents=torch.randn(2, 16, 5, 8, 12, generator=draw),
        conditions=Conditions(text=torch.randn(2, 12, 64, generator=draw), is_text=is_text, references=references),
    )


class Computed(NamedTuple):
    """On a device, then brought to the CPU."""

    loss: float
    velocity: Tensor
    gradients: Tensor


def compute(model: VideoBackbone, device: torch.device, precision: Precision) -> Computed:
    """The loss of a batch with self-conditioning, all its gradients in a row, and the velocity."""
    model = copy.deepcopy(model).to(device).train()
    batch = draw_batch(has_padding=True)
    latents, conditions = batch.latents.to(device), batch.conditions.to(device)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(2)).to(device)
    timesteps = torch.tensor([0.3, 0.8], device=device)
    with computing_in(precision, device):
        loss = velocity_loss(
            model,
            EncodedBatch(latents=latents, conditions=conditions),
            noise=noise,
            timesteps=timesteps,
            shows_estimate=True,
        )
        with torch.no_grad():
            velocity = model(latents, timesteps, conditions)
    torch.autograd.backward(loss)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert {tensor.dtype for tensor in (loss, velocity, *gradients)} == {torch.float32}
    return Computed(loss.item(), velocity.cpu(), torch.cat([gradient.flatten().cpu() for gradient in gradients]))


def difference(found: Tensor, expected: Tensor) -> float:
    """As a share of what was expected."""
    return float((found - expected).norm() / expected.norm())


def test_float32_on_a_device_is_float32_on_the_cpu(model: VideoBackbone, device: str) -> None:
    found, expected = (compute(model, torch.device(name), Precision.FLOAT32) for name in (device, "cpu"))

    # Sums in another order differ by some 1e-6. The ten bits of TF32, which nobody asked for, would differ by 5e-4.
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert difference(found.velocity, expected.velocity) < 5e-5
    assert difference(found.gradients, expected.gradients) < 2e-4


def test_bfloat16_on_a_device_is_nearly_float32_on_the_cpu(model: VideoBackbone, device: str) -> None:
    found = compute(model, torch.device(device), Precision.BFLOAT16)
    expected = compute(model, CPU, Precision.FLOAT32)

    # Every factor of a product is rounded by up to 2^-9. Some ten products lie one behind the other, so a number is off
    # by some 2^-9 times the root of ten, under 1 %; the loss is a mean over thousands, in which most of it cancels.
    assert found.loss == pytest.approx(expected.loss, rel=5e-3)
    assert 5e-4 < difference(found.velocity, expected.velocity) < 2e-2
    assert cosine_similarity(found.gradients, expected.gradients, dim=0) > 0.999


@pytest.mark.parametrize("precision", list(Precision))
def test_attention_has_no_mask_of_numbers_and_where_nothing_is_masked_none_at_all(
    model: VideoBackbone, device: str, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[tuple[int, int, torch.dtype | None]] = []

    def record(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        masks.append((query.shape[2], key.shape[2], None if attn_mask is None else attn_mask.dtype))
        return scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)

    monkeypatch.setattr(attention, "scaled_dot_product_attention", record)
    model = copy.deepcopy(model).to(device)

    with computing_in(precision, torch.device(device)):
        predict(model, draw_batch(has_padding=True), device)
        in_training, masks = masks, []
        with torch.no_grad():
            predict(model, draw_batch(has_padding=False), device, caches=True)
        in_sampling = masks

    assert len(in_training) == len(in_sampling) == 3 * CONFIG.blocks
    assert {mask for queries, keys, mask in in_training if queries == keys} == {None}
    assert {mask for _, _, mask in in_training} <= {None, torch.bool}
    assert {mask for _, _, mask in in_sampling} == {None}


@pytest.mark.parametrize("caches", [False, True], ids=["training", "sampling"])
def test_attention_does_without_the_plain_kernel_that_holds_every_score(
    model: VideoBackbone, device: str, caches: bool
) -> None:
    model = copy.deepcopy(model).to(device).train(mode=not caches)
    # The masks of padding, which only training has, need the third kernel on a GPU.
    kernels = FAST if caches else [*FAST, SDPBackend.EFFICIENT_ATTENTION]
    batch = draw_batch(has_padding=not caches)

    with computing_in(Precision.BFLOAT16, torch.device(device)):
        usual = predict(model, batch, device, caches=caches)
        with sdpa_kernel(kernels):  # PyTorch raises where none of them takes an attention
            fast = predict(model, batch, device, caches=caches)
            if not caches:
                torch.autograd.backward(fast.square().mean())

    assert difference(fast.detach(), usual.detach()) < 1e-2


def test_dropout_on_a_device_follows_its_seed_and_leaves_the_devices_numbers_as_they_were(device: str) -> None:
    place, ones = torch.device(device), torch.ones(1000, device=device)
    torch.manual_seed(5)
    undisturbed = [torch.rand(3, device=device) for _ in range(2)]

    torch.manual_seed(5)
    numbers = [torch.rand(3, device=device)]
    drops = []
    for seed in (1, 1, 2):
        with seeded(seed, place):
            drops.append(dropout(ones, 0.5))
    numbers.append(torch.rand(3, device=device))

    assert torch.equal(drops[0], drops[1])
    assert not torch.equal(drops[0], drops[2])
    assert all(torch.equal(left, right) for left, right in zip(numbers, undisturbed, strict=True))


def test_weights_of_half_the_size_compute_on_a_device_what_products_of_half_precision_do(
    model: VideoBackbone, device: str
) -> None:
    small = copy.deepcopy(model).to(device, torch.bfloat16).eval()
    batch = draw_batch(has_padding=True)

    with torch.no_grad(), computing_in(Precision.BFLOAT16, torch.device(device)):
        found = predict(small, batch, device)
        expected = predict(copy.deepcopy(model).to(device).eval(), batch, device)

    assert found.dtype == torch.float32
    assert difference(found, expected) < 2e-2


def predict(model: VideoBackbone, batch: EncodedBatch, device: str, *, caches: bool = False) -> Tensor:
    """The velocity, as training asks for it, or as sampling does."""
    conditions = batch.conditions.to(torch.device(device))
    timesteps = torch.tensor([0.3, 0.8], device=device)
    velocity: Tensor = model(batch.latents.to(device), timesteps, model.cache(conditions) if caches else conditions)
    return velocity


def test_an_attention_that_only_the_plain_kernel_takes_is_noticed(device: str) -> None:
    query, key, value = (torch.randn(1, 2, 8, 128, device=device, dtype=torch.float64) for _ in range(3))

    with sdpa_kernel([*FAST, SDPBackend.EFFICIENT_ATTENTION]), pytest.raises(RuntimeError, match=r"No .*(kernel|back)"):
        # Dropout keeps away that of the CPU, eight bytes a number those of GPUs.
        scaled_dot_product_attention(query, key, value, dropout_p=0.5)
