"""Frozen networks between pixels, words and the model: `protocols.py` says what they are, `embedded.py` builds them."""

from modeling.encoders.embedded import EmbeddedEncoders
from modeling.encoders.protocols import (
    LATENT_CHANNELS,
    Autoencoder,
    Encoders,
    ImageEncoder,
    LatentShape,
    TextEncoder,
    TextTokens,
    latent_shape,
)

__all__ = [
    "LATENT_CHANNELS",
    "Autoencoder",
    "EmbeddedEncoders",
    "Encoders",
    "ImageEncoder",
    "LatentShape",
    "TextEncoder",
    "TextTokens",
    "latent_shape",
]
