"""How good a segmented picture of an entity is: the columns of `dataset_schema.ReferenceImage`, as functions of arrays.

The paper keeps every crop (3.1); these scores are ours. They are stored, and a policy chooses by them.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from curation.deferred import Deferred
from curation.masks import area, border_contact, fill, largest_fragment, mask_box, overlap, resize_mask, solidity
from curation.records import Image, Mask

cv2: Any = Deferred("cv2")

Vector: TypeAlias = npt.NDArray[np.float64]  # (features,), of length one

_SHARPNESS_SIDE: Final = 256


class Quality(NamedTuple):
    """The scores of one picture by itself, named as in `dataset_schema.ReferenceImage`."""

    area: float
    sharpness: float
    largest_fragment: float
    solidity: float
    fill: float
    border_contact: float
    overlap: float


def measure(image: Image, mask: Mask, rivals: Sequence[Mask]) -> Quality:
    """All of them.

    Args:
        image: the whole frame.
        mask: over it, not empty.
        rivals: the masks of other entities of the same kind in it.
    """
    x0, y0, x1, y1 = mask_box(mask)
    inside = mask[y0:y1, x0:x1]
    return Quality(
        area=area(mask),
        sharpness=sharpness(image, mask),
        largest_fragment=largest_fragment(inside),
        solidity=solidity(inside),
        fill=fill(inside),
        border_contact=border_contact(mask),
        overlap=overlap(mask, rivals),
    )


def sharpness(image: Image, mask: Mask) -> float:
    """Variance of the Laplacian inside the mask, crop scaled to 256 px on its long side; unbounded, 0 is flat.

    The scale makes crops of one entity comparable between videos. Pixels whose neighbours lie outside the mask are
    left out, so that the outline itself does not count as detail, unless nothing else is left.
    """
    x0, y0, x1, y1 = mask_box(mask)
    crop, inside = image[y0:y1, x0:x1], mask[y0:y1, x0:x1]
    scale = _SHARPNESS_SIDE / max(crop.shape[:2])
    size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    gray = cv2.cvtColor(cv2.resize(crop, size, interpolation=method), cv2.COLOR_RGB2GRAY)
    inside = resize_mask(inside, size).astype(np.uint8)
    inner = cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0)
    chosen = (inner if inner.any() else inside).astype(bool)
    return float(cv2.Laplacian(gray, cv2.CV_64F)[chosen].var())


def cosines(vectors: Sequence[Vector], kinds: Sequence[object]) -> list[list[float | None]]:
    """How much every picture looks like every other; None for pictures of different kinds, which do not compare."""
    if not vectors:
        return []
    values = np.stack(vectors) @ np.stack(vectors).T
    return [
        [float(value) if one == other else None for value, other in zip(row, kinds, strict=True)]
        for row, one in zip(values, kinds, strict=True)
    ]
