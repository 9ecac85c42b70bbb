"""Generated scenes whose moving object is known to the pixel: a textured sprite over a textured, panned background."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from curation.records import Clip, EntityWord, Frames, Image, Mask, ReferenceFrame
from dataset_schema import EntityKind, Source

Position = Callable[[float], tuple[float, float]]

HEIGHT, WIDTH = 252, 448
STEP_S = 1 / 12


class Sprite(NamedTuple):
    """An ellipse: its half axes, its mean color, and its centre as a function of seconds, in scene coordinates."""

    half_axes: tuple[int, int]
    color: tuple[int, int, int]
    position: Position


def texture(height: int, width: int, color: tuple[int, int, int], seed: int) -> Image:
    """Smooth noise of several scales around a color."""
    rng = np.random.default_rng(seed)
    noise = np.zeros((height, width, 3))
    for cell in (4, 12, 40):
        grid = rng.normal(0, 14, (height // cell + 2, width // cell + 2, 3))
        noise += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(noise + color, 0, 255).astype(np.uint8)


def scene(
    sprites: Sequence[Sprite], *, pan_px_per_s: float = 0.0
) -> Callable[[float], tuple[Image, Image, list[Mask]]]:
    """A function of time that gives the picture, the picture without sprites, and each sprite's visible mask."""
    wide = texture(HEIGHT + 40, WIDTH + 400, (120, 130, 90), seed=1)
    skins = [texture(200, 200, sprite.color, seed=10 + index) for index, sprite in enumerate(sprites)]

    def at(time_s: float) -> tuple[Image, Image, list[Mask]]:
        left = 150 + pan_px_per_s * time_s
        shift = np.array([[1, 0, -left], [0, 1, -20]], np.float64)
        background = cv2.warpAffine(wide, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
        picture = background.copy()
        masks: list[Mask] = []
        for sprite, skin in zip(sprites, skins, strict=True):
            x, y = sprite.position(time_s)
            x -= pan_px_per_s * time_s
            rows, columns = np.mgrid[:HEIGHT, :WIDTH]
            a, b = sprite.half_axes
            mask = ((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 <= 1
            moved = cv2.warpAffine(skin, np.array([[1, 0, x - 100], [0, 1, y - 100]], np.float64), (WIDTH, HEIGHT))
            picture[mask] = moved[mask]
            masks = [known & ~mask for known in masks] + [mask]
        return picture, background, masks

    return at


def reference_frames(
    at: Callable[[float], tuple[Image, Image, list[Mask]]], times_s: Sequence[float] = (0.4, 1.5, 2.6)
) -> tuple[ReferenceFrame, ...]:
    """Three frames at 24 fps with four neighbours each side, with a little sensor noise."""
    rng = np.random.default_rng(0)

    def noisy(time_s: float) -> Image:
        picture = at(time_s)[0]
        return np.clip(picture + rng.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)

    frames = []
    for time_s in times_s:
        around = [time_s + step * STEP_S for step in range(-4, 5)]
        pictures = np.stack([noisy(t) for t in around])
        frames.append(
            ReferenceFrame(
                index=round(time_s * 24),
                time_s=time_s,
                image=pictures[4],
                neighbours=pictures,
                neighbour_times_s=tuple(around),
                centre=4,
            )
        )
    return tuple(frames)


def frames_of(references: Sequence[ReferenceFrame]) -> Frames:
    """Reference frames alone, with nothing for the other stages."""
    nothing = np.zeros((0, 1, 1, 3), np.uint8)
    none = np.zeros(0)
    return Frames(
        thumbnails=nothing, times_s=none, content=nothing, content_times_s=none, reference_frames=tuple(references)
    )


def still_frames(*images: Image) -> tuple[ReferenceFrame, ...]:
    """Reference frames one second apart, each its own only neighbour."""
    return tuple(
        ReferenceFrame(
            index=24 * second,
            time_s=float(second),
            image=image,
            neighbours=image[None],
            neighbour_times_s=(float(second),),
            centre=0,
        )
        for second, image in enumerate(images)
    )


def clip_of(references: Sequence[ReferenceFrame], **words: EntityKind) -> Clip:
    """A clip whose caption is its entity words."""
    caption = " ".join(words)
    spans = [
        EntityWord(word=w, kind=k, start=caption.index(w), end=caption.index(w) + len(w)) for w, k in words.items()
    ]
    return Clip(
        clip_id="0" * 16,
        source=Source(id="generated", uri="generated.mp4"),
        caption=caption,
        entity_words=tuple(spans),
        frames=frames_of(references),
    )


def draw_face(image: Image, center: tuple[int, int], side: int) -> Image:
    """The picture with a frontal face drawn onto it: hair, brows, eyes, nose and mouth."""
    picture, scale = image.copy(), side / 160

    def point(x: float, y: float) -> tuple[int, int]:
        return int(center[0] + x * scale), int(center[1] + y * scale)

    def oval(at: tuple[float, float], axes: tuple[float, float], color: tuple[int, int, int], start: int = 0) -> None:
        sizes = (int(axes[0] * scale), int(axes[1] * scale))
        cv2.ellipse(picture, point(*at), sizes, 0, start, 360, color, -1)

    oval((0, 0), (62, 80), (205, 170, 145))
    oval((0, -62), (60, 34), (40, 30, 25), start=180)
    for eye in (-26, 26):
        oval((eye, -18), (17, 9), (120, 85, 70))
        oval((eye, -17), (11, 5), (245, 245, 245))
        oval((eye, -17), (5, 5), (20, 20, 20))
        cv2.line(picture, point(eye - 16, -32), point(eye + 16, -32), (50, 35, 30), max(1, int(5 * scale)))
    oval((0, 14), (9, 6), (165, 120, 100))
    cv2.line(picture, point(0, -12), point(0, 10), (225, 195, 170), max(1, int(7 * scale)))
    oval((0, 42), (24, 7), (150, 60, 60))
    smooth: Image = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return smooth
