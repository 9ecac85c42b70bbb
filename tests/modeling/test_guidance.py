import torch

from modeling.guidance import guide, guide_in_chain


def predictions() -> torch.Tensor:
    return torch.randn(3, 1, 16, 1, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_equation_2_weighs_the_three_predictions_12_minus_8_minus_3_at_the_papers_scales() -> None:
    full, without_text, without_images = predictions()

    guided = guide(full, without_text, without_images, text_scale=8.0, image_scale=3.0)

    torch.testing.assert_close(guided, 12 * full - 8 * without_text - 3 * without_images)


def test_zero_scales_leave_the_conditioned_prediction_as_it_is() -> None:
    full, other, another = predictions()

    assert torch.equal(guide(full, other, another, text_scale=0.0, image_scale=0.0), full)
    assert torch.equal(guide_in_chain(full, other, another, text_scale=0.0, image_scale=0.0), full)


def test_equation_1_is_instruct_pix2pix_with_scales_one_larger() -> None:
    full, without_text, without_both = predictions()
    text_scale, image_scale = 8.0, 3.0

    guided = guide_in_chain(full, without_text, without_both, text_scale=text_scale, image_scale=image_scale)

    # Their form starts from the unconditional prediction: there the same push has the text scale s_T + 1, and what
    # the images add has s_I + 1.
    expected = (
        without_both + (text_scale + 1) * (full - without_text) + (image_scale + 1) * (without_text - without_both)
    )
    torch.testing.assert_close(guided, expected)


def test_equal_predictions_are_left_alone() -> None:
    full = predictions()[0]

    torch.testing.assert_close(guide(full, full, full, text_scale=8.0, image_scale=3.0), full)
