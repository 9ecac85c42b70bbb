"""Which values of a config only decide: other ones can be held against scores that are stored."""

from typing import Final

from curation.profiles import CurationConfig
from storage.configs import differing_fields

_WHERE_CUT: Final = frozenset({"reference_images.same_mask_iou"})  # it says which masks pictures are cut from
_THRESHOLDS: Final = (
    *("decode.max_frame_s", "content_filter.min_desirable", "entity_masks.min_confidence", "background.max_leak"),
    "reference_images.",
)
# Where videos are split, these are about the whole video, whose scores no row of a shot has.
_OF_WHOLE_VIDEOS: Final = ("decode.min_frames", "decode.blank_range", "single_shot.threshold")


def expect_only_thresholds(former: CurationConfig, present: CurationConfig) -> None:
    """Refuse a config that differs in more than thresholds.

    Raises:
        ValueError: it does; the message names what differs.
    """
    known = (*_THRESHOLDS, *(_OF_WHOLE_VIDEOS if former.several_shots == "reject" else ()))
    others = [
        said
        for said in differing_fields(present, former)
        if not said.startswith(known) or said.split(" ")[0] in _WHERE_CUT
    ]
    if others:
        raise ValueError(
            f"{'; '.join(others)}: this is no threshold that stored scores can be held against, so clips need curating "
            "again, into another output"
        )
