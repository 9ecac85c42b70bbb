"""The picture of a proof: what was asked for, and what each way of sampling made of it, beside the real clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from modeling.data.video import Video
from pipelines.proof.scores import Condition
from pipelines.views.sheet_pictures import on_checkerboard

_COLUMNS: Final = {
    Condition.WITHOUT: "no references",
    Condition.WITH: "with references",
    Condition.SWAPPED: "swapped pictures",
    Condition.CONTRARY: "contrary caption",
    Condition.REAL: "ground truth",
}

# A page of documentation shows the sheet at a third of its size: letters stay legible there.
_PROMPT: Final = 20
_NOTE: Final = 16
_QUIET: Final = "#55514a"

_FRAMES: Final = 3
_CELL_WIDTH: Final = 4.0  # inches
_REFERENCES_WIDTH: Final = 2.0
_TEXT_HEIGHT: Final = 0.9  # of prompt and note
_REFERENCE_SIDE: Final = 128  # pixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """One held-out clip and what was sampled for it.

    Attributes:
        references: (word, RGBA picture) of every subject, from left to right.
        videos: those that were sampled; pictures of a single subject cannot be swapped.
    """

    prompt: str
    references: tuple[tuple[str, Image.Image], ...]
    videos: Mapping[Condition, Video]


def examples_sheet(examples: Sequence[Example]) -> Figure:
    """One row per example: prompt and reference pictures, then first, middle and last frame under every condition.

    Raises:
        ValueError: there are no examples.
    """
    if not examples:
        raise ValueError("there are no examples to show; sample at least one held-out clip")
    columns = _columns(examples)
    video = next(iter(examples[0].videos.values()))
    frame_height = _CELL_WIDTH / _FRAMES * video.shape[1] / video.shape[2]
    width = _REFERENCES_WIDTH + len(columns) * _CELL_WIDTH
    figure = Figure(figsize=(width, len(examples) * (frame_height + _TEXT_HEIGHT)), layout="constrained")
    widths = [_REFERENCES_WIDTH, *[_CELL_WIDTH] * len(columns)]
    for row, example in zip(figure.subfigures(len(examples), 1, squeeze=False).flat, examples, strict=True):
        row.suptitle(example.prompt, x=0.01, horizontalalignment="left", fontsize=_PROMPT)
        references, *cells = row.subplots(1, len(widths), width_ratios=widths)
        _show(references, _references_picture(example), ", ".join(word for word, _ in example.references))
        for axes, condition in zip(cells, columns, strict=True):
            _show(axes, _frames_picture(example, condition), _COLUMNS[condition])
            if condition not in example.videos:
                why = "one subject" if len(example.references) == 1 else "not sampled"
                axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", fontsize=_NOTE)
    return figure


def _columns(examples: Sequence[Example]) -> list[Condition]:
    """All, but captions are contradicted only where states change."""
    return [
        condition
        for condition in _COLUMNS
        if condition is not Condition.CONTRARY or any(condition in example.videos for example in examples)
    ]


def _show(axes: Axes, picture: Video | None, note: str) -> None:
    """Enlarged bicubically: nearest neighbours turn the outline of a sprite of 30 pixels into stairs."""
    axes.set(xticks=[], yticks=[], frame_on=False)
    axes.set_xlabel(note, fontsize=_NOTE, color=_QUIET)
    if picture is not None:
        axes.imshow(picture, interpolation="bicubic")


def _references_picture(example: Example) -> Video | None:
    """Those of all subjects side by side, each in a square."""
    size = (_REFERENCE_SIDE, _REFERENCE_SIDE)
    squares = [
        np.asarray(on_checkerboard(ImageOps.pad(picture.convert("RGBA"), size))) for _, picture in example.references
    ]
    return np.hstack(squares) if squares else None


def _frames_picture(example: Example, condition: Condition) -> Video | None:
    """First, middle and last frame, a white line between them."""
    video = example.videos.get(condition)
    if video is None:
        return None
    gap = np.full((video.shape[1], max(1, video.shape[2] // 50), 3), 255, np.uint8)
    first, middle, last = (video[index] for index in (0, round((len(video) - 1) / 2), len(video) - 1))
    return np.hstack([first, gap, middle, gap, last])
