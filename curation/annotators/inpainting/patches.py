"""Fills a hole with patches from the rest of the picture, from coarse to fine.

OpenCV's own methods smear what surrounds a hole across it, which is fine for scratches and shows the entity's outline
in a hole of its size; they only start this one off.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from curation.masks import mask_box
from curation.records import Image, Mask

# Patches are compared by this many principal components, learned from at most so many of them.
_COMPONENTS: Final = 16
_PATCHES_TO_LEARN: Final = 3000

# The distance at which a patch's vote has a quarter of its greatest weight, in grey levels summed over a patch.
_VOTE_SOFTNESS: Final = 20.0

# By how much more than the nearest patch differs a found one may, as a share. Our choice: what is found makes a picture
# as close to its sources as the nearest would, to a half percent of the mean distance, in two thirds of the time.
_LEEWAY: Final = 2.0

_START_RADIUS_PX: Final = 3


class _Copied(NamedTuple):
    """Which pixels patches are copied from, and which to, (patches,) each."""

    from_y: npt.NDArray[np.int64]
    from_x: npt.NDArray[np.int64]
    to_y: npt.NDArray[np.int64]
    to_x: npt.NDArray[np.int64]


def fill_by_example(image: Image, mask: Mask, passes: Sequence[tuple[int, int]], *, patch_side: int) -> Image:
    """The picture with the masked pixels replaced.

    Args:
        image: the picture.
        mask: what to fill.
        passes: long sides of the picture, coarse to fine, and the search-and-vote rounds at each.
        patch_side: odd, pixels at every size.

    Raises:
        ValueError: image and mask differ in size, or the mask leaves nothing to copy from.
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(f"image is {image.shape[:2]} and mask {mask.shape}, expected the same height and width")
    if mask.all():
        raise ValueError("mask covers the whole picture, expected some of it to copy from")
    filled = image.copy()
    if not mask.any():
        return filled
    small, hole = _shrink(image, mask, passes[0][0])
    coarse: Image = cv2.inpaint(small, hole.astype(np.uint8), _START_RADIUS_PX, cv2.INPAINT_TELEA)
    sources = np.zeros((*mask.shape, 2), np.float32)
    for long_side, rounds in passes:
        small, hole = _shrink(image, mask, long_side)
        start = np.where(hole[..., None], cv2.resize(coarse, hole.shape[::-1]), small)
        coarse, sources = _fill(small, hole, start, rounds=rounds, patch_side=patch_side)
    _add_detail(filled, mask, coarse, sources)
    return filled


def _shrink(image: Image, mask: Mask, long_side: int) -> tuple[Image, Mask]:
    height, width = mask.shape
    scale = min(1.0, long_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    hole = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), hole


def _fill(
    image: Image, hole: Mask, start: Image, *, rounds: int, patch_side: int
) -> tuple[Image, npt.NDArray[np.float32]]:
    """The filled picture, and for every pixel the offset (y, x) to where its patch was copied from.

    Each round, every patch that touches the hole looks for its nearest whole patch; then the found patches vote.
    """
    touched = cv2.dilate(hole.astype(np.uint8), np.ones((patch_side, patch_side), np.uint8)) > 0
    margin = patch_side // 2
    whole = np.zeros_like(hole)
    whole[margin:-margin, margin:-margin] = ~touched[margin:-margin, margin:-margin]
    offsets = np.zeros((*hole.shape, 2), np.float32)
    from_y, from_x = np.nonzero(whole)
    if not len(from_y):
        return start, offsets
    to_y, to_x = np.nonzero(touched)
    examples = _patches(image, from_y, from_x, patch_side)
    center, axes = _principal_axes(examples)
    tree = cKDTree((examples - center) @ axes)
    found = np.zeros(len(to_y), np.int64)
    for _ in range(rounds):
        distance, found = tree.query((_patches(start, to_y, to_x, patch_side) - center) @ axes, eps=_LEEWAY)
        copied = _Copied(from_y[found], from_x[found], to_y, to_x)
        start[hole] = _vote(image, hole, copied, 1 / (distance + _VOTE_SOFTNESS) ** 2, patch_side)
    offsets[to_y, to_x] = np.stack([from_y[found] - to_y, from_x[found] - to_x], axis=-1)
    return start, offsets


def _patches(image: Image, y: npt.NDArray[np.int64], x: npt.NDArray[np.int64], side: int) -> npt.NDArray[np.float32]:
    """The patches around the given pixels, (pixels, 3 * side * side); the picture's edge is repeated outwards."""
    margin = side // 2
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    return windows[y, x].reshape(len(y), -1).astype(np.float32)


def _principal_axes(
    examples: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The mean, and the directions (features, components) in which the examples differ most."""
    center = examples.mean(axis=0)
    chosen = examples[np.linspace(0, len(examples) - 1, min(len(examples), _PATCHES_TO_LEARN)).astype(int)] - center
    _, directions = np.linalg.eigh(chosen.T @ chosen)
    return center, np.ascontiguousarray(directions[:, : -_COMPONENTS - 1 : -1])


def _vote(image: Image, hole: Mask, copied: _Copied, weights: npt.NDArray[np.float64], side: int) -> Image:
    """For every pixel of the hole, (pixels, 3), the weighted mean of the whole patches that are laid over it."""
    (height, width), margin = hole.shape, side // 2
    wide = width + 2 * margin
    colors = np.ones((height * width, 4), np.float32)
    colors[:, :3] = image.reshape(-1, 3)
    target = (copied.to_y + margin) * wide + copied.to_x + margin
    source = np.full((height + 2 * margin) * wide, margin * width + margin)
    source[target] = copied.from_y * width + copied.from_x
    share = np.zeros(len(source), np.float32)
    share[target] = weights
    y, x = np.nonzero(hole)
    pixels = (y + margin) * wide + x + margin
    total = np.zeros((len(pixels), 4), np.float32)
    for down in range(-margin, margin + 1):
        for across in range(-margin, margin + 1):
            patch = pixels - (down * wide + across)
            total += colors.take(source.take(patch) + (down * width + across), axis=0) * share.take(patch)[:, None]
    return np.clip(np.round(total[:, :3] / total[:, 3:]), 0, 255).astype(np.uint8)


def _add_detail(filled: Image, mask: Mask, coarse: Image, offsets: npt.NDArray[np.float32]) -> None:
    """Paint the coarse picture over the mask, with the fine detail of the places its patches came from."""
    height, width = mask.shape
    scale = width / coarse.shape[1]
    sigma = 1.5 * scale
    x0, y0, x1, y1 = mask_box(mask)
    room = int(np.ceil(4 * sigma)) + 1  # the blur's reach
    rows, columns = slice(max(0, y0 - room), min(height, y1 + room)), slice(max(0, x0 - room), min(width, x1 + room))
    full = cv2.resize(offsets, (width, height), interpolation=cv2.INTER_NEAREST)[rows, columns] * scale
    y, x = np.mgrid[rows, columns].astype(np.float32)
    copied = cv2.remap(filled, x + full[..., 1], y + full[..., 0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    copied = copied.astype(np.float32)
    detail = copied - cv2.GaussianBlur(copied, (0, 0), sigma)
    base = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)[rows, columns]
    inside = mask[rows, columns]
    filled[rows, columns][inside] = np.clip(np.round((base + detail)[inside]), 0, 255).astype(np.uint8)
