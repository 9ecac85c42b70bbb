"""Screen in screen (A.1): an image or a video laid over a background image or video."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from worlds.arrays import Mask, PerFrame, Video
from worlds.chances import Rng, between, chance, choose, log_between
from worlds.filmed.camera import glide, static_camera
from worlds.filmed.colors import FloatColor, as_rgb, plain, random_color
from worlds.filmed.footage import film_desirable, film_picture, film_slight_motion, film_still_image, still_picture
from worlds.filmed.lettering import write_title
from worlds.filmed.surfaces import soften, surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Where an inset lies, in pixels: `[left, left + width) x [top, top + height)`."""

    left: int
    top: int
    height: int
    width: int


def film_screen_in_screen(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A composition of several pictures or videos."""
    layouts: tuple[tuple[float, Callable[[Rng, PerFrame, int, int], Video]], ...] = (
        (0.30, _corner_inset),
        (0.15, _framed_window),
        (0.12, _over_its_own_blur),
        (0.15, _split_screen),
        (0.08, _end_card),
        (0.10, _pop_ups),
        (0.10, _pasted_cut_out),
    )
    weights = np.array([weight for weight, _ in layouts])
    choice = rng.choice(len(layouts), p=weights / weights.sum())
    return layouts[choice][1](rng, times_s, height, width)


def lay_over(rng: Rng, video: Video, inset: Video, area: Area) -> None:
    """Put the inset into the video, with square or round corners, perhaps a border or a shadow."""
    height, width = video.shape[1:3]
    shape = _corner_mask(rng, area)
    border = int(rng.integers(1, 5)) if chance(rng, 0.5) else 0
    border_color, shadow = as_rgb(_border_color(rng)), chance(rng, 0.25)
    box = (area.left, area.top, area.width, area.height)
    for frame, picture in zip(video, inset, strict=True):
        if shadow:
            x, y = min(area.left + 4, width - 1), min(area.top + 4, height - 1)
            part = frame[y : y + area.height, x : x + area.width]
            part[:] = (part * 0.45).astype(np.uint8)
        target = frame[area.top : area.top + area.height, area.left : area.left + area.width]
        target[shape] = picture[shape]
        if border and shape.all():
            cv2.rectangle(frame, box, border_color, border)


def _corner_inset(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A webcam over a game, a lesson or a match."""
    video = _any_footage(rng, times_s, height, width)
    size = between(rng, 0.18, 0.45)
    inset_height, inset_width = int(size * height * between(rng, 0.8, 1.3)), int(size * width)
    gap = int(between(rng, 0, 0.05) * width) if chance(rng, 0.6) else 0
    area = Area(
        left=gap if chance(rng, 0.5) else width - inset_width - gap,
        top=gap if chance(rng, 0.5) else height - inset_height - gap,
        height=inset_height,
        width=inset_width,
    )
    if chance(rng, 0.2):
        area = _anywhere(rng, inset_height, inset_width, height, width)
    lay_over(rng, video, _any_inset(rng, times_s, inset_height, inset_width), area)
    return video


def _framed_window(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A smaller video within a decorated frame, perhaps beside a title."""
    video = _backing(rng, times_s, height, width)
    if chance(rng, 0.5):
        title = video[0].copy()
        write_title(rng, title)
        video[:] = np.where((title != video[0]).any(axis=-1, keepdims=True)[None], title[None], video)
    inset_height, inset_width = int(between(rng, 0.45, 0.85) * height), int(between(rng, 0.45, 0.85) * width)
    area = _anywhere(rng, inset_height, inset_width, height, width)
    lay_over(rng, video, _any_footage(rng, times_s, inset_height, inset_width), area)
    return video


def _over_its_own_blur(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A portrait video, its sides filled with an enlarged, blurred copy of itself."""
    inset_width = int(between(rng, 0.28, 0.72) * width)
    inset_height = height if chance(rng, 0.8) else int(height * 0.85)
    inset = _any_footage(rng, times_s, inset_height, inset_width)
    blur, dim = between(rng, 3, 14), between(rng, 0.4, 1)
    video = np.stack([soften(cv2.resize(picture, (width, height)), blur) * dim for picture in inset]).astype(np.uint8)
    left, top = (width - inset_width) // 2, (height - inset_height) // 2
    video[:, top : top + inset_height, left : left + inset_width] = inset
    return video


def _split_screen(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """Two to four pictures side by side, or in a grid, with or without gaps."""
    rows, columns = choose(rng, [(1, 2), (1, 2), (2, 1), (1, 3), (2, 2), (2, 2)])
    cut = between(rng, 0.3, 0.7) if (rows, columns) in {(1, 2), (2, 1)} and chance(rng, 0.4) else None
    row_edges = [0, int(height * cut), height] if cut and rows == 2 else np.linspace(0, height, rows + 1).astype(int)
    column_edges = (
        [0, int(width * cut), width] if cut and columns == 2 else np.linspace(0, width, columns + 1).astype(int)
    )
    video = np.empty((len(times_s), height, width, 3), np.uint8)
    video[:] = _border_color(rng)
    gap = int(rng.integers(0, 7)) if chance(rng, 0.6) else 0
    for row in range(rows):
        for column in range(columns):
            top, bottom = row_edges[row] + gap, row_edges[row + 1] - gap
            left, right = column_edges[column] + gap, column_edges[column + 1] - gap
            is_first = row == column == 0
            film = _any_footage if is_first or chance(rng, 0.7) else film_still_image
            video[:, top:bottom, left:right] = film(rng, times_s, int(bottom - top), int(right - left))
    return video


def _end_card(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """The last seconds of a channel's video: tiles with suggestions over a backing."""
    video = _backing(rng, times_s, height, width)
    tile_height, tile_width = int(between(rng, 0.22, 0.36) * height), int(between(rng, 0.25, 0.4) * width)
    for _ in range(int(rng.integers(2, 4))):
        area = _anywhere(rng, tile_height, tile_width, height, width)
        lay_over(rng, video, _any_inset(rng, times_s, tile_height, tile_width), area)
    return video


def _pop_ups(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """Pictures that appear over footage for a while, at once or sliding in."""
    video = film_desirable(rng, times_s, height, width)
    count = len(times_s)
    for _ in range(int(rng.integers(1, 4))):
        picture_height, picture_width = int(between(rng, 0.2, 0.5) * height), int(between(rng, 0.25, 0.7) * width)
        area = _anywhere(rng, picture_height, picture_width, height, width)
        begins = int(rng.integers(0, count // 2))
        ends = min(count, begins + int(rng.integers(count // 3, count + 1)))
        still = np.repeat(still_picture(rng, picture_height, picture_width)[None], ends - begins, axis=0)
        lay_over(rng, video[begins:ends], still, area)
    return video


def _pasted_cut_out(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A person or a thing cut out of another picture, standing still or floating over footage."""
    video = _any_footage(rng, times_s, height, width)
    cut_height, cut_width = int(between(rng, 0.3, 0.9) * height), int(between(rng, 0.2, 0.55) * width)
    area = _anywhere(rng, cut_height, cut_width, height, width)
    picture = still_picture(rng, cut_height, cut_width)
    outline = _blob(rng, cut_height, cut_width)
    edge = cv2.dilate(outline.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2).astype(bool) & ~outline
    edge_color = _border_color(rng) if chance(rng, 0.4) else None
    for frame in video:
        target = frame[area.top : area.top + cut_height, area.left : area.left + cut_width]
        target[outline] = picture[outline]
        if edge_color is not None:
            target[edge] = edge_color
    return video


def _any_footage(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    kind = rng.random()
    if kind < 0.75:
        return film_desirable(rng, times_s, height, width)
    return (film_slight_motion if kind < 0.88 else film_still_image)(rng, times_s, height, width)


def _any_inset(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """A webcam's picture, now and then a photograph that does not move."""
    if chance(rng, 0.25):
        return np.repeat(still_picture(rng, height, width)[None], len(times_s), axis=0)
    return _any_footage(rng, times_s, height, width)


def _backing(rng: Rng, times_s: PerFrame, height: int, width: int) -> Video:
    """What lies behind an inset: a color, a pattern, a slowly moving picture, blurred footage."""
    kind = rng.random()
    if kind < 0.3:
        return np.repeat(plain(random_color(rng), height, width)[None], len(times_s), axis=0)
    if kind < 0.75:
        picture = surface(rng, height, width) if kind < 0.55 else still_picture(rng, height, width)
        moves = chance(rng, 0.3)
        camera = glide(rng, times_s, distance=0.1, magnification=1.1) if moves else static_camera(times_s)
        return film_picture(picture, camera, height, width)
    footage = film_desirable(rng, times_s, height, width)
    blur = log_between(rng, 1, 12)
    return np.stack([soften(frame, blur) for frame in footage])


def _anywhere(rng: Rng, inset_height: int, inset_width: int, height: int, width: int) -> Area:
    return Area(
        left=int(rng.integers(0, width - inset_width + 1)),
        top=int(rng.integers(0, height - inset_height + 1)),
        height=inset_height,
        width=inset_width,
    )


def _border_color(rng: Rng) -> FloatColor:
    return np.full(3, rng.choice([0, 255]), np.float32) if chance(rng, 0.6) else random_color(rng)


def _corner_mask(rng: Rng, area: Area) -> Mask:
    """All of the inset, or all but its rounded corners, or a disc."""
    mask = np.ones((area.height, area.width), np.uint8)
    kind = rng.random()
    if kind < 0.75:
        return mask.astype(bool)
    mask[:] = 0
    if kind < 0.87:
        radius = max(2, int(min(area.height, area.width) * between(rng, 0.06, 0.2)))
        cv2.rectangle(mask, (radius, radius), (area.width - radius - 1, area.height - radius - 1), 1, -1)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        mask[:] = cv2.dilate(mask, disc)
    else:
        cv2.ellipse(mask, ((area.width / 2, area.height / 2), (area.width, area.height), 0), 1, -1)
    return np.asarray(mask, np.bool_)


def _blob(rng: Rng, height: int, width: int) -> Mask:
    """A ragged upright outline."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = 0.4 + sum(rng.normal(0, 0.06) * np.cos(order * angles + rng.uniform(0, 6)) for order in (2, 3, 5))
    outline = np.stack([(0.5 + radius * np.cos(angles)) * width, (0.5 + radius * np.sin(angles)) * height], axis=1)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [outline.astype(np.int32)], 1)
    return mask.astype(bool)
