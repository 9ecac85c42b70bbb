from pathlib import Path

import pytest

from storage.text_files import open_text, read_text

TEXT = "Ä dog,\nand a \N{SMILING CAT FACE WITH OPEN MOUTH}.\n"
MARKED = ["utf-8-sig", "utf-16", "utf-32"]


def big_endian(text: str, encoding: str) -> bytes:
    """With a mark, as Macs of old wrote it."""
    return f"\ufeff{text}".encode(f"{encoding}-be")


@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_a_text_is_read_whatever_its_mark_says_and_without_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode(encoding))

    with open_text(path) as file:
        lines = list(file)

    assert read_text(path) == TEXT
    assert lines == TEXT.replace("\n", "\r\n").splitlines(keepends=True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_the_order_of_bytes_does_not_matter(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(big_endian(TEXT, encoding))

    assert read_text(path) == TEXT


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A d\xffg.", "text is not UTF-8 at byte 3; save it as UTF-8"),
        (TEXT.encode("utf-16")[:-1], "text is not UTF-16 at byte"),
        (TEXT.encode("utf-16-le"), "text is not UTF-8 text (it holds NUL bytes); save it as UTF-8"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)

    with pytest.raises(ValueError, match="save it as UTF-8") as error:
        read_text(path)

    assert problem in str(error.value)


def test_lines_may_be_read_with_their_faults_where_those_cost_one_line(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"A dog.\nA c\xfft.\n")

    with open_text(path, keeps_faults=True) as file:
        assert list(file) == ["A dog.\n", "A c\udcfft.\n"]
    with pytest.raises(ValueError, match="text is not UTF-8 to its end"), open_text(path) as file:
        list(file)
