"""Which frames of a clip are looked at, and at what size: decided once, so that one decode serves every stage."""

from typing import Final

# TransNetV2 reads every frame at 48 x 27 (its paper; the weights fix the size).
THUMBNAIL_HEIGHT: Final = 27
THUMBNAIL_WIDTH: Final = 48

# VideoMAE reads 16 frames at 224 x 224. Our choice: spread evenly over the whole clip, because "still" and "tiny camera
# movement" (A.1) are statements about a whole clip.
CONTENT_FRAMES: Final = 16
CONTENT_SIDE: Final = 224

# References are cut from the frames at 5 %, 50 % and 95 % of the clip (3.1).
REFERENCE_POSITIONS: Final = (0.05, 0.50, 0.95)

# Our choice: motion around a reference frame is judged on four neighbours each side, a twelfth of a second apart: about
# a third of a second of motion either way, at any frame rate and any length of clip.
NEIGHBOURS_EACH_SIDE: Final = 4
NEIGHBOUR_STEP_S: Final = 1 / 12
NEIGHBOUR_LONG_SIDE: Final = 448

# A video that will be split is decoded before anybody knows where its shots are, so pictures are kept on a grid: small
# ones a neighbour's step apart, every third of them large as well. Our choice: reference frames then are a quarter of a
# second apart. From five minutes on they are further apart, so that there are at most 1200, of some 200 kB each.
SMALL_PER_LARGE_STILL: Final = 3
MAX_LARGE_STILLS: Final = 1200
