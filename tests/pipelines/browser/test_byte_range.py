import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.browser.byte_range import UnsatisfiableRangeError, wanted_bytes

SIZE = 10_000


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [  # RFC 9110, 14.1.2: examples over a representation of 10,000 bytes
        ("bytes=0-499", 0, 499),
        ("bytes=500-999", 500, 999),
        ("bytes=-500", 9500, 9999),
        ("bytes=9500-", 9500, 9999),
        ("bytes=9500-20000", 9500, 9999),
        ("bytes=-20000", 0, 9999),
    ],
)
def test_ranges_are_those_of_the_standard(header: str, first: int, last: int) -> None:
    assert wanted_bytes(header, SIZE) == range(first, last + 1)


@pytest.mark.parametrize(
    "header",
    [
        *("bytes=10000-", "bytes=10000-20000", "bytes=500-499", "bytes=-0", "bytes=-", "bytes=", "bytes", ""),
        *("bytes=0-1,3-4", "bytes=0-1, 0-1", "items=0-1", "bytes=a-b", "bytes=0x0-1", "bytes=--1", "bytes=1--2"),
        *("bytes=0-" + "9" * 30, "bytes=\u0661-\u0662"),
    ],
)
def test_what_is_no_single_range_of_the_payload_is_refused(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError, match="the range is"):
        wanted_bytes(header, SIZE)


@given(first=st.integers(0, 50), last=st.integers(0, 50), content=st.binary(min_size=1, max_size=40))
def test_a_range_is_a_slice_of_the_content_or_refused(first: int, last: int, content: bytes) -> None:
    expected = content[first : last + 1]

    if not expected:
        with pytest.raises(UnsatisfiableRangeError):
            wanted_bytes(f"bytes={first}-{last}", len(content))
    else:
        found = wanted_bytes(f"bytes={first}-{last}", len(content))
        assert content[found.start : found.stop] == expected
