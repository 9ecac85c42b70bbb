"""What MiniMax-H3's Ref2VA takes, whichever trainer reads it.

Source: docs/minimax_h3.md of musubi-tuner (@0678233): 24 fps, 17 n + 5 frames, released for 5 to 15 s (124 to 345
frames), sides that are multiples of 32, at most 9 pictures of 12 references, at least one; `<Picture k>` counts
pictures in the order of the list. The form of its prompts: `exports/captions.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from exports.clip import ExportedClip
from exports.grids import FrameGrid
from exports.target import CaptionForm, PictureNeeds, Target

GRID: Final = FrameGrid(step=17, offset=5, least=124, most=345, fps=24.0)
MOST_PICTURES: Final = 9
DIVISOR: Final = 32

TARGET: Final = Target(
    grid=GRID,
    divisor=DIVISOR,
    uses_sound=True,
    most_references=MOST_PICTURES,
    forms=(CaptionForm.SECTIONS, CaptionForm.PICTURES, CaptionForm.AS_WRITTEN),
    # The least side that ComfyUI's nodes for the model take. Our choice: at most three to one, because DiffSynth scales
    # the short side to 2048 pixels, whatever the long one becomes.
    pictures=PictureNeeds(least_side=256, most_aspect=3.0),
)
RESAMPLED: Final = replace(TARGET, resamples=True)

_PICTURE: Final = re.compile(r"<Picture (\d+)>")


def h3_problems(clip: ExportedClip) -> Iterator[str]:
    """What the model's own rules refuse of a clip."""
    video = clip.video
    if video.frames not in GRID:
        yield f"it has {video.frames} frames, expected {GRID}"
    if min(video.height, video.width) < DIVISOR:
        yield f"its video is {video.width}x{video.height} pixels, expected at least {DIVISOR} on each side"
    if not 1 <= len(clip.pictures) <= MOST_PICTURES:
        yield f"it has {len(clip.pictures)} pictures, expected 1 to {MOST_PICTURES}"
    named = {int(number) for number in _PICTURE.findall(clip.caption)}
    if beyond := sorted(named - set(range(1, len(clip.pictures) + 1))):
        yield f"its caption names picture {beyond[0]} of {len(clip.pictures)}"
