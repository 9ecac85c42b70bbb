"""Encoders held to what their config declares: whoever brings own ones is told where another size comes from.

Otherwise a layer of the model would say that two matrices do not fit.
"""

from collections.abc import Sequence
from typing import Final

import torch
from PIL import Image
from torch import Tensor, nn

from modeling.encoders.cogvideox import CogVideoXEncoders
from modeling.encoders.config import EncodersConfig
from modeling.encoders.embedded import EmbeddedEncoders
from modeling.encoders.geometry import LatentGeometry
from modeling.encoders.hunyuan import HunyuanEncoders
from modeling.encoders.ltx import LTXEncoders
from modeling.encoders.paper import PaperEncoders
from modeling.encoders.protocols import Autoencoder, Encoders, ImageEncoder, TextEncoder, TextTokens, TokenSpans
from modeling.encoders.wan import WanEncoders

_OWN: Final = (EmbeddedEncoders, PaperEncoders, WanEncoders, CogVideoXEncoders, LTXEncoders, HunyuanEncoders)


def build_encoders(config: EncodersConfig) -> Encoders:
    """The encoders of a config; what those of somebody's own class return is held against it.

    Raises:
        ValueError: `build` gives something else than encoders.
    """
    encoders = config.build()
    if type(config) in _OWN:
        return encoders
    whose = type(config).__name__
    if not isinstance(encoders, Encoders):
        raise ValueError(f"{whose}.build gives a {type(encoders).__name__}, expected modeling.Encoders")  # noqa: TRY004
    return Encoders(
        autoencoder=_DeclaredAutoencoder(encoders.autoencoder, config.latents, whose),
        text=_DeclaredText(encoders.text, config.text_channels, getattr(config, "pooled_channels", None), whose),
        image=_DeclaredImages(encoders.image, (config.image_tokens, config.image_channels), whose),
    )


class _DeclaredAutoencoder(nn.Module):
    """An `Autoencoder`; a module, so that it moves to a device with the one that it holds."""

    def __init__(self, autoencoder: Autoencoder, latents: LatentGeometry, whose: str) -> None:
        super().__init__()
        self._own = autoencoder
        self._latents = latents
        self._whose = whose

    @property
    def version(self) -> str:
        return self._own.version

    def encode(self, videos: Tensor) -> Tensor:
        count, frames, height, width, _ = videos.shape
        each = self._latents
        grid = ((frames - 1) // each.frames + 1, height // each.pixels, width // each.pixels)
        found = self._own.encode(videos)
        _expect(found, (count, each.channels, *grid), f"autoencoder of {self._whose} encodes {_shape(videos)}")
        return found

    def decode(self, latents: Tensor) -> Tensor:
        count, _, time, height, width = latents.shape
        each = self._latents
        video = ((time - 1) * each.frames + 1, height * each.pixels, width * each.pixels)
        found = self._own.decode(latents)
        _expect(found, (count, *video, 3), f"autoencoder of {self._whose} decodes {_shape(latents)}", torch.uint8)
        return found


class _DeclaredText(nn.Module):
    """A `TextEncoder`."""

    def __init__(self, text: TextEncoder, channels: int, pooled_channels: int | None, whose: str) -> None:
        super().__init__()
        self._own = text
        self._channels = channels
        self._pooled_channels = pooled_channels
        self._whose = whose

    @property
    def version(self) -> str:
        return self._own.version

    @property
    def max_tokens(self) -> int:
        return self._own.max_tokens

    def spans(self, texts: Sequence[str]) -> list[TokenSpans]:
        return self._own.spans(texts)

    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        found = self._own.encode(texts)
        if len(found) != len(texts):
            raise ValueError(
                f"text encoder of {self._whose} makes {len(found)} of {len(texts)} texts, expected as many"
            )
        for text, tokens in zip(texts, found, strict=True):
            does = f"text encoder of {self._whose} encodes {text[:40]!r}"
            _expect(tokens.embeddings, (len(tokens.spans), self._channels), does)
            pooled = None if tokens.pooled is None else len(tokens.pooled)
            if pooled != self._pooled_channels:
                raise ValueError(f"{does} with pooled {pooled}, expected {self._pooled_channels}, as its config says")
        return found


class _DeclaredImages(nn.Module):
    """An `ImageEncoder`."""

    def __init__(self, image: ImageEncoder, size: tuple[int, int], whose: str) -> None:
        super().__init__()
        self._own = image
        self._size = size
        self._whose = whose

    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        found = self._own.encode(images)
        _expect(found, (len(images), *self._size), f"image encoder of {self._whose} encodes {len(images)} images")
        return found


def _expect(found: Tensor, shape: tuple[int, ...], does: str, dtype: torch.dtype | None = None) -> None:
    is_kind = found.dtype == dtype if dtype is not None else found.is_floating_point()
    if tuple(found.shape) != shape or not is_kind:
        expected = "floats" if dtype is None else str(dtype).removeprefix("torch.")
        raise ValueError(
            f"{does} as {str(found.dtype).removeprefix('torch.')} of {_shape(found)}, expected {expected} of "
            f"{'x'.join(map(str, shape))}, as its config says; mend the one or the other"
        )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
