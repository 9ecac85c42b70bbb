"""Any clip can be generated alone, and looks as the content filter gets it."""

import numpy as np

from curation.annotators.protocols import CONTENT_CLASSES
from curation.content_training.clips import generate_clip


def test_the_same_seed_and_index_give_the_same_clip() -> None:
    generate_clip(4, 2)
    one, two = generate_clip(4, 8), generate_clip(4, 8)

    np.testing.assert_array_equal(one.frames, two.frames)
    assert not np.array_equal(one.frames, generate_clip(5, 8).frames)
    assert not np.array_equal(one.frames, generate_clip(4, 13).frames)


def test_clips_look_as_the_filter_gets_them_and_labels_take_turns() -> None:
    clips = [generate_clip(0, index) for index in range(5)]

    assert [CONTENT_CLASSES[clip.label] for clip in clips] == list(CONTENT_CLASSES)
    assert {(clip.frames.shape, clip.frames.dtype.name) for clip in clips} == {((16, 224, 224, 3), "uint8")}
