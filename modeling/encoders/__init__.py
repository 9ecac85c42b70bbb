"""Frozen networks between pixels, words and the model.

`protocols.py` says what they are; `embedded.py`, `paper.py`, `wan.py`, `cogvideox.py`, `ltx.py` and `hunyuan.py`
each build all three; `config.py` says what else may, and `declared.py` holds it to what it says.
"""

from modeling.encoders.cogvideox import CogVideoXEncoders
from modeling.encoders.config import EncodersConfig
from modeling.encoders.declared import build_encoders
from modeling.encoders.embedded import EmbeddedEncoders
from modeling.encoders.geometry import LatentGeometry, LatentShape
from modeling.encoders.hunyuan import HunyuanEncoders
from modeling.encoders.ltx import LTXEncoders
from modeling.encoders.paper import PaperEncoders
from modeling.encoders.protocols import (
    Autoencoder,
    Encoders,
    ImageEncoder,
    TextEncoder,
    TextTokens,
    TokenSpans,
    tokens_inside,
    unread_part,
)
from modeling.encoders.wan import WanEncoders

__all__ = [
    "Autoencoder",
    "CogVideoXEncoders",
    "EmbeddedEncoders",
    "Encoders",
    "EncodersConfig",
    "HunyuanEncoders",
    "ImageEncoder",
    "LTXEncoders",
    "LatentGeometry",
    "LatentShape",
    "PaperEncoders",
    "TextEncoder",
    "TextTokens",
    "TokenSpans",
    "WanEncoders",
    "build_encoders",
    "tokens_inside",
    "unread_part",
]
