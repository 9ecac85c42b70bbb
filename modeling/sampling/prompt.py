"""What one video is to show, and the pictures that go with it, opened and in the order of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from dataset_schema import Bucket
from dataset_schema.words import Span
from modeling.data.prompt_words import span_in_prompt
from modeling.data.reference_images import ReferenceImage
from modeling.sampling.first_frame import fitted
from picture_reading.opening import PictureSource, open_picture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt:
    """What one video is to show.

    Attributes:
        text: what happens in the video.
        references: for each entity word of the text, a picture of it on a transparent or white background, or several:
            paths, PIL images or arrays (height, width, 3 or 4) of RGB or RGBA in uint8. Where the text has the word
            several times, `cat` is the first and `cat#2` the second.
        background: a picture of the place.
        background_word: the text's word for the place, to which `background` is then bound.
        first_frame: a picture that the video is to begin with, scaled and centre-cropped to its size.
    """

    text: str
    references: Mapping[str, PictureSource | Sequence[PictureSource]] = field(default_factory=dict)
    background: PictureSource | None = None
    background_word: str | None = None
    first_frame: PictureSource | None = None


def reference_images(prompt: Prompt, *, most: int) -> list[ReferenceImage]:
    """All reference images in the order of training: entities as given, the background last."""
    references, background, background_word = prompt.references, prompt.background, prompt.background_word
    if not isinstance(references, Mapping):
        raise TypeError(f"references is a {type(references).__name__}, expected pictures by word: {{'cat': picture}}")
    given: list[tuple[str, Span, PictureSource]] = []
    for word, pictures in references.items():
        span = span_in_prompt(word, prompt.text)
        several = _several(pictures)
        if not several:
            raise ValueError(f"reference word {word!r} has no picture; give it one or leave it out")
        given += [(f"picture {number} of {word!r}", span, each) for number, each in enumerate(several, start=1)]
    if background is not None:
        place = span_in_prompt(background_word, prompt.text) if background_word is not None else Span(0, 0)
        given.append(("the background", place, background))
    elif background_word is not None:
        raise ValueError(f"background word is {background_word!r}, but there is no background; give its picture")
    if len(given) > most:
        raise ValueError(
            f"{len(given)} reference images, expected at most {most}; leave out {len(given) - most}: "
            f"past the first {most} come {', '.join(name for name, _, _ in given[most:])}"
        )
    return [_reference_image(*each) for each in given]


def fitted_first_frame(prompt: Prompt, bucket: Bucket) -> UInt8[Tensor, "height width 3"] | None:
    """Its first frame in the size of the video, if it has one."""
    if prompt.first_frame is None:
        return None
    if bucket.frames == 1:
        raise ValueError(f"a video of {bucket} is its first frame, which is given; take a bucket of more frames")
    return fitted(_opened("the first frame", prompt.first_frame), bucket)


def _reference_image(name: str, span: Span, picture: PictureSource) -> ReferenceImage:
    return ReferenceImage(start=span.start, end=span.end, image=_opened(name, picture))


def _opened(name: str, picture: PictureSource) -> Image.Image:
    try:
        return open_picture(picture)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _several(pictures: PictureSource | Sequence[PictureSource]) -> Sequence[PictureSource]:
    is_one = isinstance(pictures, str | bytes) or not isinstance(pictures, Sequence)
    return cast("Sequence[PictureSource]", [pictures] if is_one else pictures)
