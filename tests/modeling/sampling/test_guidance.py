from dataclasses import replace
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.dit import DiT, DiTConfig
from modeling.sampling.flow import data_estimate
from modeling.sampling.guidance import (
    FULL,
    WITHOUT_BOTH,
    WITHOUT_IMAGES,
    WITHOUT_TEXT,
    Branch,
    GuidanceForm,
    GuidedVelocity,
    guidance_weights,
    needed_weights,
)

CONFIG = DiTConfig(width=64, blocks=2, heads=2, text_channels=16, image_channels=24, words_per_image=2, dropout=0.0)
SHAPE = (2, 16, 2, 4, 6)


@pytest.fixture(scope="module")
def model() -> DiT:
    """As after long training: no weight is zero any more."""
    draw = torch.Generator().manual_seed(0)
    model = DiT(CONFIG).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=draw))
    return model


@pytest.fixture(scope="module")
def conditions() -> Conditions:
    """Two clips; the second has a shorter text and one image less."""
    draw = torch.Generator().manual_seed(1)
    return Conditions(
        text=torch.randn(2, 5, 16, generator=draw),
        is_text=torch.tensor([[True] * 5, [True] * 3 + [False] * 2]),
        references=ReferenceTokens(
            image_tokens=torch.randn(2, 3, 4, 24, generator=draw),
            word_tokens=torch.randn(2, 3, 2, 16, generator=draw),
            is_present=torch.tensor([[True] * 3, [True] * 2 + [False]]),
        ),
    )


def latents() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(2))


def told(conditions: Conditions, branch: Branch) -> Conditions:
    """What the model is told in a branch, as training tells it: zeros."""
    kept = conditions if branch.has_text else conditions.without_text()
    if branch.has_images or kept.references is None:
        return kept
    zeros = replace(kept.references, is_present=torch.zeros_like(kept.references.is_present))
    return replace(kept, references=zeros)


def guided(model: DiT, conditions: Conditions, form: GuidanceForm, scales: tuple[float, float]) -> GuidedVelocity:
    return GuidedVelocity(model, conditions, guidance_weights(form, text_scale=scales[0], image_scale=scales[1]))


def test_equation_2_weighs_the_three_predictions_12_minus_8_minus_3_at_the_papers_scales() -> None:
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=8.0, image_scale=3.0)

    assert weights == {FULL: 12, WITHOUT_TEXT: -8, WITHOUT_IMAGES: -3}


def test_equation_1_is_instruct_pix2pix_with_scales_one_larger() -> None:
    weights = guidance_weights(GuidanceForm.CHAINED, text_scale=8.0, image_scale=3.0)
    draw = torch.Generator().manual_seed(0)
    text, image, uncond = torch.randn(3, 10, dtype=torch.float64, generator=draw)

    # Their three lines, in their words: `text` sees both conditions, `image` the image alone.
    theirs = uncond + (1 + 8.0) * (text - image) + (1 + 3.0) * (image - uncond)

    predictions = {FULL: text, WITHOUT_TEXT: image, WITHOUT_BOTH: uncond}
    ours = torch.stack([weights[branch] * predictions[branch] for branch in weights]).sum(dim=0)
    torch.testing.assert_close(ours, theirs)


@given(
    form=st.sampled_from(GuidanceForm),
    text_scale=st.floats(0, 20),
    image_scale=st.floats(0, 20),
    has_references=st.booleans(),
)
def test_weights_sum_to_one_whatever_is_needed(
    form: GuidanceForm, text_scale: float, image_scale: float, has_references: bool
) -> None:
    weights = guidance_weights(form, text_scale=text_scale, image_scale=image_scale)

    needed = needed_weights(weights, has_references=has_references)

    assert sum(needed.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("form", "text_scale", "image_scale", "has_references", "needed"),
    [
        (GuidanceForm.SEPARATE, 8.0, 3.0, True, {FULL, WITHOUT_TEXT, WITHOUT_IMAGES}),
        (GuidanceForm.SEPARATE, 8.0, 0.0, True, {FULL, WITHOUT_TEXT}),
        (GuidanceForm.SEPARATE, 0.0, 3.0, True, {FULL, WITHOUT_IMAGES}),
        (GuidanceForm.SEPARATE, 0.0, 0.0, True, {FULL}),
        (GuidanceForm.SEPARATE, 8.0, 3.0, False, {WITHOUT_IMAGES, WITHOUT_BOTH}),
        (GuidanceForm.SEPARATE, 0.0, 3.0, False, {WITHOUT_IMAGES}),
        (GuidanceForm.CHAINED, 8.0, 3.0, True, {FULL, WITHOUT_TEXT, WITHOUT_BOTH}),
        (GuidanceForm.CHAINED, 8.0, 0.0, True, {FULL, WITHOUT_TEXT}),
        (GuidanceForm.CHAINED, 3.0, 3.0, True, {FULL, WITHOUT_BOTH}),
        (GuidanceForm.CHAINED, 8.0, 3.0, False, {WITHOUT_IMAGES, WITHOUT_BOTH}),
        (GuidanceForm.CHAINED, 0.0, 3.0, False, {WITHOUT_IMAGES}),
    ],
)
@pytest.mark.parametrize("batches_branches", [True, False])
def test_the_model_predicts_only_the_branches_that_count(
    model: DiT,
    conditions: Conditions,
    form: GuidanceForm,
    text_scale: float,
    image_scale: float,
    has_references: bool,
    needed: set[Branch],
    batches_branches: bool,
) -> None:
    weights = guidance_weights(form, text_scale=text_scale, image_scale=image_scale)
    assert needed_weights(weights, has_references=has_references).keys() == needed
    given = conditions if has_references else conditions.without_references()
    velocity = GuidedVelocity(model, given, weights, batches_branches=batches_branches)
    clips: list[int] = []
    hook = model.register_forward_pre_hook(lambda _, inputs: clips.append(len(inputs[0])))

    with torch.no_grad():
        velocity(latents(), 0.7)
    hook.remove()

    assert clips == ([2 * len(needed)] if batches_branches else [2] * len(needed))


@pytest.mark.parametrize(("form", "has_references"), list(product(GuidanceForm, [True, False])))
@pytest.mark.parametrize("scales", [(8.0, 3.0), (8.0, 0.0), (0.0, 3.0), (3.0, 3.0)])
def test_in_one_batch_one_by_one_and_by_the_equation_are_the_same(
    model: DiT, conditions: Conditions, form: GuidanceForm, has_references: bool, scales: tuple[float, float]
) -> None:
    given = conditions if has_references else conditions.without_references()
    text_scale, image_scale = scales
    weights = guidance_weights(form, text_scale=text_scale, image_scale=image_scale)
    together, alone = (GuidedVelocity(model, given, weights, batches_branches=batched) for batched in (True, False))
    estimate = None
    for timestep in (1.0, 0.6):
        at = torch.full((2,), timestep)
        with torch.no_grad():
            full, no_text, no_images, neither = (
                model(latents(), at, told(given, branch), estimate)
                for branch in (FULL, WITHOUT_TEXT, WITHOUT_IMAGES, WITHOUT_BOTH)
            )
            found = [velocity(latents(), timestep) for velocity in (together, alone)]
        pushed_by_images = full - no_images if form is GuidanceForm.SEPARATE else no_text - neither

        expected = full + text_scale * (full - no_text) + image_scale * pushed_by_images

        assert (full - no_text).abs().max() > 0.1  # the conditions matter at all
        assert has_references == bool((full - no_images).abs().max() > 0.1)
        rounding = 5e-6 * (1 + 2 * text_scale + 2 * image_scale)  # of single predictions, enlarged by their weights
        for velocity in found:
            torch.testing.assert_close(velocity, expected, atol=rounding, rtol=0)
        torch.testing.assert_close(found[0], found[1], atol=rounding, rtol=0)
        estimate = data_estimate(latents(), full, at)


@pytest.mark.parametrize("form", list(GuidanceForm))
def test_zero_scales_are_the_conditioned_prediction_exactly(
    model: DiT, conditions: Conditions, form: GuidanceForm
) -> None:
    with torch.no_grad():
        found = guided(model, conditions, form, (0.0, 0.0))(latents(), 0.5)

        assert torch.equal(found, model(latents(), torch.full((2,), 0.5), model.cache(conditions)))


def test_the_model_is_shown_its_own_last_estimate_without_guidance(model: DiT, conditions: Conditions) -> None:
    shown: list[torch.Tensor | None] = []
    hook = model.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[3]))
    velocity = guided(model, conditions, GuidanceForm.SEPARATE, (8.0, 3.0))

    with torch.no_grad():
        velocity(latents(), 1.0)
        velocity(latents(), 0.5)
        hook.remove()
        conditioned = model(latents(), torch.ones(2), conditions)

    assert shown[0] is None
    assert shown[1] is not None
    for branch in shown[1].chunk(3):
        torch.testing.assert_close(branch, latents() - conditioned, atol=1e-4, rtol=1e-4)


def test_conditions_become_keys_and_values_once_for_all_steps(model: DiT, conditions: Conditions) -> None:
    projected: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: projected.append(name))
        for name, module in model.named_modules()
        if name.endswith(("to_key_value", "binding.to_image"))
    ]
    velocity = guided(model, conditions, GuidanceForm.SEPARATE, (8.0, 3.0))

    with torch.no_grad():
        for timestep in (1.0, 0.8, 0.5):
            velocity(latents(), timestep)
    for hook in hooks:
        hook.remove()

    assert len(projected) == len(set(projected)) == 2 * CONFIG.blocks + 1
