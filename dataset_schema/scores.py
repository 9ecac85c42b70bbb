"""What was measured on a clip."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What was measured on a clip; None where no stage came that far. Decisions are derived from these.

    Attributes:
        level_range: largest difference of levels within a frame, 0 to 255; a clip that shows nothing has a small one.
        shot_change: highest per-frame probability of a shot change (A.1).
        shots: how many shots the source was split into; None where it was not to be split.
        desirable: probability of the class, as are the four undesirable ones (A.1); the five sum to one.
        subject_confidence: how sure the localiser is of the best subject's masks.
        ambiguous_subjects: how many subject words fit several places and none surely.
        reference_frames: how many frames reference images are cut from.
        comparison_frames: how many frames inside the clip those are compared with; 0 where they are cut from the clip.
        pictures: how many pictures of entities were cut, good or not.
        background_leak: what is left of the entities in the inpainted background, as far as the leak check of the run
            sees it; 0 is clean.
        loudness_lufs: integrated loudness of the sound (ITU-R BS.1770-4), -70 at the least; None where the clip has no
            sound, or nobody listened, as before schema 3.4.
        silence: the share of the clip in which its sound is silent; None as for the loudness.
        more: scores of other stages than the project's own, by name; any number.

    Raises:
        ValueError: another stage's score has the name of one above, no name, or is no number.
    """

    level_range: float | None = None
    shot_change: float | None = None
    shots: float | None = None
    desirable: float | None = None
    still_foreground: float | None = None
    slight_motion: float | None = None
    screen_in_screen: float | None = None
    screen_recording: float | None = None
    subject_confidence: float | None = None
    ambiguous_subjects: float | None = None
    reference_frames: float | None = None
    comparison_frames: float | None = None
    pictures: float | None = None
    background_leak: float | None = None
    loudness_lufs: float | None = None
    silence: float | None = None
    more: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.more.items():
            if not name.isidentifier() or name in CORE_SCORES:
                raise ValueError(
                    f"a score is named {name!r}, expected a word of letters, digits and _ that is none of "
                    f"{', '.join(sorted(CORE_SCORES))}"
                )
            if not math.isfinite(value):
                raise ValueError(f"score {name} is {value}, expected a number")

    def known(self) -> dict[str, float]:
        """Every score that was measured, by name."""
        own = {name: value for name in sorted(CORE_SCORES) if (value := getattr(self, name)) is not None}
        return {**own, **self.more}


CORE_SCORES = frozenset(each.name for each in fields(Scores)) - {"more"}

# Those that lie in [0, 1].
SHARE_SCORES = CORE_SCORES - {
    *("level_range", "shots", "ambiguous_subjects", "reference_frames", "comparison_frames", "pictures"),
    "loudness_lufs",
}
