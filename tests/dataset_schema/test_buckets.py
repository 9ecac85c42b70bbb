import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_schema import TABLE_6_BUCKETS, Bucket, largest_bucket


def test_table_6_has_its_eighteen_sizes() -> None:
    by_height = {height: [b.frames for b in TABLE_6_BUCKETS if b.height == height] for height in (144, 288, 576)}

    assert by_height == {
        144: [17, 49, 73, 97, 121, 145, 193, 289],
        288: [17, 49, 73, 97, 121],
        576: [17, 49, 73, 97, 121],
    }
    assert {(b.height, b.width) for b in TABLE_6_BUCKETS} == {(144, 256), (288, 512), (576, 1024)}


@pytest.mark.parametrize(
    ("duration_s", "height", "width", "bucket"),
    [
        (2.05, 480, 854, "49x288x512"),  # 49.2 frames
        (2.03, 480, 854, "49x288x512"),  # 48.7 frames: within half a frame
        (2.0, 480, 854, "17x288x512"),  # 48 frames
        (12.05, 144, 256, "289x144x256"),
        (5.1, 1920, 1080, "121x576x1024"),  # portrait: 1080 x 1920 covers 1024 x 576
        (0.6, 1080, 1920, None),  # 14.4 frames
        (9.0, 143, 900, None),
    ],
)
def test_the_largest_bucket_a_clip_fills(duration_s: float, height: int, width: int, bucket: str | None) -> None:
    found = largest_bucket(TABLE_6_BUCKETS, duration_s=duration_s, height=height, width=width)

    assert (found and str(found)) == bucket


@given(frames=st.integers(0, 40), height=st.integers(1, 99), width=st.integers(1, 99))
def test_text_and_bucket_are_the_same_thing(frames: int, height: int, width: int) -> None:
    bucket = Bucket(4 * frames + 1, 16 * height, 16 * width)

    assert Bucket.parse(str(bucket)) == bucket


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("18x144x256", "18 frames"),
        ("17x100x256", "height 100"),
        ("17x144", "FRAMESxHEIGHTxWIDTH"),
        ("", "bucket is ''"),
    ],
)
def test_a_size_that_the_autoencoder_cannot_hold_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Bucket.parse(text)
