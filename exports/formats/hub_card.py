"""The card of a dataset on the hub: what its first lines say in YAML, so that it is found, shown and licensed."""

from collections.abc import Iterator, Sequence
from typing import Final

_SIZES: Final = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# The hub's names of what manifests call a licence, in small letters.
_LICENCES: Final = {"cc0": "cc0-1.0"} | {
    name: name
    for name in (
        *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nd-4.0", "cc-by-nc-nd-4.0", "mit", "apache-2.0"),
    )
}
_OTHER: Final = "other"


def card(*, data_files: str, tags: Sequence[str], licences: Sequence[str | None], clips: int) -> Iterator[str]:
    """The YAML, and a heading.

    Args:
        data_files: a pattern; nothing else in the folder is rows.
        tags: beside those of the task.
        licences: of the sources, each once; None where none is said.
        clips: how many.
    """
    size = next((name for most, name in _SIZES if clips < most), "n>1M")
    found = {_LICENCES.get((each or "").lower().replace(" ", "-"), _OTHER) for each in licences}
    licence = found.pop() if len(found) == 1 else _OTHER
    yield from ("---", "configs:", "- config_name: default", f"  data_files: '{data_files}'")
    yield from (f"license: {licence}", "language:", "- en", "task_categories:", "- text-to-video", "tags:")
    yield from (f"- {tag}" for tag in ("subject-to-video", "video", *tags))
    yield from ("size_categories:", f"- {size}", "---", "")
    yield "# Clips, entity words and reference images"
    yield ""
