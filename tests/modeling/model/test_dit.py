from dataclasses import replace

import pytest
import torch
from torch.nn.functional import layer_norm

from modeling.model.attention import Context
from modeling.model.conditions import Conditions, ReferenceTokens
from modeling.model.dit import Attended, Binding, DiT, DiTConfig, patchify, unpatchify
from modeling.model.positions import rotary_embedding
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import build_model
from modeling.training.presets import paper

CONFIG = DiTConfig(width=64, blocks=2, heads=2, text_channels=16, image_channels=24, words_per_image=2, dropout=0.0)
LATENT_SHAPE = (3, 16, 2, 4, 6)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def random_weights(model: torch.nn.Module) -> None:
    """As after long training: no weight is zero any more."""
    draw = generator()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=draw))


def set_to_zero(model: torch.nn.Module, suffix: str) -> None:
    """Set the weights whose names end like this to zero; there must be some."""
    found = [parameter for name, parameter in model.named_parameters() if name.endswith(suffix)]
    assert found
    for parameter in found:
        torch.nn.init.zeros_(parameter)


def trained_model(config: DiTConfig = CONFIG) -> DiT:
    model = DiT(config)
    random_weights(model)
    return model.eval()


def conditions(*, images: int = 3, tokens: int = 5) -> Conditions:
    draw = generator()
    return Conditions(
        text=torch.randn(3, tokens, 16, generator=draw),
        is_text=torch.ones(3, tokens, dtype=torch.bool),
        references=ReferenceTokens(
            image_tokens=torch.randn(3, images, 4, 24, generator=draw),
            word_tokens=torch.randn(3, images, 2, 16, generator=draw),
            is_present=torch.ones(3, images, dtype=torch.bool),
        ),
    )


def references(of: Conditions) -> ReferenceTokens:
    assert of.references is not None
    return of.references


def velocity(model: DiT, of: Conditions) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    latents = torch.randn(LATENT_SHAPE, generator=draw)
    estimate = torch.randn(LATENT_SHAPE, generator=draw) if model.config.self_conditions else None
    with torch.no_grad():
        predicted: torch.Tensor = model(latents, torch.tensor([0.2, 0.5, 0.9]), of, estimate)
    return predicted


def test_a_new_model_predicts_exactly_zero_and_its_blocks_change_nothing() -> None:
    model = build_model(CONFIG, seed=0)
    assert isinstance(model, DiT)
    seen: list[torch.Tensor] = []
    for module in (model.blocks[0], model.final_norm):
        module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))

    predicted = velocity(model, conditions())

    assert torch.equal(predicted, torch.zeros(LATENT_SHAPE))
    assert torch.equal(seen[0], seen[1])


def test_the_paper_model_has_the_weights_that_table_5_adds_up_to() -> None:
    config = paper().pipeline.model
    assert isinstance(config, DiTConfig)
    with torch.device("meta"):
        model = DiT(config)

    width = config.width
    in_blocks = sum(p.numel() for p in model.blocks.parameters() if p.ndim == 2)
    assert in_blocks == 32 * (22 * width**2 + 2 * 2 * 1024 * width)
    new = [p for name, p in model.named_parameters() if "personalization_attention" in name and p.ndim == 2]
    assert sum(p.numel() for p in new) == 32 * (2 * width**2 + 2 * 1024 * width) == pytest.approx(1.34e9, rel=5e-3)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(12.4e9, rel=2e-3)
    assert not any(p.ndim == 2 and p.shape == (width,) for p in new)


def test_adding_the_personalization_layers_to_a_trained_backbone_changes_nothing() -> None:
    model = trained_model()
    set_to_zero(model, "personalization_attention.to_out.weight")

    assert torch.equal(velocity(model, conditions()), velocity(model, conditions().without_references()))


def test_dropped_images_leave_exactly_the_text_model_whatever_the_weights() -> None:
    model, given = trained_model(), conditions()
    present = references(given)
    dropped = replace(given, references=replace(present, is_present=torch.zeros_like(present.is_present)))

    assert torch.equal(velocity(model, dropped), velocity(model, given.without_references()))
    assert not torch.equal(velocity(model, given), velocity(model, given.without_references()))


def test_dropping_the_images_of_one_clip_leaves_the_others_alone() -> None:
    model, given = trained_model(), conditions()
    is_present = references(given).is_present.clone()
    is_present[1] = False
    mixed = replace(given, references=replace(references(given), is_present=is_present))

    predicted = velocity(model, mixed)

    torch.testing.assert_close(predicted[[0, 2]], velocity(model, given)[[0, 2]])
    torch.testing.assert_close(predicted[1], velocity(model, given.without_references())[1])


def test_padded_images_contribute_nothing_whatever_they_hold() -> None:
    model, given = trained_model(), conditions(images=5)
    cut = references(given)
    three = replace(
        given,
        references=ReferenceTokens(
            image_tokens=cut.image_tokens[:, :3], word_tokens=cut.word_tokens[:, :3], is_present=cut.is_present[:, :3]
        ),
    )
    padded = replace(given, references=replace(cut, is_present=torch.arange(5).expand(3, 5) < 3))

    torch.testing.assert_close(velocity(model, padded), velocity(model, three), atol=1e-5, rtol=1e-5)


def test_padded_text_contributes_nothing_whatever_it_holds() -> None:
    model, given = trained_model(), conditions(tokens=9)
    short = replace(given, text=given.text[:, :5], is_text=given.is_text[:, :5])
    padded = replace(given, is_text=torch.arange(9).expand(3, 9) < 5)

    torch.testing.assert_close(velocity(model, padded), velocity(model, short), atol=1e-5, rtol=1e-5)


def test_text_set_to_zero_and_no_text_at_all_are_the_same() -> None:
    model, given = trained_model(), conditions()
    nothing = replace(given, is_text=torch.zeros_like(given.is_text))

    torch.testing.assert_close(velocity(model, nothing), velocity(model, given.without_text()), atol=1e-5, rtol=1e-5)


def test_the_order_of_references_shows_only_through_the_index_embedding() -> None:
    model, given = trained_model(), conditions()
    order = torch.tensor([2, 0, 1])
    shuffled = replace(
        given,
        references=ReferenceTokens(
            image_tokens=references(given).image_tokens[:, order],
            word_tokens=references(given).word_tokens[:, order],
            is_present=references(given).is_present,
        ),
    )
    with_index = (velocity(model, given) - velocity(model, shuffled)).abs().max()
    torch.nn.init.zeros_(model.binding.index_embedding)

    without_index = (velocity(model, given) - velocity(model, shuffled)).abs().max()

    assert with_index > 1e-3
    assert without_index < 1e-4


def test_swapping_words_or_images_matters_and_swapping_both_does_not() -> None:
    model, given = trained_model(), conditions(images=2)
    torch.nn.init.zeros_(model.binding.index_embedding)
    present = references(given)
    words = replace(given, references=replace(present, word_tokens=present.word_tokens.flip(1)))
    both = replace(
        given,
        references=replace(present, word_tokens=present.word_tokens.flip(1), image_tokens=present.image_tokens.flip(1)),
    )

    plain = velocity(model, given)

    assert (velocity(model, words) - plain).abs().max() > 1e-3
    torch.testing.assert_close(velocity(model, both), plain, atol=1e-4, rtol=1e-4)


def test_without_word_binding_swapped_words_change_no_bit_and_swapped_images_do() -> None:
    bound, given = trained_model(), conditions(images=2)
    unbound = trained_model(replace(CONFIG, binds_words=False))
    present = references(given)
    words = replace(given, references=replace(present, word_tokens=present.word_tokens.flip(1)))
    images = replace(given, references=replace(present, image_tokens=present.image_tokens.flip(1)))

    plain = velocity(unbound, given)

    assert not torch.equal(velocity(bound, words), velocity(bound, given))
    assert torch.equal(velocity(unbound, words), plain)
    assert (velocity(unbound, images) - plain).abs().max() > 1e-3


def test_weights_fit_with_and_without_word_binding_and_agree_where_no_image_has_a_word() -> None:
    bound, unbound, given = trained_model(), DiT(replace(CONFIG, binds_words=False)).eval(), conditions()
    unbound.load_state_dict(bound.state_dict())
    nameless = replace(references(given), word_tokens=torch.zeros_like(references(given).word_tokens))

    expected = velocity(bound, replace(given, references=nameless))

    assert torch.equal(velocity(unbound, given), expected)
    assert torch.equal(velocity(unbound, given.without_references()), velocity(bound, given.without_references()))


def test_binding_is_a_shared_linear_of_image_and_words_plus_image_plus_index() -> None:
    binding = Binding(CONFIG)
    random_weights(binding)
    given = references(conditions())

    bound = binding(given).tokens

    image, patch = 2, 3
    joined = torch.cat(
        [given.image_tokens[1, image, patch], given.word_tokens[1, image, 0], given.word_tokens[1, image, 1]]
    )
    expected = binding.to_image.weight @ joined + given.image_tokens[1, image, patch] + binding.index_embedding[image]
    torch.testing.assert_close(bound[1, image * 4 + patch], expected)


def test_a_seventh_image_is_refused() -> None:
    with pytest.raises(ValueError, match="7 reference images a clip, expected at most 6"):
        trained_model()(torch.zeros(LATENT_SHAPE), torch.zeros(3), conditions(images=7))


def test_every_weight_of_a_trained_model_gets_a_gradient() -> None:
    model = trained_model()

    model(
        torch.randn(LATENT_SHAPE, generator=generator()), torch.full((3,), 0.5), conditions()
    ).square().sum().backward()

    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_clip_is_predicted_alike_alone_and_in_a_batch() -> None:
    model, given = trained_model(), conditions()
    latents = torch.randn(LATENT_SHAPE, generator=generator())
    alone = Conditions(
        text=given.text[:1],
        is_text=given.is_text[:1],
        references=ReferenceTokens(
            image_tokens=references(given).image_tokens[:1],
            word_tokens=references(given).word_tokens[:1],
            is_present=references(given).is_present[:1],
        ),
    )

    together = model(latents, torch.full((3,), 0.4), given)
    single = model(latents[:1], torch.full((1,), 0.4), alone)

    torch.testing.assert_close(together[:1], single, atol=1e-4, rtol=1e-4)


def test_patches_are_put_back_where_they_came_from() -> None:
    latents = torch.randn(LATENT_SHAPE, generator=generator())

    tokens = patchify(latents)

    assert tokens.shape == (3, 2 * 2 * 3, 64)
    assert torch.equal(unpatchify(tokens, time=2, height=4, width=6), latents)


def test_block_matches_the_formula_of_adaln_zero() -> None:
    model = trained_model(replace(CONFIG, blocks=1))
    block = model.blocks[0]
    tokens, timestep = torch.randn(1, 4, 64, generator=generator()), torch.randn(1, 64, generator=generator())
    set_to_zero(model, "self_attention.to_out.weight")
    set_to_zero(model, "text_attention.to_out.weight")

    text = Attended(Context.masked(conditions().text[:1], conditions().is_text[:1]))
    found = block(tokens, timestep, rotary_embedding((1, 2, 2), head_channels=32), text, None)

    modulation = block.get_submodule("modulation")(torch.nn.functional.silu(timestep))
    shift, scale, gate = modulation[0, 192:256], modulation[0, 256:320], modulation[0, 320:]
    normal = layer_norm(tokens, (64,), eps=1e-6)
    torch.testing.assert_close(found, tokens + gate * block.get_submodule("mlp")(normal * (1 + scale) + shift))


def test_cached_keys_and_values_predict_what_the_conditions_do() -> None:
    model, whole = trained_model(), conditions()
    padded = replace(
        whole,
        is_text=torch.arange(5) < torch.tensor([[5], [2], [0]]),
        references=replace(references(whole), is_present=torch.arange(3) < torch.tensor([[3], [1], [0]])),
    )

    for given in (whole, padded, whole.without_references()):
        with torch.no_grad():
            cached = model.cache(given)
        predicted = model(torch.ones(LATENT_SHAPE), torch.full((3,), 0.4), cached)
        expected = model(torch.ones(LATENT_SHAPE), torch.full((3,), 0.4), given)
        torch.testing.assert_close(predicted, expected, atol=1e-5, rtol=1e-5)


def test_cached_keys_and_values_keep_no_more_memory_than_they_are() -> None:
    cached = trained_model().cache(conditions())

    kept = [each.context for block in cached.blocks for each in block if each]
    tensors = [
        tensor for context in kept for tensor in (getattr(context, "key", None), getattr(context, "value", None))
    ]
    assert len(tensors) == 8
    for tensor in tensors:
        assert isinstance(tensor, torch.Tensor)
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


@pytest.mark.parametrize("precision", list(Precision))
def test_clips_without_any_text_or_image_give_no_nan(precision: Precision) -> None:
    model, given = trained_model(), conditions()
    nothing = replace(
        given,
        is_text=torch.zeros_like(given.is_text),
        references=replace(references(given), is_present=torch.zeros(3, 3, dtype=torch.bool)),
    )

    with computing_in(precision, torch.device("cpu")):
        predicted = model(torch.ones(LATENT_SHAPE), torch.full((3,), 0.4), nothing)
    predicted.square().sum().backward()

    assert predicted.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_no_row_of_a_mask_is_empty_because_not_every_kernel_forgives_that() -> None:
    given = conditions()
    some = replace(
        given,
        is_text=torch.arange(5) < torch.tensor([[2], [0], [0]]),
        references=replace(references(given), is_present=torch.arange(3) < torch.tensor([[0], [1], [0]])),
    )

    masks = [
        getattr(each.context, "mask", None) for block in trained_model().cache(some).blocks for each in block if each
    ]

    assert len(masks) == 4
    assert all(mask is not None and mask.any(dim=-1).all() for mask in masks)


@pytest.mark.parametrize("present", [True, False])
def test_a_clip_of_tokens_alone_or_of_padding_alone_is_the_same_without_a_mask(present: bool) -> None:
    model, given = trained_model(), conditions().first(1)
    if not present:
        is_present = torch.zeros_like(references(given).is_present)
        given = replace(given, is_text=torch.zeros_like(given.is_text))
        given = replace(given, references=replace(references(given), is_present=is_present))
    unmasked = replace(given, is_padded=False, references=replace(references(given), is_padded=False))

    predicted, expected = (
        model(torch.ones(1, *LATENT_SHAPE[1:]), torch.full((1,), 0.4), each) for each in (unmasked, given)
    )

    torch.testing.assert_close(predicted, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_bfloat16_is_for_the_large_products_and_float32_for_what_matters(weights: torch.dtype) -> None:
    model, given = trained_model(), conditions()
    exact = velocity(model, given)
    model.to(weights)  # sharded models compute with weights in bfloat16
    found: dict[str, torch.dtype] = {}
    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, inputs, output, name=name: found.update({name: outputs_dtype(output)}))

    with computing_in(Precision.BFLOAT16, torch.device("cpu")):
        rounded = velocity(model, given)

    products = ("to_qkv", "to_query", "to_key_value", "to_out", "mlp.0", "mlp.3", "to_image", "patch_embedding")
    kept = ("norm", "modulation", "timestep_embedding", "to_velocity")
    by_end = {end: {dtype for name, dtype in found.items() if name.endswith(end)} for end in (*products, *kept)}
    assert by_end == {end: {torch.bfloat16 if end in products else torch.float32} for end in (*products, *kept)}
    assert {found[f"blocks.{number}"] for number in range(2)} == {torch.float32}  # the residual stream
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).norm() < 0.03 * exact.norm()


def outputs_dtype(output: object) -> torch.dtype:
    """Of a layer's output; a context's tokens count."""
    tensor = output if isinstance(output, torch.Tensor) else getattr(output, "tokens", None)
    assert isinstance(tensor, torch.Tensor)
    return tensor.dtype
