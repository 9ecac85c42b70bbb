"""What a sampled video shows: its prompt, the reference pictures it was given, and its frames, as one HTML file."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.views.html import html_file, picture_uri

_SIDE: Final = 240
_FRAMES: Final = 5


def sampled_sheet(
    prompt: str,
    references: Mapping[str, Sequence[Image.Image]],
    background: Image.Image | None,
    video: npt.NDArray[np.uint8],
) -> str:
    """The sheet; frames evenly spaced over the video, first and last among them."""
    given = [(picture_uri(image, _SIDE), word) for word, images in references.items() for image in images]
    if background is not None:
        given.append((picture_uri(background, _SIDE), "background"))
    sampled = [
        (picture_uri(Image.fromarray(video[index]), _SIDE), f"frame {index + 1} of {len(video)}")
        for index in np.linspace(0, len(video) - 1, _FRAMES).round().astype(int)
    ]
    return html_file(
        "picture_sheet.html", title=prompt, sections=[("Given beside the prompt", given), ("Sampled", sampled)]
    )
