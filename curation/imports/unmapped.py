"""What of a foreign dataset has no place in ours, counted by reason, with the first example of each."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Unmapped(StrEnum):
    """Why a piece of an annotation was left out, or means less than it did; the clip goes on."""

    WORD_NOT_IN_CAPTION = "word_not_in_caption"
    WORD_IN_LONGER_WORD = "word_in_longer_word"  # another word of the clip covers its every place in the caption
    NO_ENTITY = "no_entity"  # the rules of A.2: a pronoun, a part of a body, nothing to outline
    SEVERAL_THINGS = "several_things"  # masks of several things for one word: nobody knows which one is meant
    MASK_WITHOUT_WORD = "mask_without_word"  # of a word that was left out: it is painted out of the background
    MASK_OF_PLACE = "mask_of_place"  # places have no pictures but the background
    DOUBLE_MASK = "double_mask"  # another mask of its word covers the same
    MASK_OUTSIDE_CLIP = "mask_outside_clip"  # on a frame that the clip does not have
    PICTURE_OF_MISSING_VIDEO = "picture_of_missing_video"  # cut from a video that the user has not
    MORE_PICTURES = "more_pictures"  # from elsewhere than are taken
    FACE_WITHOUT_PICTURE = "face_without_picture"  # its person has none in that frame
    SAME_FILE_NAME = "same_file_name"  # of two words: nobody knows whose picture it is
    CROPPED = "cropped"  # the annotation cuts the picture, and the clip is published whole


PLAIN = {
    Unmapped.WORD_NOT_IN_CAPTION: "words that the caption does not have",
    Unmapped.WORD_IN_LONGER_WORD: "words within a longer one of the clip",
    Unmapped.NO_ENTITY: "words that name nothing to outline",
    Unmapped.SEVERAL_THINGS: "words with masks of several things",
    Unmapped.MASK_WITHOUT_WORD: "masks of words that were left out",
    Unmapped.MASK_OF_PLACE: "masks of places",
    Unmapped.DOUBLE_MASK: "masks of what another one of the word shows",
    Unmapped.MASK_OUTSIDE_CLIP: "masks on frames outside the clip",
    Unmapped.PICTURE_OF_MISSING_VIDEO: "pictures from videos that are not there",
    Unmapped.MORE_PICTURES: "pictures from elsewhere beyond those taken",
    Unmapped.FACE_WITHOUT_PICTURE: "faces without a picture of their person",
    Unmapped.SAME_FILE_NAME: "words whose pictures have another word's file name",
    Unmapped.CROPPED: "clips whose pictures were cropped, published whole",
}


@dataclass(slots=True)
class UnmappedCounts:
    """How often each reason came up, and where first."""

    counts: Counter[Unmapped] = field(default_factory=Counter)
    examples: dict[Unmapped, str] = field(default_factory=dict)

    def add(self, reason: Unmapped, where: str, what: str) -> None:
        """Count one piece of the clip named `where`."""
        self.counts[reason] += 1
        self.examples.setdefault(reason, f"{where}: {what}")

    def add_all(self, other: "UnmappedCounts") -> None:
        """Count what others counted."""
        self.counts.update(other.counts)
        for reason, example in other.examples.items():
            self.examples.setdefault(reason, example)
