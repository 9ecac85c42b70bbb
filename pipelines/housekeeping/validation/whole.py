"""What only the tables together show: clips that stand twice, sources that are not whole, counts, strangers."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from curation.funnel import dataset_funnel
from dataset_schema import TABLES, DatasetManifest, FunnelRow, open_index, shard_paths
from dataset_schema.shard import INDEX_FOLDER
from pipelines.housekeeping.forgetting.journal import JOURNAL_NAME
from pipelines.housekeeping.identities import identities
from pipelines.housekeeping.validation.findings import REDO, Check, Finding
from storage.address import Place, path_below, sized_files, to_read

_HEAD: Final = "dataset.json"
_MOST: Final = 100  # findings of one query
_TWICE: Final = """
    SELECT clip_id, folder, shard, row FROM clips
    WHERE clip_id IN (SELECT clip_id FROM clips GROUP BY clip_id HAVING count(*) > 1)
    ORDER BY clip_id, folder, shard, row LIMIT ?
"""
_NOT_WHOLE: Final = """
    SELECT source_id, count(DISTINCT clip_id) AS found, max(num_clips) AS said, any_value(folder), any_value(shard)
    FROM clips GROUP BY source_id HAVING found > said OR (found < said AND ?) ORDER BY source_id LIMIT ?
"""
_COUNT: Final = "look for a shard that was deleted or added; curate again, which counts anew"


def check_clips(dataset: Place, *, is_complete: bool) -> Iterator[Finding]:
    """Clips that stand in several rows, and sources of which clips are missing, or too many."""
    shards = {table.folder: shard_paths(dataset, kind) for kind, table in TABLES.items()}
    with identities([dataset]) as clips:
        for clip_id, folder, shard, row in clips.execute(_TWICE, [_MOST]).fetchall():
            yield Finding(
                check=Check.CLIP,
                where=path_below(shards[folder][shard], dataset).as_posix(),
                row=row,
                clip_id=clip_id,
                found="a clip of which there are several rows",
                expected="one row in one table",
            )
        for source_id, found, said, folder, shard in clips.execute(_NOT_WHOLE, [is_complete, _MOST]).fetchall():
            yield Finding(
                check=Check.SOURCE,
                where=path_below(shards[folder][shard], dataset).as_posix(),
                found=f"{found} clips of source {source_id}",
                expected=f"{said}, as their rows say",
                remedy="curate again, which does what is missing" if found < said else REDO,
            )


def check_funnel(dataset: Place, manifest: DatasetManifest) -> Iterator[Finding]:
    """Whether the head of a finished dataset counts what is in its tables."""
    expected = {row.stage: row for row in manifest.funnel}
    try:
        counted = {row.stage: row for row in dataset_funnel(dataset, tuple(expected))}
    except ValueError as error:
        yield Finding(
            check=Check.FUNNEL, where=_HEAD, found=str(error), expected="the stages that it names", remedy=_COUNT
        )
        return
    for stage, said in expected.items():
        if counted[stage] != said:
            yield Finding(
                check=Check.FUNNEL,
                where=_HEAD,
                found=f"{_told(said)} at {stage}",
                expected=f"{_told(counted[stage])}, as the tables say",
                remedy=_COUNT,
            )


def _told(row: FunnelRow) -> str:
    left = {**row.rejected, **row.failed}
    return ", ".join([f"{row.entered} in, {row.passed} out", *(f"{code} {count}" for code, count in left.items())])


def check_files(dataset: Place) -> Iterator[Finding]:
    """What lies among the shards and is none, and what a run that was killed has left."""
    folders = {table.folder: set(shard_paths(dataset, kind)) for kind, table in TABLES.items()}
    for folder, shards in folders.items():
        others = sorted(each for each in sized_files(dataset / folder, "*") if each[0] not in shards)
        yield from (_stranger(dataset, path) for path, _ in others)
    beside: Iterator[Place] = dataset.iterdir()
    for path in sorted(beside):
        if path.name == JOURNAL_NAME:
            yield _begun_forgetting(path)
        elif _is_leftover(path):
            yield _stranger(dataset, path)


def check_index(dataset: Place) -> Iterator[Finding]:
    """Whether what is written of the index is what follows from the shards; where nothing is, nothing is wrong."""
    index = open_index(dataset)
    written = sorted(path for path, _ in sized_files(dataset / INDEX_FOLDER, "*.parquet")) if index.parts else []
    for path in written:
        if path not in index.paths:
            yield _of_index(dataset, path, "rows of shards that are not there", "rows of the shards")
        elif problem := _problem_of_part(path):
            yield _of_index(dataset, path, problem, "a part that reads")
    start = 0
    for shard in index.shards if index.paths else ():
        for fresh in shard.derive():
            stored = index.read(range(start, start + len(fresh)), fresh.column_names)
            start += len(fresh)
            if _plain(stored) != _plain(fresh):
                yield _of_index(dataset, shard.path, "the index has other rows of it", "what follows from the shard")
                break


def _of_index(dataset: Place, path: Place, found: str, expected: str) -> Finding:
    return Finding(
        check=Check.INDEX,
        where=path_below(path, dataset).as_posix(),
        found=found,
        expected=expected,
        remedy=f"delete {INDEX_FOLDER}/: every command reads the shards where it is missing",
    )


def _problem_of_part(path: Place) -> str | None:
    try:
        with pq.ParquetFile(to_read(path)) as part:
            for _ in part.iter_batches():
                pass
    except (pa.ArrowException, OSError) as error:
        return " ".join(str(error).split())
    return None


def _plain(table: pa.Table) -> pa.Table:
    """Without dictionaries, which may list equal values otherwise."""
    kinds = (each.type.value_type if pa.types.is_dictionary(each.type) else each.type for each in table.schema)
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True)))).combine_chunks()


def _stranger(dataset: Place, path: Place) -> Finding:
    return Finding(
        check=Check.FILE,
        where=path_below(path, dataset).as_posix(),
        found="what a command that was killed left" if _is_leftover(path) else "a file that is no shard",
        expected="shards alone",
        remedy="delete it, or let the command go on" if _is_leftover(path) else "move it elsewhere",
    )


def _begun_forgetting(path: Place) -> Finding:
    return Finding(
        check=Check.FILE,
        where=path.name,
        found="a forgetting that was begun",
        expected="none, or its end",
        remedy="ask for it again: `forget` first finishes what it began",
    )


def _is_leftover(path: Place) -> bool:
    return path.name.startswith(".") and path.name.endswith(".tmp")
