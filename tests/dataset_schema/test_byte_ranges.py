from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_schema.byte_ranges import ByteRange, joined, read_ranges

CONTENT = bytes(number * 7 % 251 for number in range(4000))

RANGES = st.lists(st.builds(ByteRange, st.integers(0, 3000), st.integers(0, 500)), min_size=1, max_size=12)


@given(RANGES)
def test_joined_ranges_hold_all_bytes_and_little_else(ranges: list[ByteRange]) -> None:
    joint = joined(ranges)

    wanted = {byte for each in ranges for byte in range(each.offset, each.end)}
    fetched = [byte for each in joint for byte in range(each.offset, each.end)]
    assert wanted <= set(fetched)
    assert len(fetched) == len(set(fetched))
    assert len(fetched) <= 1.05 * len(wanted)
    assert len(joint) <= len(ranges)


@given(RANGES)
def test_what_is_read_is_what_stands_there(ranges: list[ByteRange]) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "file"
        file.write_bytes(CONTENT)

        assert read_ranges(file, ranges, size_bytes=4000) == [CONTENT[each.offset : each.end] for each in ranges]


def test_a_file_that_is_another_by_now_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)

    with pytest.raises(OSError, match="it has 4000 bytes, expected the 4001 that it had"):
        read_ranges(file, [ByteRange(0, 1)], size_bytes=4001)
    with pytest.raises(OSError, match="it ends at byte 4000, expected 100 bytes there"):
        read_ranges(file, [ByteRange(3950, 100)], size_bytes=4000)
