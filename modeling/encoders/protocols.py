"""What the model asks of the frozen networks around it; the `embedded` ones need no weights.

An autoencoder, which turns 4k + 1 frames into k + 1 latents of 16 channels and 4x8x8 (B.1, Table 5); that of LTX-Video
and one's own may have another `LatentGeometry`. Text tokens that know which characters they stand for; patch tokens of
an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

LATENT_CHANNELS: Final = 16
FRAMES_PER_LATENT: Final = 4
PIXELS_PER_LATENT: Final = 8


# For every token of a text the characters `[start, end)` that it stands for.
TokenSpans: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTokens:
    """One encoded text.

    Attributes:
        spans: of each token.
        pooled: the whole text in one vector, from an encoder whose config states `pooled_channels`: for models that
            read a text in both ways, as HunyuanVideo does.
    """

    embeddings: Float[Tensor, "tokens channels"]
    spans: TokenSpans
    pooled: Float[Tensor, " pooled_channels"] | None = None


def tokens_inside(spans: TokenSpans, start: int, end: int) -> list[int]:
    """Which tokens stand for characters of `[start, end)`; none where the encoder cut the text before them."""
    return [index for index, (first, last) in enumerate(spans) if first < end and start < last]


def unread_part(text: str, spans: TokenSpans, *, max_tokens: int) -> str:
    """What the encoder cut off the end of a text; nothing where it read all of it."""
    return text[spans[-1][1] :].strip() if spans and len(spans) >= max_tokens else ""


@runtime_checkable
class Autoencoder(Protocol):
    """Between pixels and latents."""

    @property
    def version(self) -> str:
        """A short text that changes whenever the latents of a clip could: the key of a latent cache."""
        ...

    def encode(
        self, videos: UInt8[Tensor, "batch frames height width 3"]
    ) -> Float[Tensor, "batch channels time latent_height latent_width"]:
        """Latents of roughly unit variance, of the config's geometry; none sees a frame later than its own."""
        ...

    def decode(
        self, latents: Float[Tensor, "batch channels time latent_height latent_width"]
    ) -> UInt8[Tensor, "batch frames height width 3"]:
        """The video of `latents`."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """From captions to tokens."""

    @property
    def version(self) -> str:
        """A short text that changes whenever the tokens of a text could: the key of a text cache."""
        ...

    @property
    def max_tokens(self) -> int:
        """Later tokens are cut off."""
        ...

    def spans(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Those of the tokens of each text, without the work of encoding it."""
        ...

    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        """The tokens of each text, as many as it has, without padding."""
        ...


@runtime_checkable
class ImageEncoder(Protocol):
    """From reference images to patch tokens."""

    def encode(self, images: Sequence[Image.Image]) -> Float[Tensor, "images tokens channels"]:
        """Tokens of RGB or RGBA images of any size; transparent pixels count as white."""
        ...


@runtime_checkable
class PreparesImages(Protocol):
    """An `ImageEncoder` that begins with work for the processor, which others may do beforehand, in any thread."""

    def prepare(self, image: Image.Image) -> Image.Image:
        """What `encode` makes of an image first; of its own result, the same again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoders:
    """The three frozen networks that a model was trained with."""

    autoencoder: Autoencoder
    text: TextEncoder
    image: ImageEncoder

    def prepare_image(self, image: Image.Image) -> Image.Image:
        """The image as the image encoder would first make it, if it says how."""
        return self.image.prepare(image) if isinstance(self.image, PreparesImages) else image

    def to(self, device: torch.device) -> None:
        """Move what has tensors to `device`, in place."""
        for part in (self.autoencoder, self.text, self.image):
            if isinstance(part, nn.Module):
                part.to(device)
