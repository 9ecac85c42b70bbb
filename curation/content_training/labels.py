"""Labels that people gave to clips (A.1): a CSV file, read strictly, and one label from what several people say.

Columns: `clip` (the video's path, relative to the file's folder), `start_s` and `end_s` (optional, or empty for the
whole video), `label` (one of CONTENT_CLASSES; empty while nobody has looked) and `annotator` (who says so). A clip that
several people looked at has a row from each, in one file or in several.
"""

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from curation.annotators.protocols import CONTENT_CLASSES
from curation.sources import clip_id_of
from dataset_schema import Source
from storage.text_files import read_text

COLUMNS: Final = ("clip", "start_s", "end_s", "label", "annotator")

_REQUIRED: Final = frozenset({"clip", "label", "annotator"})
_SURPLUS: Final = "(surplus)"
_MISSING: Final = "(missing)"


class ClipLabel(NamedTuple):
    """What one person says of one clip; `label` is an index into CONTENT_CLASSES."""

    source: Source
    label: int
    annotator: str


class Labels(NamedTuple):
    """All that label files say.

    Attributes:
        given: in the order of the files.
        unlabelled: rows that nobody has filled in.
    """

    given: tuple[ClipLabel, ...]
    unlabelled: int


class DecidedLabels(NamedTuple):
    """One label per clip.

    Attributes:
        labels: the class that most annotators of a clip chose.
        ties: clips set aside because two classes had equally many votes.
    """

    labels: Mapping[Source, int]
    ties: int


class _RowError(ValueError):
    """A row of a label file is wrong."""


def read_labels(files: Sequence[Path]) -> Labels:
    """The labels of all files together.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is no such CSV, or has bad rows; the message names every one of them by its line.
    """
    given: dict[tuple[Source, str], tuple[ClipLabel, str]] = {}
    unlabelled, problems = 0, []
    for file in files:
        for place, fields in _rows(file):
            try:
                label = _label(fields, file.parent)
                if label is None:
                    unlabelled += 1
                elif (label.source, label.annotator) in given:
                    first = given[label.source, label.annotator][1]
                    raise _RowError(f"{label.annotator!r} labels the clip of {first} again; remove one of the two rows")
                else:
                    given[label.source, label.annotator] = label, place
            except _RowError as error:
                problems.append(f"{place}: {error}")
    if problems:
        raise ValueError("\n".join([f"labels have {len(problems)} bad rows:", *problems]))
    return Labels(tuple(label for label, _ in given.values()), unlabelled)


def listed_clips(file: Path) -> list[Source]:
    """The clips of a label file, whether labelled or not, in the file's order; a clip of several rows once.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the file is no such CSV, or a row names no clip.
    """
    clips: dict[Source, None] = {}
    for place, fields in _rows(file):
        try:
            clips[_source(fields, file.parent)] = None
        except _RowError as error:
            raise ValueError(f"{place}: {error}") from error
    return list(clips)


def label_file(labels: Iterable[tuple[Source, str, str]]) -> str:
    """A label file of these clips, each with its label, empty while nobody has looked, and its annotator."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for source, label, annotator in labels:
        start, end = ("" if seconds is None else repr(seconds) for seconds in (source.start_s, source.end_s))
        writer.writerow((source.uri, start, end, label, annotator))
    return text.getvalue()


def decide_labels(given: Sequence[ClipLabel]) -> DecidedLabels:
    """The majority's label of every clip. Our choice: ties are left out; a guess would teach the network the guess."""
    decided: dict[Source, int] = {}
    votes = votes_by_clip(given)
    for source, counts in votes.items():
        (label, most), *others = counts.most_common(2)
        if not others or most > others[0][1]:
            decided[source] = label
    return DecidedLabels(decided, ties=len(votes) - len(decided))


def votes_by_clip(given: Sequence[ClipLabel]) -> Mapping[Source, Counter[int]]:
    """How many annotators chose which class, per clip."""
    votes: defaultdict[Source, Counter[int]] = defaultdict(Counter)
    for label in given:
        votes[label.source][label.label] += 1
    return votes


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Every row with its place."""
    if not file.is_file():
        raise FileNotFoundError(
            f"label file {file} does not exist; `python -m pipelines label-clips` writes one to fill"
        )
    reader = csv.DictReader(io.StringIO(read_text(file), newline=""), restkey=_SURPLUS, restval=_MISSING, strict=True)
    columns = reader.fieldnames or []
    if not _REQUIRED.issubset(columns) or not set(columns) <= set(COLUMNS):
        raise ValueError(
            f"label file {file} has the columns {', '.join(columns) or '(none)'}, expected {', '.join(COLUMNS)}, "
            "separated by commas; start_s and end_s may be absent"
        )
    try:
        for fields in reader:
            yield f"line {reader.line_num} of {file.name}", fields
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} of {file}: cannot be read as CSV: {error}") from error


def _label(fields: dict[str, str], folder: Path) -> ClipLabel | None:
    """What a row says; None if it is still to be filled in."""
    if _SURPLUS in fields:
        raise _RowError("has more fields than the header; quote a path with commas")
    if _MISSING in fields.values():
        raise _RowError("has fewer fields than the header")
    source = _source(fields, folder)
    label, annotator = fields["label"].strip(), fields["annotator"].strip()
    if not label:
        return None
    if label not in CONTENT_CLASSES:
        raise _RowError(f"label is {label!r}, expected one of {', '.join(CONTENT_CLASSES)}, or nothing")
    if not annotator:
        raise _RowError("annotator is empty, expected who gave the label")
    return ClipLabel(source, CONTENT_CLASSES.index(label), annotator)


def _source(fields: dict[str, str], folder: Path) -> Source:
    name = fields["clip"].strip()
    if not name:
        raise _RowError("clip is empty, expected the path of a video")
    if "://" in name:
        raise _RowError(f"clip is {name!r}, expected the path of a file")
    start_s, end_s = (_seconds(fields, column) for column in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise _RowError(f"end_s is {end_s:g}, expected more than start_s, which is {start_s or 0:g}")
    path = str((folder / name).resolve())
    return Source(id=clip_id_of(path, start_s, end_s), uri=path, start_s=start_s, end_s=end_s)


def _seconds(fields: dict[str, str], column: str) -> float | None:
    text = fields.get(column, "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise _RowError(f"{column} is {text!r}, expected a number of seconds from 0")
    return seconds
