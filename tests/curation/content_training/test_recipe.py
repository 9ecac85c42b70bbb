"""VideoMAE's fine-tuning recipe: which weights move how fast, and when."""

from typing import Any

import pytest
from transformers import VideoMAEConfig, VideoMAEForVideoClassification

from curation.content_training.networks import FromScratch
from curation.content_training.recipe import Recipe, parameter_groups

LAYERS = 2


def rates_by_name(recipe: Recipe) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of every weight of a small network."""
    config = VideoMAEConfig(
        image_size=32, patch_size=16, num_frames=16, hidden_size=16, num_hidden_layers=LAYERS, num_attention_heads=2,
        intermediate_size=32,
    )  # fmt: skip
    model = VideoMAEForVideoClassification(config)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in parameter_groups(model, LAYERS, recipe)
        for parameter in group["params"]
    }
    assert rates.keys() == set(names.values())
    return rates


def test_each_layer_learns_three_quarters_as_fast_as_the_one_above() -> None:
    rates = rates_by_name(Recipe(base_learning_rate=1.6e-2, batch_size=16, layer_decay=0.75))

    # 1.6e-2 * 16 / 256 = 1e-3 at the head; two layers and the embedding below it.
    by_hand = {
        "classifier.weight": 1e-3,
        "fc_norm.weight": 1e-3,
        "videomae.encoder.layer.1.output.dense.weight": 0.75e-3,
        "videomae.encoder.layer.1.layernorm_before.bias": 0.75e-3,
        "videomae.encoder.layer.0.attention.attention.query.weight": 0.5625e-3,
        "videomae.embeddings.patch_embeddings.projection.weight": 0.421875e-3,
    }
    found = {name: rates[name][0] for name in by_hand}
    assert found == pytest.approx(by_hand)


def test_biases_and_norms_are_not_decayed() -> None:
    rates = rates_by_name(Recipe(weight_decay=0.05))

    assert {decay for name, (_, decay) in rates.items() if name.endswith("bias") or "norm" in name} == {0.0}
    assert rates["classifier.weight"][1] == 0.05


def test_without_decay_by_layer_all_learn_alike() -> None:
    assert {rate for rate, _ in rates_by_name(Recipe(layer_decay=1.0)).values()} == {5e-4 * 16 / 256}


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(epochs=30, warmup_epochs=10, batch_size=4)

    factors = [recipe.factor(step, clips=40) for step in (0, 49, 99, 100, 200, 300)]

    assert factors == pytest.approx([0.01, 0.5, 1, 1, 0.5, 0])


def test_the_shipped_network_is_made_by_800_steps_of_16() -> None:
    recipe = FromScratch().recipe

    assert (recipe.steps(2000, recipe.epochs), recipe.steps(2000, recipe.warmup_epochs)) == (800, 60)
    assert recipe.learning_rate == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"warmup_epochs": 75.0}, "warmup_epochs"), ({"layer_decay": 0.0}, "layer_decay"), ({"batch_size": 0}, "batch")],
)
def test_impossible_settings_are_errors(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**values)
