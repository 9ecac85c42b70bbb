"""From captions and images to what the model is told: encode, find each image's words in the caption, pad."""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from modeling.data.reference_images import ReferenceImage
from modeling.encoders import Encoders, ImageEncoder, TextTokens, tokens_inside
from modeling.model.conditions import Conditions, ReferenceTokens

# A GPU's attention copies a mask whose rows are no multiple of this, and compiled blocks tell the two cases apart.
_ALIGNED: Final = 16


def encode_conditions(
    captions: Sequence[str],
    images: Sequence[Sequence[ReferenceImage]],
    *,
    encoders: Encoders,
    words_per_image: int,
    null_text: str | None = None,
    device: torch.device,
) -> Conditions:
    """The conditions of a batch, with every text kept.

    Args:
        captions: one for each clip.
        images: the reference images of each clip.
        encoders: the model's own.
        words_per_image: K, the tokens of an entity word that are bound to its images (3.2).
        null_text: what the model reads where a text is dropped; None is zeros.
        device: of the tensors.
    """
    return bind_conditions(
        encoders.text.encode(captions),
        images,
        image_encoder=encoders.image,
        words_per_image=words_per_image,
        null_text=None if null_text is None else encoders.text.encode([null_text])[0],
        device=device,
    )


def bind_conditions(
    texts: Sequence[TextTokens],
    images: Sequence[Sequence[ReferenceImage]],
    *,
    image_encoder: ImageEncoder,
    words_per_image: int,
    null_text: TextTokens | None = None,
    device: torch.device,
) -> Conditions:
    """The same of captions that are encoded already.

    Args:
        texts: one for each clip.
        images: the reference images of each clip.
        image_encoder: the model's own.
        words_per_image: K, the tokens of an entity word that are bound to its images (3.2).
        null_text: what the model reads where a text is dropped; None is zeros.
        device: of the tensors.

    Raises:
        ValueError: the word of an image has no token: the image would belong to nothing.
    """
    text = pad_sequence([tokens.embeddings for tokens in texts], batch_first=True)
    is_padded = len(texts) > 1
    text = pad(text, (0, 0, 0, _slots(text.shape[1], is_padded=is_padded) - text.shape[1]))
    lengths = torch.tensor([len(tokens.spans) for tokens in texts])
    is_text = torch.arange(text.shape[1]) < lengths[:, None]
    references = _encode_references(texts, images, image_encoder, words_per_image) if any(images) else None
    vectors = [tokens.pooled for tokens in texts if tokens.pooled is not None]
    conditions = Conditions(
        text=text,
        is_text=is_text,
        references=references,
        is_padded=is_padded,
        null_text=None if null_text is None else null_text.embeddings,
        pooled=torch.stack(vectors) if vectors else None,
        null_pooled=None if null_text is None else null_text.pooled,
    )
    return conditions.to(device)


def word_tokens(text: TextTokens, start: int, end: int, *, count: int) -> Float[Tensor, "count channels"]:
    """The contextual tokens of the characters `[start, end)`, cut or padded with zeros to `count` (3.2, Figure 3).

    A token belongs to the word if they share a character; an empty span has none.
    """
    inside = tokens_inside(text.spans, start, end)[:count]
    found = text.embeddings[inside]
    return torch.cat([found, found.new_zeros(count - len(inside), text.embeddings.shape[1])])


def is_read(text: TextTokens, image: ReferenceImage) -> bool:
    """Whether the encoder read the word of an image; an image without a word has nothing to be read."""
    return image.start == image.end or bool(tokens_inside(text.spans, image.start, image.end))


def _slots(tokens: int, *, is_padded: bool) -> int:
    """How many tokens the texts are padded to. Attention needs something to look at, if only padding."""
    return max(1, -(-tokens // _ALIGNED) * _ALIGNED if is_padded else tokens)


def _encode_references(
    texts: Sequence[TextTokens],
    images: Sequence[Sequence[ReferenceImage]],
    image_encoder: ImageEncoder,
    words_per_image: int,
) -> ReferenceTokens:
    """Encode all images of the batch at once, then give each clip its own, padded to the clip with the most."""
    for text, clip in zip(texts, images, strict=True):
        if unread := [image for image in clip if not is_read(text, image)]:
            raise ValueError(
                f"the word at the characters [{unread[0].start}, {unread[0].end}) has a reference image and no token: "
                f"the text encoder made {len(text.spans)} of the text; shorten the text, or use another word"
            )
    encoded = image_encoder.encode([image.image for clip in images for image in clip])
    words = torch.stack(
        [
            word_tokens(text, image.start, image.end, count=words_per_image)
            for text, clip in zip(texts, images, strict=True)
            for image in clip
        ]
    )
    counts = [len(clip) for clip in images]
    return ReferenceTokens(
        image_tokens=pad_sequence(list(torch.split(encoded, counts)), batch_first=True),
        word_tokens=pad_sequence(list(torch.split(words, counts)), batch_first=True),
        is_present=torch.arange(max(counts)) < torch.tensor(counts)[:, None],
        is_padded=len(texts) > 1,
    )
