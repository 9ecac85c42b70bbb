"""Whose the pixels are that several outlines claim."""

import itertools
from collections.abc import Sequence
from typing import Final

from curation.annotators.detected_object.outline_in_box import BoxOutline
from curation.records import Mask

# An object that covers more of a subject than this is around it, such as a car around its driver, and not before it.
_AROUND: Final = 0.5


def share_pixels(outlines: Sequence[BoxOutline], are_subjects: Sequence[bool]) -> list[Mask]:
    """The masks without what is another's.

    Objects are before subjects, unless they cover most of them. Between two of a kind the stronger belief decides.
    """
    masks = [outline.mask.copy() for outline in outlines]
    for one, other in itertools.combinations(range(len(masks)), 2):
        contested = outlines[one].mask & outlines[other].mask
        if not contested.any():
            continue
        if are_subjects[one] == are_subjects[other]:
            stronger = outlines[one].belief >= outlines[other].belief
            masks[one] &= ~(contested & ~stronger)
            masks[other] &= ~(contested & stronger)
            continue
        subject, thing = (one, other) if are_subjects[one] else (other, one)
        is_around = contested.sum() > _AROUND * outlines[subject].mask.sum()
        masks[thing if is_around else subject] &= ~contested
    return masks
