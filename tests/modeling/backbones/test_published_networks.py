"""What holds of every published model, against diffusers' own class, from a checkpoint that the library saved."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from modeling.backbones.published import PublishedConfig
from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions
from modeling.model.costs import workload_of
from modeling.model.lora import LoraConfig, add_lora, lora_state
from modeling.model.parts import Part, Trainable
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import empty_model, fresh_weights, parameters_by_part
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.training.objective import EncodedBatch, velocity_loss
from tests.modeling.backbones.families import FAMILIES, Family
from tests.modeling.backbones.small_wan import draw_conditions
from tests.modeling.backbones.small_wan import wan_model as filled_model

DTYPES = [torch.float32, torch.bfloat16]
META = torch.device("meta")


# Most of what TI2V-5B has is shown of Wan 2.1 (test_wan_network.py).
@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.slow] * (name == "wan-ti2v")) for name in FAMILIES])
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


@pytest.fixture
def checkpoint(family: Family, request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(family.fixture)
    return folder


def texts_of(conditions: Conditions) -> list[Tensor]:
    return [text[is_text] for text, is_text in zip(conditions.text, conditions.is_text, strict=True)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_fresh_layers_change_nothing_and_trained_ones_what_clips_with_references_give(
    family: Family, checkpoint: Path, dtype: torch.dtype
) -> None:
    (latents, timesteps), conditions = family.draw_latents(), draw_conditions()
    fresh, trained = (
        filled_model(family.config(checkpoint), dtype=dtype, is_trained=is_trained) for is_trained in (False, True)
    )

    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        at_first = fresh(latents, timesteps, conditions)
        without = trained(latents, timesteps, conditions.without_references())
        found = trained(latents, timesteps, conditions)

    expected = family.theirs(checkpoint, dtype, latents, timesteps, texts_of(conditions))
    assert expected.std() > 0.1
    assert torch.equal(at_first, expected)
    assert torch.equal(without, expected)
    assert (found - expected).abs().max() > 0.05


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pure_noise_is_predicted_as_by_the_published_model(
    family: Family, checkpoint: Path, dtype: torch.dtype
) -> None:
    (latents, _), conditions, noise_alone = family.draw_latents(), draw_conditions(images=0), torch.ones(2)

    with torch.no_grad():
        found = filled_model(family.config(checkpoint), dtype=dtype)(latents, noise_alone, conditions)

    expected = family.theirs(checkpoint, dtype, latents, noise_alone, texts_of(conditions))
    assert torch.equal(found, expected)
    assert found.isfinite().all()


def test_a_model_that_expands_timesteps_is_told_a_given_first_frame_as_diffusers_is(
    tiny_ti2v: Path,
) -> None:
    family = FAMILIES["wan-ti2v"]
    (latents, _), conditions = family.draw_latents(), draw_conditions(images=0)
    times = torch.tensor([[0.0, 0.3, 0.3], [0.8, 0.8, 0.8]])

    for dtype in DTYPES:
        with torch.no_grad():
            found = filled_model(family.config(tiny_ti2v), dtype=dtype)(latents, times, conditions)
            expected = family.theirs(tiny_ti2v, dtype, latents, times, texts_of(conditions))
            assert torch.equal(found, expected)
            assert not torch.equal(
                found[0], family.theirs(tiny_ti2v, dtype, latents, times[:, 1], texts_of(conditions))[0]
            )


def test_only_new_layers_have_gradients_and_at_first_only_what_leads_out_of_them(
    family: Family, checkpoint: Path
) -> None:
    gradients = {}
    for is_trained in (False, True):
        model = filled_model(family.config(checkpoint), dtype=torch.bfloat16, is_trained=is_trained)
        for name, weight in model.named_parameters():
            weight.requires_grad_(Trainable.NEW_LAYERS.admits(name))
        torch.autograd.backward(loss_of(model, family))
        gradients[is_trained] = {
            name for name, weight in model.named_parameters() if weight.grad is not None and weight.grad.abs().max() > 0
        }

    new = {name for name, _ in model.named_parameters() if "personalization" in name or name.startswith("binding.")}
    assert gradients[False] == {name for name in new if name.endswith("to_out.weight")}
    assert gradients[True] == new


def test_recomputed_activations_give_bitwise_the_same_gradients(family: Family, checkpoint: Path) -> None:
    found = []
    for recomputes in (False, True):
        model = filled_model(family.config(checkpoint), is_trained=True)
        for block in model.blocks:
            setattr(block, "recomputes_activations", recomputes)  # noqa: B010  (mypy refuses the plain form)
        torch.autograd.backward(loss_of(model, family))
        found.append({name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None})

    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def loss_of(model: VideoBackbone, family: Family) -> Tensor:
    latents, timesteps = family.draw_latents()
    batch = EncodedBatch(latents=torch.ones_like(latents), conditions=draw_conditions())
    return velocity_loss(model, batch, noise=latents, timesteps=timesteps, shows_estimate=False)


@pytest.mark.parametrize(("every_nth_block", "batches_branches"), [(1, True), (2, False)])
def test_equation_2_with_cached_conditions_is_that_of_three_plain_calls(
    family: Family, checkpoint: Path, every_nth_block: int, batches_branches: bool
) -> None:
    (latents, _), conditions = family.draw_latents(), draw_conditions(null_tokens=9)
    model = filled_model(family.config(checkpoint, every_nth_block=every_nth_block), is_trained=True)
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=8.0, image_scale=3.0)

    with torch.no_grad():
        guided = GuidedVelocity(model, conditions, weights, batches_branches=batches_branches)(latents, 0.6)
        full, no_text, no_images = (
            model(latents, torch.full((2,), 0.6), told)
            for told in (conditions, conditions.without_text(), conditions.without_references())
        )

    torch.testing.assert_close(guided, 12 * full - 8 * no_text - 3 * no_images, atol=2e-4, rtol=1e-4)


def test_a_dropped_text_is_the_null_text_to_the_published_model(family: Family, checkpoint: Path) -> None:
    (latents, timesteps), conditions = family.draw_latents(), draw_conditions(images=0, null_tokens=9)
    assert conditions.null_text is not None

    with torch.no_grad():
        found = filled_model(family.config(checkpoint))(
            latents, timesteps, conditions.without_text(torch.tensor([False, True]))
        )

    texts = [texts_of(conditions)[0], conditions.null_text]
    assert torch.equal(found, family.theirs(checkpoint, torch.float32, latents, timesteps, texts))


def test_a_text_longer_than_the_model_reads_is_refused(family: Family, checkpoint: Path) -> None:
    (latents, timesteps), conditions = family.draw_latents(), draw_conditions()
    conditions = replace(conditions, text=conditions.text.repeat(1, 5, 1), is_text=torch.ones(2, 35, dtype=torch.bool))

    with pytest.raises(ValueError, match="text has 35 tokens, expected at most 32"):
        filled_model(family.config(checkpoint))(latents, timesteps, conditions)


def test_the_published_shapes_are_those_of_diffusers(family: Family) -> None:
    with META:
        published = family.published()

    for config, network in published:
        found = parameters_by_part(config)
        new = found[Part.PERSONALIZATION] + found[Part.BINDING]
        assert sum(found.values()) - new == sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(("images", "every_nth_block"), [pytest.param(3, 1, marks=pytest.mark.slow), (3, 2), (0, 1)])
def test_the_forward_pass_is_counted_exactly_as_pytorch_counts_it(
    family: Family, checkpoint: Path, images: int, every_nth_block: int
) -> None:
    config = family.config(checkpoint, every_nth_block=every_nth_block)
    model, (latents, timesteps), conditions = empty_model(config), family.draw_latents(), draw_conditions(images=images)
    with FlopCounterMode(display=False) as counter:
        model(latents.to(META), timesteps.to(META), conditions.to(META))
    counts = {str(operator): count for operator, count in counter.get_flop_counts()["Global"].items()}

    found = config.forward_flops(workload_of(latents, conditions, patch=config.patch))

    assert sum(found.scores.values()) == counts.pop("aten.bmm")
    assert sum(found.products.values()) == sum(counts.values())


def test_a_base_of_another_shape_is_refused_by_what_differs(family: Family, checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=rf"base {checkpoint / 'transformer'} has num_layers 3, expected 4; give the"):
        list(fresh_weights(family.config(checkpoint, blocks=4), seed=0))


def test_a_base_with_other_files_than_the_pinned_one_is_refused(
    family: Family, checkpoint: Path, tmp_path: Path
) -> None:
    config: Any = family.config(checkpoint).pinned()
    moved = tmp_path / "base"
    shutil.copytree(checkpoint, moved)
    list(fresh_weights(replace(config, checkpoint=str(moved)), seed=0))  # it may lie anywhere

    say(moved / "transformer" / "config.json", revision="another")

    with pytest.raises(ValueError, match=r"base .*transformer has other files \(digest"):
        list(fresh_weights(replace(config, checkpoint=str(moved)), seed=0))


@pytest.mark.parametrize(
    ("name", "file", "said", "message"),
    [
        ("cogvideox-2b", "transformer/config.json", {"patch_size_t": 2}, r"is a CogVideoX 1\.5, .*; expected"),
        ("cogvideox-2b", "transformer/config.json", {"in_channels": 32}, "has in_channels 32, expected 16"),
        ("cogvideox-5b", "transformer/config.json", {"use_learned_positional_embeddings": True}, "expected False"),
        (
            "cogvideox-5b",
            "scheduler/scheduler_config.json",
            {"snr_shift_scale": 3.0},
            r"scheduler has snr_shift_scale 3\.0, expected 1\.0",
        ),
        ("wan-ti2v", "model_index.json", {"expand_timesteps": False}, "expand_timesteps False, expected True"),
        ("wan-ti2v", "model_index.json", {"boundary_ratio": 0.9}, r"boundary_ratio 0\.9, expected None"),
        ("wan-ti2v", "transformer/config.json", {"in_channels": 16}, "has in_channels 16, expected 48"),
        ("hunyuan", "transformer/config.json", {"image_condition_type": "token_replace"}, "expected None"),
        ("hunyuan", "transformer/config.json", {"guidance_embeds": False}, "has guidance_embeds False, expected True"),
        ("hunyuan", "transformer/config.json", {"pooled_projection_dim": 8}, "pooled_projection_dim 8, expected 16"),
        ("ltx", "transformer/config.json", {"patch_size_t": 2}, "has patch_size_t 2, expected 1"),
        ("ltx", "transformer/config.json", {"_class_name": "LTX2VideoTransformer3DModel"}, "_class_name 'LTX2V"),
        (
            "cogvideox-2b",
            "scheduler/scheduler_config.json",
            {"prediction_type": "epsilon"},
            "prediction_type 'epsilon', expected 'v_prediction'",
        ),
    ],
)
def test_a_base_of_another_kind_is_refused(
    name: str, file: str, said: dict[str, object], message: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    shutil.copytree(request.getfixturevalue(FAMILIES[name].fixture), tmp_path / "base")
    config: PublishedConfig = FAMILIES[name].config(tmp_path / "base")
    list(fresh_weights(config, seed=0))

    say(tmp_path / "base" / file, **said)

    with pytest.raises(ValueError, match=message):
        list(fresh_weights(config, seed=0))


def say(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_new_adapters_of_all_attentions_and_mlps_leave_bitwise_the_published_model(
    family: Family, checkpoint: Path, dtype: torch.dtype
) -> None:
    (latents, timesteps), conditions = family.draw_latents(), draw_conditions()
    model = filled_model(family.config(checkpoint), dtype=dtype)
    matrices = {
        name.removesuffix(".weight")
        for name, weight in model.named_parameters()
        if "blocks." in name and weight.ndim == 2 and (".attn" in name or ".ff" in name)
    }

    add_lora(model, LoraConfig(rank=2))

    assert {name.partition(".lora_")[0] for name in lora_state(model)} == matrices
    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        found = model.eval()(latents, timesteps, conditions)
    assert torch.equal(found, family.theirs(checkpoint, dtype, latents, timesteps, texts_of(conditions)))
