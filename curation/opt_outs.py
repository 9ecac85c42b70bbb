"""What may not come into a dataset: sources and content that were forgotten, or that a list of one's own names.

A dataset keeps what was forgotten from it in `opt_out.jsonl`, and every run into it reads that first. What identifies a
source stands there as SHA-256 alone: whoever has the source can tell that it is meant, and nobody reads it off.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Final, Self

from curation.video.perceptual_hash import looks_alike
from dataset_schema import Source
from storage.address import Place
from storage.text_files import read_text
from storage.whole_files import write_whole_text

OPT_OUT_NAME: Final = "opt_out.jsonl"
OPTED_OUT: Final = "opted_out"

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LOOKS: Final = re.compile(r"[0-9a-f]{48}")


def digest_of(text: str) -> str:
    """What stands for a source's id or address."""
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOuts:
    """What may not come in.

    Attributes:
        sources: SHA-256 of ids of sources; `uris` of their addresses.
        contents: SHA-256 of whole files.
        looks: perceptual hashes; what looks alike is meant, too.
    """

    sources: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    looks: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def __or__(self, other: Self) -> Self:
        return type(self)(**{each.name: getattr(self, each.name) | getattr(other, each.name) for each in fields(self)})

    def why(self, source: Source) -> str | None:
        """By what a source is opted out, in a sentence for people; None where it is not, as far as is known of it."""
        if not self:
            return None
        if digest_of(source.id) in self.sources or digest_of(source.uri) in self.uris:
            return "the opt-out list names the source"
        if source.content_sha256 in self.contents:
            return "the opt-out list names the hash of its content"
        if source.perceptual_hash is not None and self._alike(source.perceptual_hash):
            return "it looks like what the opt-out list names by a perceptual hash"
        return None

    def _alike(self, looks: str) -> bool:
        return looks in self.looks or any(looks_alike(looks, other) for other in self.looks)

    @classmethod
    def of(cls, source: Source) -> Self:
        """All by which a source can be told."""
        return cls(
            sources=frozenset({digest_of(source.id)}),
            uris=frozenset({digest_of(source.uri)}),
            contents=frozenset({source.content_sha256} if source.content_sha256 else ()),
            looks=frozenset({source.perceptual_hash} if source.perceptual_hash else ()),
        )


def dataset_opt_outs(dataset: Place) -> OptOuts:
    """What was forgotten from a dataset; nothing, where nothing was.

    Raises:
        ValueError: its list cannot be understood.
    """
    path = dataset / OPT_OUT_NAME
    return read_opt_outs(path) if path.is_file() else OptOuts()


def read_opt_outs(path: Place) -> OptOuts:
    """A list that a dataset keeps, or one of one's own: a line for each; empty ones, and comments after a #, are none.

    A line of one's own is the SHA-256 of a file (64 hexadecimal digits), a perceptual hash (48), or the id or address
    of a source as datasets have it.

    Raises:
        FileNotFoundError: there is no such list.
        ValueError: a line cannot be understood.
    """
    gathered: dict[str, set[str]] = {each.name: set() for each in fields(OptOuts)}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        for kind, value in _read_line(line.strip(), f"{path}, line {number}"):
            gathered[kind].add(value)
    return OptOuts(**{kind: frozenset(values) for kind, values in gathered.items()})


def write_opt_outs(dataset: Place, opt_outs: OptOuts) -> None:
    """Let a dataset keep these, in the place of those that it has."""
    lines = [
        json.dumps({"kind": each.name, "value": value})
        for each in fields(opt_outs)
        for value in sorted(getattr(opt_outs, each.name))
    ]
    write_whole_text(dataset / OPT_OUT_NAME, "".join(f"{line}\n" for line in lines))


def _read_line(line: str, where: str) -> Iterator[tuple[str, str]]:
    if not line or line.startswith("#"):
        return
    if line.startswith("{"):
        yield _read_json(line, where)
    elif _SHA256.fullmatch(line.lower()):
        yield "contents", line.lower()
    elif _LOOKS.fullmatch(line.lower()):
        yield "looks", line.lower()
    else:
        yield "sources", digest_of(line)
        yield "uris", digest_of(line)


def _read_json(line: str, where: str) -> tuple[str, str]:
    kinds = {each.name: _LOOKS if each.name == "looks" else _SHA256 for each in fields(OptOuts)}
    try:
        content: Any = json.loads(line)
    except ValueError:
        content = None
    match content:
        case {"kind": str(kind), "value": str(value)} if kind in kinds and kinds[kind].fullmatch(value):
            return kind, value
    raise ValueError(
        f"{where} reads {line!r}, expected what a dataset keeps, such as "
        f'{{"kind": "contents", "value": "64 hexadecimal digits"}}; kinds are {", ".join(kinds)}'
    )
