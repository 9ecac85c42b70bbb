"""A hash of what a video shows, which stays nearly the same when it is encoded, scaled or toned anew.

The difference hash of a picture (N. Krawetz, "Kind of Like That", 2013): at 9 x 8 grey pixels, of each two neighbours
which one is brighter. Our choice: of three frames, so that one that looks like another video's does not decide. What
is cropped, turned, mirrored, sped up or cut otherwise has another hash; so may have what shows nearly nothing.
"""

from typing import Any, Final

import numpy as np

from curation.deferred import Deferred
from curation.records import Video
from curation.video.sampling import REFERENCE_POSITIONS

cv2: Any = Deferred("cv2")

_ROWS, _COLUMNS = 8, 9
_GREY: Final = np.array([0.299, 0.587, 0.114], np.float32)  # luma of BT.601

# Krawetz: pictures that differ in no more than 10 of 64 bits are variations of one.
_MOST_BITS_A_FRAME: Final = 10


def perceptual_hash(frames: Video) -> str:
    """Of a clip's frames, at any size, those at 5, 50 and 95 %: 16 hexadecimal digits each."""
    places = [min(int(position * len(frames)), len(frames) - 1) for position in REFERENCE_POSITIONS]
    return "".join(_of_picture(frames[place] @ _GREY) for place in places)


def looks_alike(one: str, other: str) -> bool:
    """Whether two such hashes are of what looks the same."""
    if len(one) != len(other):
        return False
    bits = (int(one, 16) ^ int(other, 16)).bit_count()
    return bits <= _MOST_BITS_A_FRAME * len(one) * 4 // (_ROWS * (_COLUMNS - 1))


def _of_picture(grey: Any) -> str:
    small = cv2.resize(grey, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()
