import numpy as np

from worlds.filmed.insets import Area, lay_over


def test_an_inset_is_the_other_video_inside_and_the_first_outside() -> None:
    rng = np.random.default_rng(2)
    below, above = (rng.integers(0, 256, (16, size, size, 3), np.uint8) for size in (64, 24))
    for _ in range(20):
        video = below.copy()
        lay_over(rng, video, above, Area(left=10, top=30, height=24, width=24))

        centre = (slice(None), slice(38, 46), slice(18, 26))
        np.testing.assert_array_equal(video[centre], above[:, 8:16, 8:16])
        margin = 6  # of a border or a shadow
        np.testing.assert_array_equal(video[:, : 30 - margin], below[:, : 30 - margin])
        np.testing.assert_array_equal(video[:, :, 34 + margin :], below[:, :, 34 + margin :])
