"""What somebody asks to be forgotten, and which rows of an index are meant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from curation.opt_outs import OptOuts, digest_of
from dataset_schema import Source

# What a source is told by, in a row of the index.
TOLD_BY: Final = ("source_id", "source_uri", "content_sha256", "perceptual_hash")


class By(StrEnum):
    """What names that which is to be forgotten."""

    SOURCE = "source"  # the id of a source or a clip, or its address
    SUBJECT = "subject"  # a subject's word
    RIGHTS_HOLDER = "rights_holder"
    HASHES = "hashes"  # a list of hashes, or the opt-out list of a dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be forgotten.

    Attributes:
        by: what `value` is.
        value: as the person gave it; of a list, its name.
        listed: what a list holds.
    """

    by: By
    value: str
    listed: OptOuts = field(default_factory=OptOuts)

    @property
    def opt_outs(self) -> OptOuts:
        """What may not come in from now on, whether or not it is there."""
        if self.by is not By.SOURCE:
            return self.listed
        return OptOuts(
            sources=frozenset({digest_of(self.value)}), uris=frozenset(map(digest_of, _addresses(self.value)))
        )

    def matches(self, rows: pa.Table) -> pa.ChunkedArray:
        """Of every row of an index whether it is meant by name."""
        match self.by:
            case By.SOURCE:
                names = pa.array([self.value, *_addresses(self.value)])
                found = (pc.is_in(rows[column], names) for column in ("clip_id", "source_id", "source_uri"))
                return _any(rows, found)
            case By.SUBJECT:
                subjects = rows["subjects"]
                is_word = pc.equal(pc.utf8_lower(pc.list_flatten(subjects)), self.value.lower())
                named = pc.list_parent_indices(subjects).filter(is_word)
                return pc.is_in(_numbers(rows), named.cast(pa.int64()).combine_chunks())
            case By.RIGHTS_HOLDER:
                return pc.fill_null(pc.equal(rows["rights_holder"], self.value), False)
            case By.HASHES:
                return opted_out_rows(rows, self.listed)


def _addresses(given: str) -> Iterator[str]:
    """What a source's address may read that a person means by a path."""
    yield given
    if "://" not in given:
        yield str(Path(given).expanduser().absolute())


def opted_out_rows(rows: pa.Table, opt_outs: OptOuts) -> pa.ChunkedArray:
    """Of every row of an index, with the columns `TOLD_BY`, whether it is of a source that is opted out."""
    told = rows.select(TOLD_BY).rename_columns(["id", "uri", *TOLD_BY[2:]]).to_pylist()
    return pa.chunked_array([pa.array([opt_outs.why(source_of(row)) is not None for row in told], pa.bool_())])


def source_of(told: Mapping[str, Any]) -> Source:
    """What tells a source, of what a manifest of an export or a row says of one."""
    return Source(
        id=told["id"],
        uri=told["uri"],
        content_sha256=told.get("content_sha256"),
        perceptual_hash=told.get("perceptual_hash"),
    )


def _numbers(rows: pa.Table) -> pa.Array:
    return pa.array(range(rows.num_rows), pa.int64())


def _any(rows: pa.Table, found: Iterator[pa.ChunkedArray]) -> pa.ChunkedArray:
    is_meant = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
    for each in found:
        is_meant = pc.or_(is_meant, pc.fill_null(each, False))
    return is_meant


def described(opt_outs: OptOuts) -> dict[str, int]:
    """How many entries of each kind there are."""
    return {each.name: len(getattr(opt_outs, each.name)) for each in fields(opt_outs)}
