"""A filter of one's own: gray clips are left out.  python examples/own_filter.py VIDEOS OUTPUT"""

import sys
from collections.abc import Sequence

import numpy as np

from curation import Bound, Clip, Rule, Stage, curate, embedded


class Colorfulness(Stage):
    """Scores how colorful a clip is, by the spread of its opponent colors (Hasler and Suesstrunk, 2003)."""

    name = "colorfulness"
    reads = frozenset({"frames"})
    adds = frozenset({"colorfulness"})
    rules = (
        Rule(
            code="gray",
            reads="colorfulness",
            bound=Bound.AT_LEAST,
            limit=15,
            sentence="colorfulness {value:.1f}, at least {limit:g} is wanted",
            plain="gray",
        ),
    )

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        return [clip.with_scores(colorfulness=self._measure(clip.frames.content)) for clip in clips if clip.frames]

    def _measure(self, frames: np.ndarray) -> float:
        red, green, blue = np.moveaxis(frames.astype(float), -1, 0)
        one, other = red - green, (red + green) / 2 - blue
        return float(np.hypot(one.std(), other.std()) + 0.3 * np.hypot(one.mean(), other.mean()))


if __name__ == "__main__":
    stages = embedded()
    stages.insert(2, Colorfulness())  # behind the stage that decodes
    print(curate(sys.argv[1], stages, sys.argv[2]).counts)
