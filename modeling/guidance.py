"""Classifier-free guidance with two conditions (B.3)."""

from jaxtyping import Float
from torch import Tensor


def guide(
    full: Float[Tensor, "*shape"],
    without_text: Float[Tensor, "*shape"],
    without_images: Float[Tensor, "*shape"],
    *,
    text_scale: float,
    image_scale: float,
) -> Float[Tensor, "*shape"]:
    """Push the conditioned prediction away from both half-conditioned ones (Equation 2).

    Args:
        full: prediction with text and reference images.
        without_text: prediction with the text set to zero.
        without_images: prediction with the reference images set to zero.
        text_scale: s_T; the paper uses 8. Zero is no guidance.
        image_scale: s_I; the paper uses 3. Larger values copy the reference images.
    """
    return full + text_scale * (full - without_text) + image_scale * (full - without_images)


def guide_in_chain(
    full: Float[Tensor, "*shape"],
    without_text: Float[Tensor, "*shape"],
    without_both: Float[Tensor, "*shape"],
    *,
    text_scale: float,
    image_scale: float,
) -> Float[Tensor, "*shape"]:
    """The form the paper compares with (Equation 1): images push the prediction that has no text.

    The arguments are those of `guide`, but for `without_both`: prediction with text and images set to zero.
    """
    return full + text_scale * (full - without_text) + image_scale * (without_text - without_both)
