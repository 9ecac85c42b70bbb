"""What Wan 2.1 takes, whichever trainer reads it.

Source: 4 n + 1 frames at 16 fps, usually 81; sides that are multiples of 16. Our choice: from one second on, up to ten.
Neither DiffSynth nor VideoX-Fun looks at the pace of a file.
"""

from collections.abc import Iterator
from typing import Final

from exports.clip import ExportedClip
from exports.grids import FrameGrid

GRID: Final = FrameGrid(step=4, offset=1, least=17, most=161, fps=16.0)
DIVISOR: Final = 16

_PACE_TOLERANCE_FPS: Final = 0.05


def wan_problems(clip: ExportedClip) -> Iterator[str]:
    """What would play too slowly, or be cut short without a word."""
    video = clip.video
    if video.frames not in GRID or video.num_frames < video.frames:
        yield f"it has {video.frames} frames, expected {GRID}"
    if abs(video.fps - 16.0) > _PACE_TOLERANCE_FPS:
        yield f"it runs at {video.fps:g} fps, expected 16: the reader takes frames as they come"
