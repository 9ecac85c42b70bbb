"""What drawn pictures are: plain arrays, with names of their own so that drawing depends on nothing else."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 3), RGB
Rgba: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 4)
Paint: TypeAlias = npt.NDArray[np.float32]  # (height, width, 3), RGB from 0 to 255: an image before it is rounded
Grey: TypeAlias = npt.NDArray[np.uint8]  # (height, width)
Video: TypeAlias = npt.NDArray[np.uint8]  # (frames, height, width, 3), RGB
Mask: TypeAlias = npt.NDArray[np.bool_]  # (height, width)
Labels: TypeAlias = npt.NDArray[np.uint8]  # (frames, height, width): 0 where no subject is visible, i + 1 where i is
Field: TypeAlias = npt.NDArray[np.float32]  # (height, width), a number for every pixel, in [0, 1] unless said
PerFrame: TypeAlias = npt.NDArray[np.float64]  # (frames,), a number for every frame

Color: TypeAlias = tuple[int, int, int]  # RGB
