"""Looks through everything that a dataset and its exports hold for what was forgotten, by name and by content.

Tables are looked through value by value, since text is compressed in them; of media those are hashed that are as long
as something forgotten. Other files are looked through byte by byte; videos, pictures and members of tars are hashed. It
knows nothing of what was done before: it goes by the files that are there.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.execution.lock import LOCKS
from pipelines.housekeeping.forgetting.journal import JOURNAL_NAME
from pipelines.housekeeping.forgetting.needles import Needles
from pipelines.housekeeping.forgetting.payloads import Payloads
from pipelines.housekeeping.forgetting.plan import Plan
from storage.address import Place, path_below, sized_files
from storage.local_copy import local_copy
from storage.places import place_of

_MEDIA: Final = frozenset({".mp4", ".mov", ".mkv", ".webm", ".png", ".jpg", ".jpeg", ".webp", ".safetensors"})
_ROWS_AT_ONCE: Final = 4096
_BLOCK_BYTES: Final = 1 << 24
_OVERLAP_BYTES: Final = 1 << 12  # longer than an id or an address


@dataclass(slots=True, kw_only=True)
class Proof:
    """What was looked through.

    Attributes:
        files: of the dataset and the exports.
        rows: of all their Parquet files.
        hashed: media that are as long as something forgotten.
        left: where something of it is, and what.
    """

    files: int = 0
    rows: int = 0
    hashed: int = 0
    left: list[str] = field(default_factory=list)


def look_through(dataset: Place, plan: Plan) -> Proof:
    """Look for what the plan took out.

    Raises:
        ValueError: a Parquet file cannot be read.
    """
    proof = Proof()
    search = _Search(plan, proof)
    for path, size_bytes in sorted(sized_files(dataset, "*")):
        if path.name not in {*LOCKS, JOURNAL_NAME}:
            search.file(path, path_below(path, dataset).as_posix(), size_bytes)
    for at, content in Payloads(dataset).of_sizes(plan.sizes) if plan.sizes else ():
        search.content(f"{at.shard}, row {at.row}", *content)
    for part in plan.exports:
        folder = place_of(part.folder)
        for path, size_bytes in sorted(sized_files(folder, "*")):
            search.file(path, f"{folder.name}/{path_below(path, folder).as_posix()}", size_bytes)
    return proof


class _Search:
    def __init__(self, plan: Plan, proof: Proof) -> None:
        ids = {*plan.clip_ids, *(source.id for source in plan.sources)}
        self._needles = Needles(ids, {source.uri for source in plan.sources})
        files = [each for part in plan.exports for each in part.files]
        self._contents = {(each.sha256, each.size_bytes) for each in (*plan.contents, *files)}
        self._sizes = {size_bytes for _, size_bytes in self._contents}
        self._proof = proof

    def file(self, path: Place, where: str, size_bytes: int) -> None:
        """Look at a file, and at its name."""
        self._proof.files += 1
        self._names(where.encode(errors="surrogateescape"), f"the name {where}")
        suffix = path.suffix.lower()
        with local_copy(path) as copy:
            if suffix == ".parquet":
                self._table(copy, where)
            elif suffix == ".tar":
                self._tar(copy, where)
            else:
                self._whole(copy, where, size_bytes)
                for block in () if suffix in _MEDIA else _blocks(copy):
                    self._names(block, where)

    def content(self, where: str, digest: str, size_bytes: int) -> None:
        """Hold a hash against those of what was forgotten."""
        self._proof.hashed += 1
        if (digest, size_bytes) in self._contents:
            self._tell(f"{where}: bytes with SHA-256 {digest}")

    def _names(self, content: bytes, where: str) -> None:
        for name in sorted(self._needles.found_in(content)):
            self._tell(f"{where}: {name}")

    def _table(self, path: Path, where: str) -> None:
        try:
            with pq.ParquetFile(path) as file:
                self._proof.rows += file.metadata.num_rows
                for batch in file.iter_batches(_ROWS_AT_ONCE, columns=_texts(file), use_threads=False):
                    for text in _strings(batch):
                        self._names(text, where)
                self._names(repr(file.metadata.metadata).encode(), f"the footer of {where}")
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"{where} cannot be looked through ({error}); repair or delete it, and ask again"
            ) from error

    def _tar(self, path: Path, where: str) -> None:
        with tarfile.open(path) as tar:
            for member in tar:
                self._names(member.name.encode(errors="surrogateescape"), f"{where}, a member's name")
                content = tar.extractfile(member)
                if content is None:
                    continue
                if Path(member.name).suffix.lower() not in _MEDIA:
                    self._names(content.read(), f"{where}, {member.name}")
                elif member.size in self._sizes:
                    self.content(f"{where}, {member.name}", sha256(content.read()).hexdigest(), member.size)

    def _whole(self, path: Path, where: str, size_bytes: int) -> None:
        if size_bytes and size_bytes in self._sizes:
            with path.open("rb") as file:
                digest = file_digest(file, "sha256")
            self.content(where, digest.hexdigest(), size_bytes)

    def _tell(self, what: str) -> None:
        if what not in self._proof.left:
            self._proof.left.append(what)


def _texts(file: pq.ParquetFile) -> list[str]:
    columns = (file.schema.column(number) for number in range(len(file.schema)))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY" and _is_text(column)]


def _is_text(column: pq.ColumnSchema) -> bool:
    return bool(column.logical_type.type == "STRING" or column.converted_type == "UTF8")


def _strings(batch: pa.RecordBatch) -> Iterator[bytes]:
    """All texts of some rows, those of a column with line ends between."""
    for column in batch.columns:
        yield from _texts_of(column)


def _texts_of(array: pa.Array) -> Iterator[bytes]:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        yield from _texts_of(pc.list_flatten(array))
    elif pa.types.is_struct(array.type):
        for member in array.flatten():
            yield from _texts_of(member)
    elif pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        yield "\n".join(array.drop_null().to_pylist()).encode(errors="surrogateescape")


def _blocks(path: Path) -> Iterator[bytes]:
    """A file in blocks that overlap, so that nothing is cut in two."""
    with path.open("rb") as file:
        before = b""
        while block := file.read(_BLOCK_BYTES):
            yield before + block
            before = block[-_OVERLAP_BYTES:]
