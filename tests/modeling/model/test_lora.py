import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modeling.model.backbone import VideoBackbone
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.dit import DiT, DiTConfig
from modeling.model.lora import (
    LoraConfig,
    adapter_parameters,
    add_lora,
    load_lora,
    lora_state,
    merge_lora,
    merged_weights,
    save_lora,
    with_new_adapters,
)
from modeling.model.weights import empty_model, fill
from modeling.sampling.pipeline import Pipeline, PipelineConfig

CONFIG = DiTConfig(width=64, blocks=2, heads=2, text_channels=16, image_channels=24, words_per_image=2, dropout=0.0)
LORA = LoraConfig(rank=4, alpha=8.0)
Weights = dict[str, torch.Tensor]


def trained_model() -> DiT:
    """As after long training: no weight is zero any more."""
    model = DiT(CONFIG)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=draw))
    return model.eval()


def adapted_model(*, steps: int = 5) -> DiT:
    """With adapters that a few steps of training have changed."""
    torch.manual_seed(0)
    model = trained_model()
    add_lora(model, LORA)
    train(model, steps=steps)
    return model


def velocity(model: VideoBackbone) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw)

    conditions = Conditions(
        text=normal(2, 5, 16),
        is_text=torch.ones(2, 5, dtype=torch.bool),
        references=ReferenceTokens(
            image_tokens=normal(2, 3, 4, 24),
            word_tokens=normal(2, 3, 2, 16),
            is_present=torch.ones(2, 3, dtype=torch.bool),
        ),
    )
    predicted: torch.Tensor = model(
        normal(2, 16, 2, 4, 6), torch.tensor([0.2, 0.7]), conditions, normal(2, 16, 2, 4, 6)
    )
    return predicted


def train(model: VideoBackbone, *, steps: int) -> list[float]:
    """Fits one batch; returns the losses."""
    target = torch.randn(2, 16, 2, 4, 6, generator=torch.Generator().manual_seed(2))
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    losses = []
    for _ in range(steps):
        loss = (velocity(model) - target).square().mean()
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def base_weights(model: VideoBackbone) -> Weights:
    """The model's own weights under their own names, with or without adapters beside them."""
    return {
        name.replace(".base_layer", ""): weight.clone()
        for name, weight in model.state_dict().items()
        if "lora_" not in name
    }


def same(left: Weights, right: Weights) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_new_adapters_change_nothing() -> None:
    model = trained_model()
    before = velocity(model)

    add_lora(model, LORA)

    assert torch.equal(velocity(model), before)


def test_training_changes_the_adapters_alone_and_the_loss_falls() -> None:
    torch.manual_seed(0)
    model = trained_model()
    before = base_weights(model)
    add_lora(model, LORA)
    adapters = {name: weight.clone() for name, weight in lora_state(model).items()}

    losses = train(model, steps=30)

    assert losses[-1] < 0.8 * losses[0]
    assert same(base_weights(model), before)
    assert all(not torch.equal(weight, adapters[name]) for name, weight in lora_state(model).items())


def test_every_projection_of_every_attention_is_adapted_and_nothing_else() -> None:
    model = trained_model()
    projections = {
        name.removesuffix(".weight")
        for name, weight in model.named_parameters()
        if "_attention.to_" in name and weight.ndim == 2
    }

    add_lora(model, LORA)

    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name.partition(".lora_")[0] for name in trained} == projections
    assert len(trained) == 2 * len(projections) == len(lora_state(model))


def test_the_change_to_a_layer_is_the_product_of_both_factors_times_alpha_over_rank() -> None:
    model = adapted_model()
    layer = "blocks.1.text_attention.to_out"
    before = base_weights(model)[f"{layer}.weight"]
    first, second = (lora_state(model)[f"{layer}.lora_{side}.weight"] for side in "AB")

    merge_lora(model)

    change = model.state_dict()[f"{layer}.weight"] - before
    torch.testing.assert_close(change, 8.0 / 4 * second @ first, rtol=1e-4, atol=1e-6)


def test_merged_adapters_leave_a_plain_model_with_the_same_output(tmp_path: Path) -> None:
    model = adapted_model()
    with torch.no_grad():
        unmerged, plain = velocity(model), velocity(trained_model())
    assert not torch.allclose(unmerged, plain, atol=1e-2)

    merge_lora(model)

    with torch.no_grad():
        torch.testing.assert_close(velocity(model), unmerged, rtol=1e-5, atol=1e-5)
    assert list(model.state_dict()) == list(trained_model().state_dict())
    assert all(weight.requires_grad for weight in model.parameters())
    assert lora_state(model) == {}


def test_weights_merged_one_by_one_are_those_of_the_merged_model() -> None:
    model = adapted_model()
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    frozen = ((name, weight) for name, weight in weights.items() if ".lora_" not in name)

    merged = dict(merged_weights(frozen, {name: w for name, w in weights.items() if ".lora_" in name}, LORA))

    merge_lora(model)
    assert same(merged, dict(model.state_dict()))


def test_weights_that_would_not_be_finite_are_not_merged_one_by_one() -> None:
    model = adapted_model(steps=0)
    lora_state(model)["blocks.0.self_attention.to_qkv.lora_B.weight"].fill_(torch.inf)
    weights = {name: weight.detach() for name, weight in model.named_parameters()}

    with pytest.raises(ValueError, match=r"blocks\.0\.self_attention\.to_qkv .*not .*finite"):
        dict(merged_weights(weights.items(), weights, LORA))


def test_damaged_adapters_are_named(tmp_path: Path) -> None:
    save_lora(tmp_path, adapted_model(), LORA)
    path = tmp_path / "lora.safetensors"
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(ValueError, match=r"lora\.safetensors is damaged"):
        load_lora(tmp_path, trained_model())


def test_a_merged_model_is_saved_and_read_as_a_pipeline(tmp_path: Path) -> None:
    config = PipelineConfig(model=DiTConfig(width=64, blocks=1, heads=2))
    model = config.model.build()
    add_lora(model, LORA)
    merge_lora(model)

    Pipeline(config, model, device=torch.device("cpu")).save_pretrained(tmp_path)

    assert same(Pipeline.from_pretrained(tmp_path).model.state_dict(), model.state_dict())


def test_saved_adapters_are_the_same_on_the_same_base_model(tmp_path: Path) -> None:
    model = adapted_model()
    save_lora(tmp_path, model, LORA)
    other = trained_model()

    config = load_lora(tmp_path, other)

    assert config == LORA
    assert same(lora_state(other), lora_state(model))
    assert torch.equal(velocity(other), velocity(model))
    assert not any("base_layer" in name or "qkv.weight" in name for name in load_file(tmp_path / "lora.safetensors"))


def test_a_model_without_memory_is_adapted_and_filled_with_seeded_adapters() -> None:
    plain = trained_model()
    adapted = []
    for seed in (0, 0, 1):
        model = empty_model(CONFIG)
        add_lora(model, LORA)
        model.to_empty(device="cpu")
        weights = ((name, weight.detach()) for name, weight in plain.named_parameters())
        fill(model, with_new_adapters(weights, model, seed=seed), source="the plain model")
        adapted.append(model.eval())

    assert same(base_weights(adapted[0]), base_weights(plain))
    assert torch.equal(velocity(adapted[0]), velocity(plain))
    assert same(lora_state(adapted[0]), lora_state(adapted[1]))
    assert not same(lora_state(adapted[0]), lora_state(adapted[2]))
    assert train(adapted[0], steps=10)[-1] < train(adapted[1], steps=1)[0]


def test_new_adapters_are_as_large_as_pefts_own() -> None:
    model = trained_model()
    add_lora(model, LORA)
    ours = {name: weight for name, weight in with_new_adapters([], model, seed=0) if ".lora_A." in name}

    theirs = dict(model.named_parameters())

    for name, weight in ours.items():
        assert weight.std().item() == pytest.approx(theirs[name].std().item(), rel=0.3)
        assert weight.abs().max().item() <= 1.01 / weight.shape[1] ** 0.5


def drop_one(weights: Weights) -> None:
    del weights["blocks.0.self_attention.to_qkv.lora_A.weight"]


def add_one(weights: Weights) -> None:
    weights["blocks.7.self_attention.to_qkv.lora_A.weight"] = torch.zeros(4, 64)


def cut_one(weights: Weights) -> None:
    name = "blocks.1.text_attention.to_out.lora_B.weight"
    weights[name] = weights[name][:32].clone()


def prefix_all(weights: Weights) -> None:
    for name in list(weights):
        weights[f"transformer.{name}"] = weights.pop(name)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_one, r"missing blocks\.0\.self_attention\.to_qkv\.lora_A\.weight$"),
        (add_one, r"unknown blocks\.7\.self_attention\.to_qkv\.lora_A\.weight$"),
        (cut_one, r"blocks\.1\.text_attention\.to_out\.lora_B\.weight is \(32, 4\), expected \(64, 4\)$"),
        (prefix_all, r"missing blocks\.0.*; unknown transformer\.blocks\.0"),
    ],
)
def test_weights_that_do_not_fit_are_named_and_none_is_loaded(
    damage: Callable[[Weights], None], message: str, tmp_path: Path
) -> None:
    save_lora(tmp_path, adapted_model(), LORA)
    weights = load_file(tmp_path / "lora.safetensors")
    damage(weights)
    save_file(weights, tmp_path / "lora.safetensors")
    model = trained_model()
    before = base_weights(model)

    with pytest.raises(ValueError, match=message):
        load_lora(tmp_path, model)

    assert same(dict(model.state_dict()), before)


def test_adapters_of_another_model_are_refused_with_the_fields(tmp_path: Path) -> None:
    save_lora(tmp_path, adapted_model(), LORA)

    with pytest.raises(ValueError, match=r"trained on another model: blocks is 2, expected 3$"):
        load_lora(tmp_path, DiT(replace(CONFIG, blocks=3)))


def test_a_second_set_of_adapters_is_refused() -> None:
    model = adapted_model(steps=0)

    with pytest.raises(ValueError, match="has LoRA adapters already; merge them first"):
        add_lora(model, LORA)


@pytest.mark.parametrize("call", [merge_lora, lambda model: save_lora(Path("nowhere"), model, LORA)])
def test_a_model_without_adapters_has_nothing_to_merge_or_save(call: Callable[[DiT], None]) -> None:
    with pytest.raises(ValueError, match=r"no LoRA adapters to (merge|save)"):
        call(trained_model())


def test_a_layer_that_the_model_does_not_have_is_an_error_with_those_that_it_has() -> None:
    with pytest.raises(ValueError, match=r"'to_q', expected the ends of linear layers: .*to_qkv, to_query"):
        add_lora(trained_model(), LoraConfig(layers=("to_qkv", "to_q")))


def test_weights_that_are_not_finite_are_not_merged() -> None:
    model = adapted_model()
    lora_state(model)["blocks.0.self_attention.to_qkv.lora_B.weight"].fill_(torch.nan)

    with pytest.raises(ValueError, match="NaN"):
        merge_lora(model)


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"alpha": 0.0}, {"layers": ()}])
def test_a_rank_an_alpha_or_layers_that_mean_nothing_are_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected a positive rank and alpha and at least one layer"):
        LoraConfig(**wrong)  # type: ignore[arg-type]  # the wrong values are the point


def test_without_peft_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "peft"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "peft", None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'openalchemist\[lora\]'"):
        add_lora(trained_model(), LORA)


def test_the_weights_of_adapters_are_counted_without_making_them() -> None:
    config = DiTConfig(width=32, blocks=2, heads=2, text_channels=16, image_channels=24)
    model = DiT(config)
    add_lora(model, LoraConfig(rank=3))

    assert adapter_parameters(config, LoraConfig(rank=3)) == sum(w.numel() for w in lora_state(model).values()) > 0
