"""A JSONL manifest: one object a line."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from curation.sources.columns import Columns, find_columns
from curation.sources.config import SourcesConfig
from curation.sources.rows import Listing, Row
from storage.address import Place
from storage.text_files import open_text

_FROM_OTHER_LAYOUTS = "jq -c 'if type == \"array\" then .[] else . end' makes such lines of JSON in another layout"


def list_jsonl(path: Place, config: SourcesConfig) -> Listing:
    """The rows of a JSONL file; a line that is no object costs one row.

    Raises:
        ValueError: it is no text, no line is an object, or all of them lack a column.
    """
    names: dict[str, None] = {}
    count = objects = 0
    for _, content in _lines(path):
        count += 1
        if isinstance(content, dict):
            objects += 1
            names.update(dict.fromkeys(content))
    if count and not objects:
        raise ValueError(
            f'manifest {path} has no line that is an object, expected lines like {{"video": "dog.mp4", "caption": "A '
            f'dog runs."}}; {_FROM_OTHER_LAYOUTS}'
        )
    if not count:
        return Listing(count=0, read=partial(iter, ()))
    columns = find_columns(list(names), config, where=f"manifest {path}")
    return Listing(count=count, read=partial(_rows, path, columns))


def jsonl_columns(path: Place) -> list[str]:
    """The names in the first object.

    Raises:
        ValueError: it is no text.
    """
    return next((list(content) for _, content in _lines(path) if isinstance(content, dict)), [])


def _rows(path: Place, columns: Columns) -> Iterator[Row]:
    for line, content in _lines(path):
        place, problem = f"line {line} of {path.name}", None
        if isinstance(content, ValueError):
            problem = f"is not JSON ({content}); expected one object a line"
        elif not isinstance(content, dict):
            problem = f"holds a JSON {type(content).__name__}, expected an object"
        yield columns.row(place, line, content if isinstance(content, dict) else {}, problem)


def _lines(path: Place) -> Iterator[tuple[int, Any]]:
    """What every line that is not blank holds, with its number: a value, or why there is none."""
    with open_text(path, keeps_faults=True) as file:
        for number, line in enumerate(file, start=1):
            if text := line.strip().strip("\ufeff"):
                yield number, _parsed(text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return ValueError(str(error))
