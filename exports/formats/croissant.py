"""Croissant: what a dataset's files and columns are, in JSON-LD, as catalogues and loaders read it.

Source: Croissant 1.0 as mlcroissant 1.1.1 validates it. A file of rows needs its SHA-256; a set of files has a pattern
and none. Tars are such a set: mlcroissant unpacks a tar into a cache by the tar's name alone, so that those of two
datasets would be taken for each other, and the rows say of every member what it is. When and by whom it was published,
and how to cite it, only the publisher knows: three recommended properties are left to be filled in.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

_CROISSANT: Final = "http://mlcommons.org/croissant/"
_TERMS: Final = (
    *("column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "separator", "source", "subField", "transform", "citeAs"),
    "samplingRate",
)
_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": _CROISSANT,
    "rai": f"{_CROISSANT}RAI/",
    "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _TERMS},
}
_TYPES: Final[Mapping[type, str]] = {str: "sc:Text", int: "sc:Integer", float: "sc:Float", bool: "sc:Boolean"}


class RowsFile(NamedTuple):
    """A JSONL.

    Attributes:
        name: of the file.
        lines: what stands in it.
        columns: of each row; the first is its key.
    """

    name: str
    lines: Iterable[str]
    columns: Mapping[str, type]


def croissant(
    rows: RowsFile, *, name: str, description: str, licences: Sequence[str], media: Mapping[str, str]
) -> Iterator[str]:
    """The text, in lines.

    Args:
        rows: of the dataset.
        name: of the dataset.
        description: in a sentence.
        licences: of its sources.
        media: kinds of the other files, by their patterns.
    """
    digest = sha256()
    for line in rows.lines:
        digest.update(f"{line}\n".encode())
    file = {
        "@type": "cr:FileObject",
        "@id": rows.name,
        "name": rows.name,
        "contentUrl": rows.name,
        "encodingFormat": "application/jsonlines",
        "sha256": digest.hexdigest(),
    }
    sets = [
        {"@type": "cr:FileSet", "@id": pattern, "name": pattern, "encodingFormat": kind, "includes": pattern}
        for pattern, kind in media.items()
    ]
    record_set = {
        "@type": "cr:RecordSet",
        "@id": "clips",
        "name": "clips",
        "key": {"@id": f"clips/{next(iter(rows.columns))}"},
        "field": [_field(column, kind, rows.name) for column, kind in rows.columns.items()],
    }
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": f"{_CROISSANT}1.0",
        "license": list(licences) or "not said",
        "version": "1.0.0",
        "distribution": [file, *sets],
        "recordSet": [record_set],
    }
    yield from json.dumps(content, indent=2, ensure_ascii=False).splitlines()


def _field(column: str, kind: type, rows_file: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"clips/{column}",
        "name": column,
        "dataType": _TYPES[kind],
        "source": {"fileObject": {"@id": rows_file}, "extract": {"column": column}},
    }
