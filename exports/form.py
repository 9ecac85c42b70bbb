"""What a format is: the names and rows of one trainer, and the rules by which its reader drops a row or stops."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import pyarrow as pa

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.content import Content
from exports.target import Target
from storage.address import Place

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Clips that a reader takes as one dataset.

    Attributes:
        frames: of the grid; the most, where a group has several.
        references: of every clip; the most, where a group has several.
        clips: how many.
        size: (height, width) that most of its clips have.
        silent: clips without sound.
    """

    name: str
    frames: int
    references: int
    clips: int
    size: tuple[int, int]
    silent: int


class Written(Protocol):
    """What was written, as far as a format's own files are made of it. Rows come in the order of the dataset."""

    @property
    def output(self) -> Place:
        """Where the export will lie: absolute."""
        ...

    @property
    def groups(self) -> tuple[Group, ...]:
        """Sorted by name."""
        ...

    def rows(self, group: str | None = None) -> Iterator[Row]:
        """The rows of a group, or of all."""
        ...


class Format(Protocol):
    """One trainer's form of a dataset. Reading its file tells where its facts come from.

    Attributes:
        name: as `--to` takes it.
        summary: what reads it, in a line.
        target: what the reader asks of clips.
        packs: the files of a part go into one tar.
        opens_addresses: its readers open what lies in a store; else an export has to lie in a folder.
        part_bytes: how much is written before it is noted as done; of a format that packs, the size of a tar.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    target: ClassVar[Target]
    packs: ClassVar[bool]
    opens_addresses: ClassVar[bool]
    part_bytes: ClassVar[int]

    def video_name(self, clip_id: str, group: str) -> str:
        """Where the video lies, below the export's folder."""
        ...

    def picture_name(self, clip_id: str, group: str, number: int) -> str:
        """Where the picture of this number lies, from 1 on."""
        ...

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """What lies beside, such as a caption of the same name, by file name. The video is as it is written."""
        ...

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """What the format's own files say of a clip."""
        ...

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """What else the row says, as far as it takes looking into pictures: found when the clip is written."""
        ...

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """What the reader would not take about a row: it stops there, drops it, or trains on something else."""
        ...

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The format's own files: names, and their lines."""
        ...

    def tables(self, written: Written) -> Iterator[tuple[str, pa.Schema, Iterable[pa.Table]]]:
        """Those of them that are Parquet: names, schemas, and their row groups."""
        ...

    def command(self, written: Written) -> str:
        """The trainer's command that comes next."""
        ...


def json_list(items: Iterable[str]) -> Iterator[str]:
    """Texts of JSON as one list, a line each."""
    yield "["
    yield from with_commas(items)
    yield "]"


def json_members(members: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Names and texts of JSON as one object, a line each."""
    yield "{"
    yield from with_commas(f"{json.dumps(name)}: {text}" for name, text in members)
    yield "}"


def json_lists(lists: Iterable[tuple[str, Iterable[str]]]) -> Iterator[str]:
    """Lists of texts of JSON in one object, a line for each text."""
    begins = "{"
    for name, items in lists:
        yield f"{begins}{json.dumps(name)}: ["
        yield from with_commas(items)
        begins = "], "
    yield "]}"


def with_commas(items: Iterable[str]) -> Iterator[str]:
    """Texts of JSON as they stand in a list, a line each."""
    rest = iter(items)
    line = next(rest, None)
    while line is not None:
        following = next(rest, None)
        yield f"  {line}{',' if following is not None else ''}"
        line = following
