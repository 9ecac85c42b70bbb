"""Makes faces in a picture unknowable."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from curation.annotators.protocols import FaceBox
from curation.deferred import Deferred
from curation.records import Image

cv2: Any = Deferred("cv2")

# Our choice: beyond a face's box, as a share of its sides: hair, chin and ears, which a detector's box leaves out.
MARGIN: Final = 0.25
# Our choice: so many cells a side are left of a face, which show that there is one and no feature of it.
_CELLS: Final = 4


def blur_boxes(image: Image, boxes: Sequence[FaceBox], *, margin: float) -> Image:
    """A copy of the picture in which a few cells are left of what is in each box and around it."""
    blurred = image.copy()
    height, width = image.shape[:2]
    for box in boxes:
        across, down = margin * (box.x1 - box.x0), margin * (box.y1 - box.y0)
        left, right = max(0, int(box.x0 - across)), min(width, int(np.ceil(box.x1 + across)))
        top, bottom = max(0, int(box.y0 - down)), min(height, int(np.ceil(box.y1 + down)))
        if left < right and top < bottom:
            small = cv2.resize(image[top:bottom, left:right], (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
            size = (right - left, bottom - top)
            blurred[top:bottom, left:right] = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return blurred
