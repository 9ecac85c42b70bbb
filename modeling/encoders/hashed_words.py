"""Word vectors without weights: every word gets random signs that follow from its letters alone."""

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256, shake_256
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from modeling.encoders.protocols import TextTokens, TokenSpans
from modeling.model.positions import sinusoids

_WORD = re.compile(r"\w+|[^\w\s]")


class HashedWords:
    """A `TextEncoder` without weights: one token per word or mark, unit variance, and a code for its place in the text.

    Equal words have equal vectors wherever they stand; different words are nearly orthogonal.

    Args:
        channels: of a token; a multiple of 8.
        max_tokens: later words are cut off.
    """

    def __init__(self, *, channels: int, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._channels = channels
        self._places = sinusoids(torch.arange(max_tokens), channels=channels, longest=float(max_tokens))

    @property
    def version(self) -> str:
        """Follows from what a word is, the channels, and the number of places."""
        constants = repr((_WORD.pattern, self._channels, self.max_tokens))
        return f"hashed-words-{sha256(constants.encode()).hexdigest()[:12]}"

    def spans(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Where the words stand."""
        return [tuple(word.span() for word in self._words(text)) for text in texts]

    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        """The tokens of each text; an empty text has none."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> TextTokens:
        words = self._words(text)
        vectors = [_signs(word.group().lower(), self._channels) for word in words]
        embeddings = torch.stack(vectors) if vectors else torch.zeros(0, self._channels)
        return TextTokens(
            embeddings=(embeddings + self._places[: len(words)]) / math.sqrt(1.5),
            spans=tuple(word.span() for word in words),
        )

    def _words(self, text: str) -> list[re.Match[str]]:
        return list(islice(_WORD.finditer(text), self.max_tokens))


@lru_cache(maxsize=65_536)
def _signs(word: str, channels: int) -> Float[Tensor, " channels"]:
    digest = np.frombuffer(shake_256(word.encode()).digest(channels // 8), dtype=np.uint8)
    return torch.from_numpy(np.unpackbits(digest).astype(np.float32)) * 2 - 1
