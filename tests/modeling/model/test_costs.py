import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.encoders import LatentGeometry
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.costs import (
    Flops,
    Workload,
    hardware_flops,
    model_flops,
    peak_flops_per_s,
    workload_of,
)
from modeling.model.dit import DiT, DiTConfig
from modeling.model.parts import Part, Trainable
from modeling.model.weights import parameters_by_part, trained_parameters

PAPER = DiTConfig()
SMALL = DiTConfig(width=64, blocks=2, heads=2, text_channels=16, image_channels=24, words_per_image=2)
META = torch.device("meta")

# TFLOP of one forward pass with 256 text and 1,536 image tokens, and the percentage that is self-attention's scores:
# counted by hand from the layer shapes of Table 5, products and scores only.
BY_HAND = {
    "17x144x256": (14.29, 2),
    "49x144x256": (36.73, 5),
    "73x144x256": (54.47, 7),
    "97x144x256": (73.00, 9),
    "121x144x256": (92.31, 11),
    "145x144x256": (112.40, 13),
    "193x144x256": (154.93, 17),
    "289x144x256": (249.39, 23),
    "17x288x512": (57.51, 8),
    "49x288x512": (166.06, 18),
    "73x288x512": (262.08, 24),
    "97x288x512": (370.63, 29),
    "121x288x512": (491.70, 34),
    "17x576x1024": (279.30, 25),
    "49x576x1024": (1014.08, 46),
    "73x576x1024": (1798.95, 56),
    "97x576x1024": (2784.20, 62),
    "121x576x1024": (3969.84, 67),
}


def conditions(config: DiTConfig, *, clips: int, text: int, images: int, patches: int) -> Conditions:
    """Conditions without contents."""
    references = ReferenceTokens(
        image_tokens=torch.empty(clips, images, patches, config.image_channels, device=META),
        word_tokens=torch.empty(clips, images, config.words_per_image, config.text_channels, device=META),
        is_present=torch.empty(clips, images, dtype=torch.bool, device=META),
    )
    return Conditions(
        text=torch.empty(clips, text, config.text_channels, device=META),
        is_text=torch.empty(clips, text, dtype=torch.bool, device=META),
        references=references if images else None,
    )


def counted_flops(model: DiT, latents: torch.Tensor, of: Conditions, *, backward: bool = False) -> dict[str, int]:
    """What PyTorch's own counter sees, products with weights apart from attention.

    On the meta device attention is two batched products, which it counts; on the CPU it would not count any.
    """
    with FlopCounterMode(display=False) as counter:
        velocity = model(latents, torch.empty(len(latents), device=META), of)
        if backward:
            velocity.sum().backward()
    counts = {str(operator): count for operator, count in counter.get_flop_counts()["Global"].items()}
    assert set(counts) <= {"aten.mm", "aten.addmm", "aten.bmm"}
    return {"products": counts["aten.mm"] + counts["aten.addmm"], "scores": counts["aten.bmm"]}


@pytest.mark.parametrize(
    ("config", "shape", "text", "images"),
    [
        (SMALL, (2, 4, 6), 5, 3),
        (SMALL, (2, 4, 6), 5, 0),
        (DiTConfig(width=96, blocks=3, heads=2, text_channels=40, mlp_ratio=3, self_conditions=False), (5, 6, 4), 7, 2),
        (DiTConfig(width=128, blocks=1, heads=1, image_channels=32, absolute_positions=True), (1, 2, 2), 1, 6),
    ],
)
def test_the_forward_pass_is_counted_exactly_as_pytorch_counts_it(
    config: DiTConfig, shape: tuple[int, int, int], text: int, images: int
) -> None:
    with META:
        model = DiT(config)
    latents = torch.empty(3, config.latent_channels, *shape, device=META)
    of = conditions(config, clips=3, text=text, images=images, patches=4)

    found = config.forward_flops(workload_of(latents, of))

    assert {"products": sum(found.products.values()), "scores": sum(found.scores.values())} == counted_flops(
        model, latents, of
    )


@pytest.mark.parametrize(("trainable", "tolerance"), [(Trainable.ALL, 0.03), (Trainable.NEW_LAYERS, 0.04)])
def test_a_step_is_counted_as_pytorch_counts_it_but_for_gradients_that_no_weight_needs(
    trainable: Trainable, tolerance: float
) -> None:
    config = DiTConfig(width=256, blocks=12, heads=2, text_channels=32, image_channels=32)
    with META:
        model = DiT(config)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trainable.admits(name))
    latents = torch.empty(2, 16, 5, 16, 16, device=META)
    of = conditions(config, clips=2, text=16, images=2, patches=16)
    counted = counted_flops(model, latents, of, backward=True)

    needed = model_flops(config.forward_flops(workload_of(latents, of)), trainable=trainable, estimates=0.0)

    assert sum(counted.values()) <= needed <= (1 + tolerance) * sum(counted.values())


@pytest.mark.parametrize("bucket", TABLE_6_BUCKETS, ids=str)
def test_the_papers_model_costs_what_the_shapes_of_table_5_give(bucket: Bucket) -> None:
    tflop, percentage = BY_HAND[str(bucket)]
    workload = Workload(clips=1, tokens=LatentGeometry().tokens(bucket), text_tokens=256, image_tokens=1536)

    found = PAPER.forward_flops(workload)

    assert found.total / 1e12 == pytest.approx(tflop, rel=1e-3)
    assert 100 * found.attention_share == pytest.approx(percentage, abs=0.55)


def test_the_parts_are_those_of_table_5_and_add_up_to_the_model() -> None:
    width, blocks, channels = 4096, 32, 1024

    found = parameters_by_part(PAPER)

    with META:
        model = DiT(PAPER)
    assert sum(found.values()) == sum(parameter.numel() for parameter in model.parameters())
    norms = 2 * width + 2 * width // 32  # scale and shift of the tokens' norm; of query and key, per head channel
    cross_attention = blocks * (2 * width**2 + 2 * channels * width + norms)
    assert found[Part.TEXT_ATTENTION] == found[Part.PERSONALIZATION] == cross_attention
    assert found[Part.SELF_ATTENTION] == blocks * (4 * width**2 + 2 * width // 32)
    assert found[Part.MLP] == blocks * (8 * width**2 + 5 * width)
    assert found[Part.MODULATION] == blocks * (6 * width**2 + 6 * width)
    assert found[Part.BINDING] == 4 * channels**2 + 6 * channels


@pytest.mark.parametrize("trainable", list(Trainable))
def test_the_trained_weights_are_those_that_training_unfreezes(trainable: Trainable) -> None:
    with META:
        model = DiT(SMALL)

    unfrozen = sum(parameter.numel() for name, parameter in model.named_parameters() if trainable.admits(name))

    assert trained_parameters(SMALL, trainable) == unfrozen


def test_a_step_takes_three_forward_passes_and_more_for_estimates_and_recomputation() -> None:
    forward = Flops(products={Part.MLP: 80, Part.PERSONALIZATION: 10}, scores={Part.SELF_ATTENTION: 10})

    assert model_flops(forward, trainable=Trainable.ALL, estimates=0.0) == 300
    assert model_flops(forward, trainable=Trainable.ALL, estimates=0.9) == 390
    assert model_flops(forward, trainable=Trainable.NEW_LAYERS, estimates=0.0) == 220
    assert hardware_flops(forward, trainable=Trainable.ALL, estimates=0.9, recomputes=True) == 490
    assert hardware_flops(forward, trainable=Trainable.ALL, estimates=0.9, recomputes=False) == 390


def test_a_parameter_of_no_known_part_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"extra\.weight belongs to no part"):
        Part.of("blocks.0.extra.weight")


@pytest.mark.parametrize(
    ("name", "tflop_per_s"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H200 NVL", 835),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
    ],
)
def test_the_peak_follows_from_the_name_that_the_driver_gives(name: str, tflop_per_s: float) -> None:
    assert peak_flops_per_s(name) == tflop_per_s * 1e12


def test_an_unknown_device_has_no_peak() -> None:
    assert peak_flops_per_s("cpu") is None
