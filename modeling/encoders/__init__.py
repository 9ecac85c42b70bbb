"""Frozen networks between pixels, words and the model.

`protocols.py` says what they are; `embedded.py` and `paper.py` each build all three; `config.py` says what else may.
"""

from modeling.encoders.config import EncodersConfig
from modeling.encoders.embedded import EmbeddedEncoders
from modeling.encoders.paper import PaperEncoders
from modeling.encoders.protocols import (
    LATENT_CHANNELS,
    Autoencoder,
    Encoders,
    ImageEncoder,
    LatentShape,
    TextEncoder,
    TextTokens,
    TokenSpans,
    latent_shape,
    tokens_inside,
    unread_part,
)

__all__ = [
    "LATENT_CHANNELS",
    "Autoencoder",
    "EmbeddedEncoders",
    "Encoders",
    "EncodersConfig",
    "ImageEncoder",
    "LatentShape",
    "PaperEncoders",
    "TextEncoder",
    "TextTokens",
    "TokenSpans",
    "latent_shape",
    "tokens_inside",
    "unread_part",
]
