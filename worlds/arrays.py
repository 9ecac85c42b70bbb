"""What drawn pictures are: plain arrays, with names of their own so that drawing depends on nothing else."""

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (height, width, 3), RGB
Video = npt.NDArray[np.uint8]  # (frames, height, width, 3), RGB
Mask = npt.NDArray[np.bool_]  # (height, width)
