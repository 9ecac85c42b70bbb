"""Why a row is not written: a code to count by and a sentence."""

from enum import StrEnum


class Reason(StrEnum):
    """What a row broke."""

    REPEATED_CLIP = "repeated_clip"  # its id was there before: the files would have one name
    NO_CAPTION = "no_caption"
    NO_VIDEO = "no_video"  # neither in the shard nor where it came from
    CHANGED_SOURCE = "changed_source"  # what the clip would be cut out of is not the file that was curated
    TOO_SHORT = "too_short"  # for the frame grid
    TOO_SMALL = "too_small"  # for the divisor of its sides
    NO_PICTURES = "no_pictures"
    SAME_DESCRIPTION = "same_description"  # two subjects would be called alike
    TAG_IN_CAPTION = "tag_in_caption"  # the caption itself reads like a tag of the reader
    NO_RECTANGLE = "no_rectangle"  # the frame that a picture was cut from cannot be had again
    UNREADABLE_PICTURE = "unreadable_picture"
    UNREADABLE_VIDEO = "unreadable_video"
    NOT_FOR_READER = "not_for_reader"  # the format's own rules


class Refused(Exception):  # noqa: N818  it is an outcome of a row, not an error of the program
    """A row is not written.

    Attributes:
        reason: to count by.
        detail: what was found, what was expected.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
