"""Rows of the index from a shard, whichever tool or version wrote it: from its columns, without pictures and videos."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataset_schema.arrow import FAILURES_SCHEMA, REJECTIONS_SCHEMA, SAMPLES_SCHEMA, Kind
from dataset_schema.entities import EntityKind
from dataset_schema.index.columns import INDEX_SCHEMA, OUTCOMES, SCORE_NAMES
from dataset_schema.placed_media import media_places
from dataset_schema.records import FailedClip, RejectedClip, Sample
from dataset_schema.shard import leaves

# Our choice: some megabytes of rows at a time.
_ROWS_AT_ONCE: Final = 4096

_SOURCE: Final = {f"source_{name}": ("source", name) for name in ("id", "uri", "start_s", "end_s")} | {
    name: ("source", name)
    for name in ("num_clips", "licence", "consent", "rights_holder", "content_sha256", "perceptual_hash")
}
_SCORES: Final = {name: ("scores", name) for name in SCORE_NAMES}

# Where the columns stand that a table has ready.
_READY: Final[dict[Kind, dict[str, tuple[str, ...]]]] = {
    Sample: {
        **{
            name: (name,)
            for name in ("clip_id", "caption", "bucket", "num_frames", "fps", "height", "width", "video_start_s")
        },
        **_SOURCE,
        **_SCORES,
        "duration_s": ("media", "duration_s"),
        "video_path": ("video", "path"),
    },
    RejectedClip: {
        **{name: (name,) for name in ("clip_id", "caption")},
        **_SOURCE,
        **_SCORES,
        "num_frames": ("media", "decoded_frames"),
        **{name: ("media", name) for name in ("fps", "height", "width", "duration_s")},
    },
    FailedClip: {**{name: (name,) for name in ("clip_id", "stage")}, **_SOURCE, "reason": ("kind",)},
}

_NESTED: Final = (
    *("scores.more.name", "scores.more.value"),
    *(f"entities.{name}" for name in ("word", "kind", "start", "end", "same_as")),
    "entities.references.is_face",
)
# What the other columns are made of, as leaves: so that the pictures beside them are not read.
_MADE_OF: Final[dict[Kind, tuple[str, ...]]] = {
    Sample: (*_NESTED, "background.frame_index"),
    RejectedClip: (*_NESTED, "reasons.stage", "reasons.reason", "reasons.detail"),
    FailedClip: ("error_type", "message"),
}
_WORDS: Final = {
    "subjects": EntityKind.SUBJECT,
    "objects": EntityKind.OBJECT,
    "backgrounds": EntityKind.BACKGROUND,
}


def index_rows(file: pq.ParquetFile, kind: Kind, shard: str) -> Iterator[pa.Table]:
    """The rows of an opened shard in order, some thousand at a time.

    Args:
        file: the shard.
        kind: what its rows are.
        shard: what the rows of the index call it.

    Raises:
        ValueError: a row lacks a value that every one of its kind has.
        pa.ArrowException: the file is damaged, or has a value that none of its kind can have.
    """
    row = 0
    places = media_places(file)
    columns = leaves(file, _leaf_names(kind))
    for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False):
        found = _conform(batch, _READ[kind])
        _expect_values(found, kind, shard)
        made = {**_ready(found, kind), **_made(found, kind)}
        made["row"] = pa.array(range(row, row + batch.num_rows), pa.int32())
        if places is not None:
            made["media_offsets"] = places.offsets.slice(row, batch.num_rows)
            made["media_lengths"] = places.lengths.slice(row, batch.num_rows)
        made |= {name: pa.repeat(value, batch.num_rows) for name, value in _same_for_all(kind, shard).items()}
        yield _as_index(made, batch.num_rows)
        row += batch.num_rows


def _leaf_names(kind: Kind) -> list[str]:
    return [*(".".join(path) for path in _READY[kind].values()), *_MADE_OF[kind]]


def _pruned(members: Any, names: Sequence[str]) -> list[pa.Field]:
    """Of a schema or a struct the fields, and of those the members, that lead to one of these leaves."""
    kept = []
    for member in members:
        below = [name.removeprefix(f"{member.name}.") for name in names if name.startswith(f"{member.name}.")]
        if member.name in names:
            kept.append(member)
        elif below:
            is_list = pa.types.is_list(member.type)
            inner = pa.struct(_pruned(member.type.value_type if is_list else member.type, below))
            kept.append(pa.field(member.name, pa.list_(inner) if is_list else inner))
    return kept


_READ: Final[dict[Kind, pa.Schema]] = {
    kind: pa.schema(_pruned(schema, _leaf_names(kind)))
    for kind, schema in ((Sample, SAMPLES_SCHEMA), (RejectedClip, REJECTIONS_SCHEMA), (FailedClip, FAILURES_SCHEMA))
}


def _conform(batch: pa.RecordBatch, schema: pa.Schema) -> dict[str, pa.Array]:
    """The columns in the types of our own shards, whatever another tool made of them; null where it left one out."""
    names = frozenset(batch.schema.names)
    return {
        field.name: batch[field.name].cast(field.type) if field.name in names else pa.nulls(batch.num_rows, field.type)
        for field in schema
    }


def _expect_values(found: dict[str, pa.Array], kind: Kind, shard: str) -> None:
    for name in _NEEDED[kind]:
        if found[name].null_count:
            row = pc.index(pc.is_null(found[name]), True).as_py()
            raise ValueError(
                f"shard {shard}, clip {found['clip_id'][row].as_py()}: {name} of a {kind.__name__} is null, expected a "
                "value"
            )


_NEEDED: Final[dict[Kind, tuple[str, ...]]] = {
    Sample: tuple(name for name in _READ[Sample].names if name != "background"),
    RejectedClip: ("clip_id", "source", "caption", "scores", "reasons"),
    FailedClip: tuple(_READ[FailedClip].names),
}


def _ready(found: dict[str, pa.Array], kind: Kind) -> dict[str, pa.Array]:
    return {
        name: pc.struct_field(found[path[0]], list(path[1:])) if path[1:] else found[path[0]]
        for name, path in _READY[kind].items()
    }


def _made(found: dict[str, pa.Array], kind: Kind) -> dict[str, pa.Array]:
    if kind is FailedClip:
        return {"detail": pc.binary_join_element_wise(found["error_type"], found["message"], ": ")}
    more = pc.struct_field(found["scores"], "more")
    made = _about_entities(found["entities"])
    made["more"] = pa.ListArray.from_arrays(_offsets(more), pc.list_flatten(more))
    if kind is Sample:
        return {**made, "has_background": found["background"].is_valid()}
    first = pc.list_element(found["reasons"], 0)
    return {**made, **{name: pc.struct_field(first, name) for name in ("stage", "reason", "detail")}}


def _about_entities(entities: pa.ListArray) -> dict[str, pa.Array]:
    flat = pc.list_flatten(entities)
    kinds, references = pc.struct_field(flat, "kind"), pc.struct_field(flat, "references")
    first_entity, first_reference = _offsets(entities), _offsets(references)
    is_face = pc.fill_null(pc.struct_field(pc.list_flatten(references), "is_face"), False)
    members = {name: pc.struct_field(flat, name) for name in ("word", "kind", "start", "end", "same_as")}
    members["faces"] = pa.ListArray.from_arrays(first_reference, is_face)
    made = {"entities": pa.ListArray.from_arrays(first_entity, pa.StructArray.from_arrays(members.values(), members))}
    for name, kind in _WORDS.items():
        is_kind = pc.fill_null(pc.equal(kinds, kind.value), False)
        made[name] = pa.ListArray.from_arrays(_sums(is_kind).take(first_entity), members["word"].filter(is_kind))
    references_of_row = first_reference.take(first_entity)
    made["num_references"] = _differences(references_of_row)
    made["num_faces"] = _differences(_sums(is_face).take(references_of_row))
    return made


def _offsets(lists: pa.ListArray) -> pa.Array:
    """Where each list begins among the values of all, and where the last one ends; a null has no values."""
    return _sums(pc.fill_null(pc.list_value_length(lists), 0))


def _sums(numbers: pa.Array) -> pa.Array:
    """Of the first none, the first one, the first two, ... numbers."""
    return pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(numbers.cast(pa.int32()))])


def _differences(sums: pa.Array) -> pa.Array:
    return pc.subtract(sums.slice(1), sums.slice(0, len(sums) - 1))


def _same_for_all(kind: Kind, shard: str) -> dict[str, str]:
    return {"outcome": OUTCOMES[kind].value, "shard": shard}


def _as_index(made: dict[str, pa.Array], num_rows: int) -> pa.Table:
    columns = [
        made[field.name].cast(field.type) if field.name in made else pa.nulls(num_rows, field.type)
        for field in INDEX_SCHEMA
    ]
    return pa.table(columns, schema=INDEX_SCHEMA)
