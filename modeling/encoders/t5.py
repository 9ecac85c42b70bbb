"""Text tokens of T5's encoder (Table 5, Snap Video) through transformers."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from modeling.encoders.frozen import FrozenEncoder, library, load_frozen
from modeling.encoders.protocols import TextTokens, TokenSpans
from modeling.model.precision import Precision
from storage.checkpoints import files_hash, read_json


class T5Tokens(FrozenEncoder):
    """A `TextEncoder`: T5's encoder, frozen; every token has seen the whole text, and knows its characters.

    Our choice: the mark `</s>` that ends every text is read by the encoder but not handed on, because it stands for no
    character. So an empty text has no tokens, and no entity word can be bound to the mark.

    Args:
        folder: of the checkpoint.
        tokenizer: the folder of its `tokenizer.json`; None is the same. That file is used as it is: transformers builds
            T5's tokenizer anew and keeps only some of the normalisation it finds there.
        max_tokens: later ones are cut off.
        channels: that the model expects of a token.
        precision: of weights and computation; tokens are always float32.

    Raises:
        ValueError: the checkpoint's tokens have other channels.
    """

    _network_name: ClassVar[str] = "T5EncoderModel"
    _hands_on_mark: ClassVar[bool] = False

    def __init__(
        self, folder: Path, *, tokenizer: Path | None = None, max_tokens: int, channels: int, precision: Precision
    ) -> None:
        found = read_json(folder, "config.json").get("d_model")
        if found != channels:
            raise ValueError(f"text encoder {folder} has {found} channels, the config has text_channels {channels}")
        super().__init__(self._load_network)
        self._folders = (folder, tokenizer or folder)
        self._tokenizer = _tokenizer(tokenizer or folder)
        self._tokenizer.enable_truncation(max_tokens if self._hands_on_mark else max_tokens + 1)
        self.max_tokens = max_tokens
        self._precision = precision

    @cached_property
    def version(self) -> str:
        """Follows from the checkpoint's files, the precision, and how many tokens are read."""
        kind = self._network_name.removesuffix("EncoderModel").lower()
        return f"{kind}-{files_hash(*self._folders)[:12]}-{self._precision}-tokens{self.max_tokens}"

    def spans(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Of the tokens that are handed on; no weights are loaded."""
        encodings = self._tokenizer.encode_batch(list(texts))
        return [tuple(self._kept(encoding).values()) for encoding in encodings]

    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        """The contextual tokens of each text; where the mark is not handed on, an empty text has none."""
        encodings = self._tokenizer.encode_batch(list(texts))
        embeddings = self._embed([encoding.ids for encoding in encodings])
        tokens = []
        for encoding, embedded in zip(encodings, embeddings, strict=True):
            kept = self._kept(encoding)
            tokens.append(TextTokens(embeddings=embedded[list(kept)], spans=tuple(kept.values())))
        return tokens

    def _load_network(self) -> nn.Module:
        network = getattr(library("transformers"), self._network_name)
        return load_frozen(network, self._folders[0], dtype=getattr(torch, self._precision))

    def _kept(self, encoding: Any) -> dict[int, tuple[int, int]]:
        """The places of the tokens that are handed on, and their characters: of the mark none, behind all others."""
        kept, end = {}, 0
        for place, (span, is_mark) in enumerate(zip(encoding.offsets, encoding.special_tokens_mask, strict=True)):
            if not is_mark:
                kept[place], end = span, span[1]
            elif self._hands_on_mark:
                kept[place] = (end, end)
        return kept

    @torch.no_grad()
    def _embed(self, ids: Sequence[Sequence[int]]) -> Float[Tensor, "texts tokens channels"]:
        """What the encoder makes of each text; the padding behind the shorter ones is masked."""
        lengths = torch.tensor([len(text) for text in ids])
        padded = pad_sequence([torch.tensor(text) for text in ids], batch_first=True)
        is_text = torch.arange(padded.shape[1]) < lengths[:, None]
        output = self.network()(
            input_ids=padded.to(self.device), attention_mask=is_text.to(self.device, dtype=torch.int64)
        )
        return output.last_hidden_state.float()


def _tokenizer(folder: Path) -> Any:
    read_json(folder, "tokenizer.json")
    tokenizer = library("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return tokenizer
