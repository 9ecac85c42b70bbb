"""Text as HunyuanVideo reads it, through transformers: tokens of a Llama, and one vector of a CLIP."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from modeling.encoders.frozen import FrozenEncoder, library, load_frozen
from modeling.encoders.protocols import TextTokens, TokenSpans
from modeling.encoders.published import TextParts
from storage.checkpoints import files_hash, read_json

# What the Llama is told around a text, as `HunyuanVideoPipeline` has it, because HunyuanVideo was trained so.
_BEFORE: Final = (
    "<|start_header_id|>system<|end_header_id|>\n\nDescribe the video by detailing the following aspects: "
    "1. The main content and theme of the video."
    "2. The color, shape, size, texture, quantity, text, and spatial relationships of the objects."
    "3. Actions, events, behaviors temporal relationships, physical movement changes of the objects."
    "4. background environment, light, style and atmosphere."
    "5. camera angles, movements, and transitions used in the video:<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n"
)
_AFTER: Final = "<|eot_id|>"

# Of the Llama's hidden states, that which HunyuanVideo reads: what enters the last but one of its layers.
_STATE: Final = -3

_CLIP_TOKENS: Final = 77


class LlamaAndClipTokens(FrozenEncoder):
    """A `TextEncoder`: both of HunyuanVideo's, frozen.

    The Llama reads a text behind an instruction (`_BEFORE`), whose tokens are not handed on. The mark `<|eot_id|>` is,
    and stands for no character; so the empty text has one token. No token sees a later one, so padding changes nothing.
    A text that is too long for the CLIP is cut there, at 77 tokens, as its pipeline does with a warning.

    Args:
        folder: of the Llama.
        clip: folders of the CLIP's text model, and of its tokenizer.
        template_tokens: that the Llama's tokenizer makes of the instruction; diffusers counts on 95.
        pooled_channels: that the model expects of the vector.
        parts: the Llama's tokenizer, and what else `T5Tokens` is made with, too.

    Raises:
        ValueError: a checkpoint's widths are others, or the tokenizer's tokens of the instruction.
    """

    def __init__(
        self, folder: Path, *, clip: tuple[Path, Path], template_tokens: int, pooled_channels: int, parts: TextParts
    ) -> None:
        _expect_width(folder, "text_channels", parts["channels"])
        _expect_width(clip[0], "pooled_channels", pooled_channels)
        super().__init__(self._load_llama)
        self._clip = FrozenEncoder(self._load_clip)
        self._folders = (folder, parts["tokenizer"], *clip)
        self._dtype: torch.dtype = getattr(torch, parts["precision"])
        self._precision = parts["precision"]
        self.max_tokens = parts["max_tokens"]
        self._skipped = template_tokens
        self._tokenizer = _tokenizer(parts["tokenizer"], max_tokens=template_tokens + self.max_tokens)
        self._clip_tokenizer = library("transformers").CLIPTokenizer.from_pretrained(clip[1], local_files_only=True)
        _expect_template(self._tokenizer, parts["tokenizer"], template_tokens)

    @cached_property
    def version(self) -> str:
        """Follows from the files of both, the precision, and how many tokens are read."""
        return f"llama-and-clip-{files_hash(*self._folders)[:12]}-{self._precision}-tokens{self.max_tokens}"

    def spans(self, texts: Sequence[str]) -> list[TokenSpans]:
        """Of the tokens that are handed on; no weights are loaded."""
        return [self._spans(text, encoding) for text, encoding in zip(texts, self._encodings(texts), strict=True)]

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> list[TextTokens]:
        """The tokens of each text with its vector."""
        encodings = self._encodings(texts)
        ids = [torch.tensor(encoding.ids) for encoding in encodings]
        is_text = pad_sequence([torch.ones_like(each) for each in ids], batch_first=True)
        states = self.network()(
            input_ids=pad_sequence(ids, batch_first=True).to(self.device),
            attention_mask=is_text.to(self.device),
            output_hidden_states=True,
        ).hidden_states[_STATE]
        pooled = self._pooled(texts)
        return [
            TextTokens(
                embeddings=states[place, self._skipped : len(each)].float(),
                spans=self._spans(texts[place], encodings[place]),
                pooled=pooled[place],
            )
            for place, each in enumerate(ids)
        ]

    def _pooled(self, texts: Sequence[str]) -> Float[Tensor, "texts channels"]:
        read = self._clip_tokenizer(
            list(texts), padding="max_length", max_length=_CLIP_TOKENS, truncation=True, return_tensors="pt"
        )
        pooled: Tensor = self._clip.network()(read.input_ids.to(self.device)).pooler_output
        return pooled.float()

    def _encodings(self, texts: Sequence[str]) -> Sequence[Any]:
        encodings: Sequence[Any] = self._tokenizer.encode_batch([f"{_BEFORE}{text}{_AFTER}" for text in texts])
        return encodings

    def _spans(self, text: str, encoding: Any) -> TokenSpans:
        """The characters of the text: of what stands behind it none."""
        places = encoding.offsets[self._skipped :]
        start, end = len(_BEFORE), len(text)
        return tuple((min(max(first - start, 0), end), min(max(last - start, 0), end)) for first, last in places)

    def _load_llama(self) -> nn.Module:
        return load_frozen(library("transformers").LlamaModel, self._folders[0], dtype=self._dtype)

    def _load_clip(self) -> nn.Module:
        return load_frozen(library("transformers").CLIPTextModel, self._folders[2], dtype=self._dtype)


def _tokenizer(folder: Path, *, max_tokens: int) -> Any:
    """The file as it is; whatever it says of padding and of the longest text is not."""
    read_json(folder, "tokenizer.json")
    tokenizer = library("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _expect_template(tokenizer: Any, folder: Path, expected: int) -> None:
    found = sum(first < len(_BEFORE) for first, _ in tokenizer.encode(f"{_BEFORE}a{_AFTER}").offsets)
    if found != expected:
        raise ValueError(
            f"tokenizer {folder} makes {found} tokens of HunyuanVideo's instruction, expected {expected}; take the one "
            "of the published checkpoint, or set the encoders' template_tokens"
        )


def _expect_width(folder: Path, name: str, expected: int) -> None:
    found = read_json(folder, "config.json").get("hidden_size")
    if found != expected:
        raise ValueError(f"text encoder {folder} has {found} channels, the config has {name} {expected}")
