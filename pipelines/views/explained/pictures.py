"""The pictures of one clip on the page: frames with masks, crops with verdicts, the background beside its frame."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageColor, ImageDraw

from curation.masks import mask_box
from curation.records import Clip, Frames, LocatedEntity, ReferenceFrame
from curation.references.frames import frames_to_cut
from pipelines.views.explained.card import DROPPED, INNER, KEPT, SECTION, blank, cut
from pipelines.views.explained.watched_run import Story
from pipelines.views.explained.words import PictureFinding, word_findings
from pipelines.views.sheet_layout import DETAIL, GAP, KIND_COLORS, PADDING, SMALL, place
from pipelines.views.sheet_pictures import fit, on_checkerboard, read_image
from pipelines.views.sheet_text import Run, Style, text_width, write

_FRAMES: Final = 3
_TALLEST_FRAME: Final = 420
_TALLEST_BACKGROUND: Final = 300
_CROP: Final = (190, 150)
_CROP_ROWS: Final = 3


def picture_cards(story: Story) -> list[Image.Image]:
    """The frames with their masks; the crops and the background. None for a clip without frames."""
    clip = story.clip
    if clip is None or clip.frames is None or not clip.frames.reference_frames:
        return []
    cards = [_frames_card(clip, clip.frames)]
    if clip.located is not None and clip.entity_words:
        cards.append(_crops_card(story, clip))
    return cards


def _frames_card(clip: Clip, frames: Frames) -> Image.Image:
    """The frames that references are cut from, with every mask."""
    card, draw = blank()
    is_looked_for = clip.located is not None and clip.entity_words
    title = "Where the words were found" if is_looked_for else "The frames that references are cut from"
    y = write(draw, (PADDING, PADDING), title, SECTION, width=INNER) + 4
    width = (INNER - 2 * GAP) // _FRAMES
    shown = frames_to_cut(frames)[:_FRAMES]
    sizes = [frames.reference_frames[index].image.shape for index in shown]
    height = min(_TALLEST_FRAME, max(round(width * size[0] / size[1]) for size in sizes))
    for column, index in enumerate(shown):
        picture = _outlined(clip, index, frames.reference_frames[index])
        note = _found_in(clip, index, frames.reference_frames[index])
        place(card, (PADDING + column * (width + GAP), y), (width, height), picture, note=note)
    return cut(card, y + height + SMALL.line_height)


def _found_in(clip: Clip, index: int, frame: ReferenceFrame) -> str:
    when = f"{frame.time_s:.2f} s"
    if clip.located is None or not clip.entity_words:
        return when
    found = [_name(clip, entity) for entity in clip.located if entity.reference_index == index]
    return f"{when} \u00b7 {', '.join(found) if found else 'nothing was located here'}"


def _outlined(clip: Clip, index: int, frame: ReferenceFrame) -> Image.Image:
    """The frame with the outline, the box and the word of every mask in it."""
    drawn = frame.image.copy()
    unit = max(2, round(max(drawn.shape) / 220))
    seen = [entity for entity in clip.located or () if entity.reference_index == index and entity.mask.any()]
    colors = [_color(clip, entity) for entity in seen]
    for entity, color in zip(seen, colors, strict=True):
        rgb = ImageColor.getrgb(color)[:3]
        contours, _ = cv2.findContours(entity.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, contours, -1, (255, 255, 255), unit + 2)
        cv2.drawContours(drawn, contours, -1, rgb, unit)
        x0, y0, x1, y1 = mask_box(entity.mask)
        cv2.rectangle(drawn, (x0, y0), (x1 - 1, y1 - 1), rgb, max(1, unit // 2))
    picture = Image.fromarray(drawn)
    for entity, color in zip(seen, colors, strict=True):
        _label(picture, mask_box(entity.mask)[:2], _name(clip, entity), color)
    return picture


def _color(clip: Clip, entity: LocatedEntity) -> str:
    return KIND_COLORS[(clip.entity_words or ())[entity.word_index].kind]


def _name(clip: Clip, entity: LocatedEntity) -> str:
    word = (clip.entity_words or ())[entity.word_index].word
    return f"{word}?" if entity.is_ambiguous else word


def _label(picture: Image.Image, corner: tuple[int, int], text: str, color: str) -> None:
    """The word above the upper left of its box, as large on the page whatever size the frame has."""
    style = Style(size=max(8, round(max(picture.size) / 34)), color="#ffffff")
    draw = ImageDraw.Draw(picture)
    width = round(text_width(text, style)) + style.size
    x, y = min(corner[0], max(0, picture.width - width)), max(0, corner[1] - style.line_height)
    draw.rectangle((x, y, x + width, y + style.line_height), fill=color)
    write(draw, (x + style.size // 2, y + style.size // 8), text, style, width=width)


def _crops_card(story: Story, clip: Clip) -> Image.Image:
    """The pictures that were cut out, kept ones first, and the background beside the frame it was made from."""
    card, draw = blank()
    right = round(INNER * 0.44)
    left = INNER - right - 2 * PADDING
    pictures = [picture for word in word_findings(story) for picture in word.pictures]
    good = sum(not picture.why_dropped for picture in pictures)
    title = f"Reference images: {good} good enough, {len(pictures) - good} dropped"
    y = write(draw, (PADDING, PADDING), title, SECTION, width=left) + 4
    bottom = _draw_crops(card, (PADDING, y), pictures, width=left)
    x = PADDING + left + 2 * PADDING
    write(draw, (x, PADDING), "Background", SECTION, width=right)
    return cut(card, max(bottom, _draw_background(card, (x, y), clip, width=right)))


def _draw_crops(card: Image.Image, corner: tuple[int, int], pictures: Sequence[PictureFinding], *, width: int) -> int:
    draw = ImageDraw.Draw(card)
    x0, y0 = corner
    if not pictures:
        return write(draw, (x0, y0), "no picture was cut out", DETAIL, width=width)
    columns = width // (_CROP[0] + GAP)
    row_height = _CROP[1] + 4 * SMALL.line_height
    shown = sorted(pictures, key=lambda picture: bool(picture.why_dropped))[: _CROP_ROWS * columns]
    for number, picture in enumerate(shown):
        row, column = divmod(number, columns)
        x, y = x0 + column * (_CROP[0] + GAP), y0 + row * row_height
        place(card, (x, y), _CROP, on_checkerboard(fit(Image.fromarray(picture.cutout), *_CROP)))
        color = DROPPED if picture.why_dropped else KEPT
        draw.rectangle((x, y, x + _CROP[0] - 1, y + _CROP[1] - 1), outline=color, width=3)
        label = f"{'face of ' if picture.is_face else ''}{picture.word}"
        below = write(draw, (x, y + _CROP[1] + 2), [Run(label, KIND_COLORS[picture.kind])], SMALL, width=_CROP[0])
        verdict = f"dropped: {picture.why_dropped}" if picture.why_dropped else f"good, at {picture.time_s:.2f} s"
        write(draw, (x, below), [Run(verdict, color)], SMALL, width=_CROP[0], max_lines=2)
    return y0 + (row + 1) * row_height


def _draw_background(card: Image.Image, corner: tuple[int, int], clip: Clip, *, width: int) -> int:
    leak = clip.scores.background_leak
    if clip.background is None or clip.frames is None:
        why = "none: nothing was located in the middle frame"
        if leak is not None:
            why = f"left out: {leak:.2f} of it still looks like what was painted out"
        return write(ImageDraw.Draw(card), corner, why, DETAIL, width=width, max_lines=3)
    to_cut = frames_to_cut(clip.frames)
    middle = clip.frames.reference_frames[to_cut[len(to_cut) // 2]]
    original, painted = Image.fromarray(middle.image), read_image(clip.background.image)
    cell = (width - GAP) // 2
    height = min(_TALLEST_BACKGROUND, round(cell * original.height / original.width))
    x, y = corner
    place(card, (x, y), (cell, height), original, note=f"the frame at {middle.time_s:.2f} s")
    note = f"with everything located painted out, leak {clip.background.leak:.2f}"
    place(card, (x + cell + GAP, y), (cell, height), painted, note=note, missing="unreadable")
    return y + height + SMALL.line_height
