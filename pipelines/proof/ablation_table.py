"""The table of ablations: a row for each, the figures that matter beside one another."""

from collections.abc import Mapping, Sequence
from typing import Final

from pipelines.proof.scores import Condition, Figure

_COLUMNS: Final = {
    "retrieval, one subject": ("retrieval", "one subject", Condition.WITH),
    "retrieval, two": ("retrieval", "two subjects", Condition.WITH),
    "look follows word": ("look follows word", "two subjects", Condition.WITH),
    "swapped, look follows word": ("look follows word", "two subjects", Condition.SWAPPED),
    "same, of one word": ("look follows word", "two of one word", Condition.SWAPPED),
    "way": ("way", "one subject", Condition.WITH),
    "way, two": ("way", "two subjects", Condition.WITH),
    "place": ("place", "one subject", Condition.WITH),
    "copy index": ("copy index", "one subject", Condition.WITH),
}


def markdown_table(found: Mapping[str, Sequence[Figure]]) -> str:
    """A row for each proof, by its name; the 95 % interval as half its width."""
    rows = [["", *_COLUMNS], ["---"] * (1 + len(_COLUMNS))]
    for name, figures in found.items():
        by_key = {(figure.name, figure.clips, figure.condition): figure for figure in figures}
        rows.append([name, *(_cell(by_key.get(key)) for key in _COLUMNS.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{figure.value:.2f} ± {(figure.high - figure.low) / 2:.2f}"
