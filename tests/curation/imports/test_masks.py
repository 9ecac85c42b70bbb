"""Which masks of a foreign clip are taken, on shapes drawn by hand."""

from pathlib import Path

import numpy as np
import pytest

from curation.given import FrameAt, GivenFrame, RunLengths
from curation.imports.config import ImportConfig
from curation.imports.foreign import ForeignClip, ForeignMask
from curation.imports.masks import given_of
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.words import find_words
from dataset_schema import Box, EntityKind, Source
from tests.curation.imports.foreign_datasets import box_of, coco_text

CAPTION = "A woman and a dog are in a park."
WORDS = {
    "woman": EntityKind.SUBJECT,
    "dog": EntityKind.SUBJECT,
    "park": EntityKind.BACKGROUND,
    "cat": EntityKind.SUBJECT,
}
OWN = GivenFrame(at=FrameAt(index=0))


def block(x0: int, x1: int) -> np.ndarray:
    mask = np.zeros((20, 100), bool)
    mask[5:15, x0:x1] = True
    return mask


def mask_of(word: str, mask: np.ndarray, frame: int = 0) -> ForeignMask:
    x0, y0, x1, y1 = box_of(mask)
    shape = RunLengths(counts=coco_text(mask), height=20, width=100, crop=(0, 0))
    return ForeignMask(word=word, frame=frame, shape=shape, box=Box(x0=x0, y0=y0, x1=x1, y1=y1))


def taken(
    *masks: ForeignMask, frames: tuple[GivenFrame, ...] = (OWN,), config: ImportConfig | None = None
) -> tuple[list[tuple[str | None, int, bool]], UnmappedCounts]:
    """The word, the number of pixels and whether it is ambiguous of what is taken, and what is not."""
    unmapped = UnmappedCounts()
    foreign = ForeignClip(video=Path("v.mp4"), captions=(CAPTION,), words=WORDS, frames=frames, masks=masks)
    words = find_words(CAPTION, WORDS, where="clip", unmapped=UnmappedCounts())
    given = given_of(foreign, words, config or ImportConfig(), where="clip", unmapped=unmapped)
    names: dict[int | None, str | None] = {None: None}
    names |= {word.start: word.word for word in words.values()}
    size = {coco_text(block(x0, x1)): 10 * (x1 - x0) for x0 in range(0, 100, 5) for x1 in range(x0 + 5, 101, 5)}
    found = []
    for mask in given.masks:
        pixels = size[mask.shape.counts] if isinstance(mask.shape, RunLengths) else 0
        found.append((names[mask.start], pixels, mask.is_ambiguous))
    return found, unmapped


def test_of_two_masks_that_say_the_same_the_larger_one_is_taken() -> None:
    found, unmapped = taken(mask_of("dog", block(0, 45)), mask_of("dog", block(0, 50)))  # IoU 0.9

    assert found == [("dog", 500, False)]
    assert unmapped.counts == {Unmapped.DOUBLE_MASK: 1}


def test_masks_of_several_things_make_their_word_ambiguous() -> None:
    found, unmapped = taken(mask_of("dog", block(0, 35)), mask_of("dog", block(0, 50)), mask_of("woman", block(60, 80)))

    assert found == [("dog", 500, True), ("dog", 350, True), ("woman", 200, False)]  # IoU 0.7
    assert unmapped.counts == {Unmapped.SEVERAL_THINGS: 1}


def test_a_lower_limit_takes_more_for_doubles() -> None:
    config = ImportConfig(double_iou=0.6)

    found, _ = taken(mask_of("dog", block(0, 35)), mask_of("dog", block(0, 50)), config=config)

    assert found == [("dog", 500, False)]


def test_masks_of_places_are_left_out_and_others_without_a_word_stay_nameless() -> None:
    found, unmapped = taken(
        mask_of("park", block(0, 100)), mask_of("cat", block(0, 20)), mask_of("human head", block(25, 30))
    )

    assert found == [(None, 200, False), (None, 50, False)]
    assert unmapped.counts == {Unmapped.MASK_OF_PLACE: 1, Unmapped.MASK_WITHOUT_WORD: 2}


def test_as_many_pictures_from_elsewhere_are_taken_of_each_word_as_are_wanted() -> None:
    others = tuple(
        GivenFrame(at=FrameAt(share=0.5), elsewhere=Source(id="0" * 16, uri=f"{number}.mp4")) for number in range(4)
    )
    box = Box(x0=0, y0=0, x1=9, y1=9)
    masks = [ForeignMask(word=word, frame=number, shape=box) for number in range(1, 5) for word in ("dog", "woman")]

    found, unmapped = taken(*masks, frames=(OWN, *others), config=ImportConfig(pictures_from_elsewhere=3))

    assert [word for word, _, _ in found].count("dog") == 3
    assert [word for word, _, _ in found].count("woman") == 3
    assert unmapped.counts == {Unmapped.MORE_PICTURES: 2}


def test_a_mask_that_cannot_be_read_costs_the_row() -> None:
    torn = ForeignMask(word="dog", frame=0, shape=RunLengths(counts="61X", height=20, width=100))

    with pytest.raises(ValueError, match="break off"):
        taken(torn, mask_of("dog", block(0, 50)))


def test_a_licence_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="licence is empty"):
        ImportConfig(licence=" ")
