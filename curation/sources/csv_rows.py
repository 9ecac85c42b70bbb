"""A CSV manifest: its delimiter from the header, and quotes taken strictly, so that none swallows the rows below it.

What is wrong within one line costs that row. A quote that goes wrong over several lines leaves open which rows there
are, and stops the run: it is never closed, or closed in the middle of a field, or a line inside it begins as the rows
of this manifest do. Captions with line breaks do none of that.
"""

import csv
import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePath
from typing import Final, NamedTuple, TextIO

from curation.sources.column_names import looks_like, plain
from curation.sources.columns import Columns, find_columns
from curation.sources.config import SourcesConfig
from curation.sources.rows import Listing, Row
from storage.address import Place
from storage.text_files import open_text

_DELIMITERS: Final = ",;\t|"
_DECIMAL_COMMA: Final = re.compile(r"\d+,\d+")
_SEPARATOR: Final = re.compile(r"\"?sep=[,;\t|]?\"?", re.IGNORECASE)
_LONGEST_FIELD: Final = 1 << 26  # characters; the csv module refuses longer ones than its own small limit otherwise


class _Record(NamedTuple):
    """What stands between two line ends outside of quotes.

    Attributes:
        line: number of its first line.
        lines: as they stand in the file.
    """

    line: int
    lines: tuple[str, ...]
    fields: list[str]
    problem: str | None = None


class _Header(NamedTuple):
    """What the first line says.

    Attributes:
        names: of all columns; empty where one has no name, as the index of a data frame.
        lines: of the file, down to it.
    """

    delimiter: str
    names: list[str]
    columns: Columns
    lines: int


def list_csv(path: Place, config: SourcesConfig) -> Listing:
    """The rows of a CSV file.

    Raises:
        ValueError: it is no text, lacks a column, or holds a quote that swallows rows.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    with open_text(path, keeps_faults=True) as file:
        header = _read_header(file, path, config)
    return Listing(count=_look_through(path, header), read=partial(_rows, path, header))


def csv_columns(path: Place) -> list[str]:
    """The names in the header, however they are separated.

    Raises:
        ValueError: it is no text.
    """
    with open_text(path, keeps_faults=True) as file:
        return [name for name in _names(file, "video")[1] if name.strip()]


def _read_header(file: TextIO, path: Place, config: SourcesConfig) -> _Header:
    delimiter, names, lines = _names(file, config.video_column)
    if any(name != name.rstrip("\r\n") for name in names):
        raise ValueError(
            f"manifest {path} has a quote in its header that is not closed on that line; close or remove it"
        )
    columns = find_columns([name for name in names if name.strip()], config, where=f"manifest {path}")
    return _Header(delimiter, names, columns, lines)


def _names(file: TextIO, videos: str) -> tuple[str, list[str], int]:
    """The delimiter that finds a column of videos in the header, and the most columns; the names then; its line."""
    line, number = _header_line(file)

    def split(delimiter: str) -> list[str]:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])

    def rank(delimiter: str) -> tuple[bool, int]:
        names = split(delimiter)
        return any(plain(name) == plain(videos) or looks_like("video", name) for name in names), len(names)

    chosen = max(_DELIMITERS, key=rank)  # the first of equal ones, so the comma
    return chosen, split(chosen), number


def _header_line(file: TextIO) -> tuple[str, int]:
    """The first line that is not blank and no `sep=;`, as written for spreadsheets; and its number."""
    number = 0
    for number, line in enumerate(file, start=1):
        if line.strip() and not _SEPARATOR.fullmatch(line.strip()):
            return line, number
    return "", number


def _look_through(path: Place, header: _Header) -> int:
    """Count the rows.

    Raises:
        ValueError: a quote swallows rows.
    """
    count = 0
    endings: set[str] = set()
    suspects: dict[str, tuple[_Record, int]] = {}  # ending of a name in the midst of a field -> where
    for record in _records(path, header):
        count += 1
        endings.add(_ending(record.fields, header))
        for offset, line in enumerate(record.lines[1:], start=1):
            fields = next(csv.reader([line], delimiter=header.delimiter, skipinitialspace=True), [])
            ending = _ending(fields, header) if len(fields) >= min(2, len(header.names)) else ""
            if ending and ending not in suspects:
                suspects[ending] = record, record.line + offset
    for ending, (record, inner) in suspects.items():
        if ending in endings:
            raise _swallowed(path, record.line, f"line {inner} looks like a row, and stands inside it")
    return count


def _ending(fields: list[str], header: _Header) -> str:
    """Such as `.mp4`, of the name in the column of videos."""
    at = header.names.index(str(header.columns.name_of("video")))
    return PurePath(fields[at].strip()).suffix.lower() if at < len(fields) else ""


def _rows(path: Place, header: _Header) -> Iterator[Row]:
    for number, record in enumerate(_records(path, header), start=1):
        problem = record.problem
        if any(record.fields[len(header.names) :]):
            problem = f"has more than {len(header.names)} fields; quote a caption with commas"
        fields = {name: text for name, text in zip(header.names, record.fields, strict=False) if name.strip()}
        if header.delimiter == ";":
            _point_for_comma(fields, header.columns)
        yield header.columns.row(f"line {record.line} of {path.name}", number, fields, problem)


def _point_for_comma(fields: dict[str, str], columns: Columns) -> None:
    """Spreadsheets separate by semicolons where a comma stands in their decimal numbers."""
    for name in (columns.name_of("start"), columns.name_of("end")):
        if name in fields and _DECIMAL_COMMA.fullmatch(fields[name].strip()):
            fields[name] = fields[name].replace(",", ".")


def _records(path: Place, header: _Header) -> Iterator[_Record]:
    """What stands below the header, without rows of nothing but blanks and delimiters, as spreadsheets leave them."""
    with open_text(path, keeps_faults=True) as file:
        _header_line(file)
        for record in _split(file, path, header.delimiter, header.lines):
            if record.problem or any(map(str.strip, record.fields)):
                yield record


def _split(file: TextIO, path: Place, delimiter: str, lines_before: int) -> Iterator[_Record]:
    lines: list[str] = []

    def remembered() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    reader = csv.reader(remembered(), delimiter=delimiter, skipinitialspace=True, strict=True)
    while True:
        lines.clear()
        try:
            fields, problem = next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            fields, problem = [], f"cannot be read as CSV ({error}); double the quotes inside a quoted field"
        first = lines_before + reader.line_num - len(lines) + 1
        if problem and len(lines) > 1:
            raise _swallowed(
                path, first, f"it is not closed where a field ends, down to line {lines_before + reader.line_num}"
            )
        yield _Record(first, tuple(lines), fields, problem)


def _swallowed(path: Place, line: int, found: str) -> ValueError:
    return ValueError(
        f"line {line} of {path} has a quote that swallows the rows below: {found}; close the quote or remove it, and "
        "double the quotes inside a quoted field"
    )
