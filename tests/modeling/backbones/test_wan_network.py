"""The model against diffusers' own class, from a checkpoint that the library saved."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import WanTransformer3DModel
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from modeling.backbones.wan import WanConfig
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.costs import workload_of
from modeling.model.parts import Part, Trainable
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import empty_model, fresh_weights, parameters_by_part
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.training.objective import EncodedBatch, velocity_loss
from tests.modeling.backbones.small_wan import (
    draw_conditions,
    draw_latents,
    published,
    theirs,
    wan_config,
    wan_model,
)

DTYPES = [torch.float32, torch.bfloat16]
META = torch.device("meta")


def texts_of(conditions: Conditions) -> list[Tensor]:
    return [text[is_text] for text, is_text in zip(conditions.text, conditions.is_text, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_with_fresh_layers_and_references_it_is_bitwise_the_published_model(tiny_wan: Path, dtype: torch.dtype) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()
    model = wan_model(wan_config(tiny_wan), dtype=dtype)

    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        found = model(latents, timesteps, conditions)

    expected = theirs(published(tiny_wan, dtype), latents, timesteps, texts_of(conditions))
    assert torch.equal(found, expected)
    assert expected.std() > 0.1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_trained_layers_change_what_clips_with_references_give_and_nothing_else(
    tiny_wan: Path, dtype: torch.dtype
) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()
    model = wan_model(wan_config(tiny_wan), dtype=dtype, is_trained=True)

    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        found = model(latents, timesteps, conditions)
        without = model(latents, timesteps, conditions.without_references())

    expected = theirs(published(tiny_wan, dtype), latents, timesteps, texts_of(conditions))
    assert torch.equal(without, expected)
    assert (found - expected).abs().max() > 0.1


def test_only_new_layers_have_gradients_and_at_first_only_what_leads_out_of_them(tiny_wan: Path) -> None:
    gradients = {}
    for is_trained in (False, True):
        model = wan_model(wan_config(tiny_wan), dtype=torch.bfloat16, is_trained=is_trained)
        for name, weight in model.named_parameters():
            weight.requires_grad_(Trainable.NEW_LAYERS.admits(name))
        torch.autograd.backward(loss_of(model))
        gradients[is_trained] = {
            name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.abs().max() > 0
        }

    new = {name for name, _ in model.named_parameters() if "personalization" in name or name.startswith("binding.")}
    assert gradients[False] == {name for name in new if name.endswith("to_out.weight")}
    assert gradients[True] == new


def test_recomputed_activations_give_bitwise_the_same_gradients(tiny_wan: Path) -> None:
    found = []
    for recomputes in (False, True):
        model = wan_model(wan_config(tiny_wan), is_trained=True)
        for block in model.blocks:
            setattr(block, "recomputes_activations", recomputes)  # noqa: B010  (mypy refuses the plain form)
        torch.autograd.backward(loss_of(model))
        found.append({name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None})

    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def loss_of(model: VideoBackbone) -> Tensor:
    latents, timesteps = draw_latents()
    batch = EncodedBatch(latents=torch.ones_like(latents), conditions=draw_conditions())
    return velocity_loss(model, batch, noise=latents, timesteps=timesteps, shows_estimate=False)


@pytest.mark.parametrize("batches_branches", [True, False])
@pytest.mark.parametrize("every_nth_block", [1, 2])
def test_equation_2_with_cached_conditions_is_that_of_three_plain_calls(
    tiny_wan: Path, every_nth_block: int, batches_branches: bool
) -> None:
    (latents, _), conditions = draw_latents(), draw_conditions(null_tokens=9)
    model = wan_model(wan_config(tiny_wan, every_nth_block=every_nth_block), is_trained=True)
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=8.0, image_scale=3.0)

    with torch.no_grad():
        guided = GuidedVelocity(model, conditions, weights, batches_branches=batches_branches)(latents, 0.6)
        full, no_text, no_images = (
            model(latents, torch.full((2,), 0.6), told)
            for told in (conditions, conditions.without_text(), conditions.without_references())
        )

    torch.testing.assert_close(guided, 12 * full - 8 * no_text - 3 * no_images, atol=2e-4, rtol=1e-4)


def test_a_dropped_text_is_the_null_text_to_the_published_model(tiny_wan: Path) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions(images=0, null_tokens=9)
    model = wan_model(wan_config(tiny_wan))
    assert conditions.null_text is not None

    with torch.no_grad():
        found = model(latents, timesteps, conditions.without_text(torch.tensor([False, True])))

    texts = [texts_of(conditions)[0], conditions.null_text]
    assert torch.equal(found, theirs(published(tiny_wan), latents, timesteps, texts))


def test_a_text_longer_than_the_model_reads_is_refused(tiny_wan: Path) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()

    with pytest.raises(ValueError, match="text has 7 tokens, expected at most 6"):
        wan_model(wan_config(tiny_wan, text_tokens=6))(latents, timesteps, conditions)


@pytest.mark.parametrize(("every_nth_block", "personalized"), [(1, {0, 1, 2}), (2, {0, 2}), (3, {0})])
def test_every_nth_block_has_new_layers(tiny_wan: Path, every_nth_block: int, personalized: set[int]) -> None:
    model = empty_model(wan_config(tiny_wan, every_nth_block=every_nth_block))

    names = [name for name, _ in model.named_parameters() if "personalization" in name]

    assert {int(name.split(".")[1]) for name in names} == personalized


@pytest.mark.parametrize(
    "config", [WanConfig(), WanConfig(width=5120, blocks=40, heads=40, mlp_width=13824)], ids=["1.3B", "14B"]
)
def test_the_published_shapes_are_those_of_diffusers(config: WanConfig) -> None:
    with META:
        expected: Any = WanTransformer3DModel(  # type: ignore[no-untyped-call]
            num_attention_heads=config.heads, num_layers=config.blocks, ffn_dim=config.mlp_width
        )

    found = parameters_by_part(config)

    new = found[Part.PERSONALIZATION] + found[Part.BINDING]
    assert sum(found.values()) - new == sum(weight.numel() for weight in expected.parameters())


@pytest.mark.parametrize(("images", "every_nth_block"), [(3, 1), (3, 2), (0, 1)])
def test_the_forward_pass_is_counted_exactly_as_pytorch_counts_it(
    tiny_wan: Path, images: int, every_nth_block: int
) -> None:
    config = wan_config(tiny_wan, every_nth_block=every_nth_block)
    model, (latents, timesteps), conditions = empty_model(config), draw_latents(), draw_conditions(images=images)
    with FlopCounterMode(display=False) as counter:
        model(latents.to(META), timesteps.to(META), conditions.to(META))
    counts = {str(operator): count for operator, count in counter.get_flop_counts()["Global"].items()}

    found = config.forward_flops(workload_of(latents, conditions))

    assert sum(found.scores.values()) == counts.pop("aten.bmm")
    assert sum(found.products.values()) == sum(counts.values())


def test_a_base_of_another_shape_is_refused_by_what_differs(tiny_wan: Path) -> None:
    with pytest.raises(ValueError, match=rf"base {tiny_wan / 'transformer'} has ffn_dim 40, expected 48"):
        list(fresh_weights(wan_config(tiny_wan, mlp_width=48), seed=0))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"image_dim": 1280}, "has image_dim 1280, expected None"),
        (
            {"_class_name": "CogVideoXTransformer3DModel"},
            "has _class_name 'CogVideoXTransformer3DModel', expected 'Wan",
        ),
    ],
)
def test_a_base_of_another_kind_is_refused(
    tiny_wan: Path, tmp_path: Path, said: dict[str, object], message: str
) -> None:
    shutil.copytree(tiny_wan, tmp_path / "wan")
    path = tmp_path / "wan" / "transformer" / "config.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in content.items() if name != "rope_max_seq_len"}))
    list(fresh_weights(wan_config(tmp_path / "wan"), seed=0))  # what it does not say is as in every Wan

    path.write_text(json.dumps({**content, **said}))

    with pytest.raises(ValueError, match=message):
        list(fresh_weights(wan_config(tmp_path / "wan"), seed=0))


def test_a_base_with_other_files_than_the_pinned_one_is_refused(tiny_wan: Path, tmp_path: Path) -> None:
    config = wan_config(tiny_wan).pinned()
    moved = tmp_path / "wan"
    shutil.copytree(tiny_wan, moved)
    list(fresh_weights(replace(config, checkpoint=str(moved)), seed=0))  # it may lie anywhere

    path = moved / "transformer" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "revision": "another"}))

    with pytest.raises(ValueError, match=r"base .*transformer has other files \(digest"):
        list(fresh_weights(replace(config, checkpoint=str(moved)), seed=0))
