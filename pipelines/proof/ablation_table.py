"""The table of ablations: a row for each, the figures that matter beside one another."""

from collections.abc import Mapping, Sequence
from typing import Final

from pipelines.proof.scores import Condition, Figure
from worlds.sprites import Change

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
    "contrary caption, as the picture shows": ("as the picture shows", "all changes", Condition.CONTRARY),
    **{f"same, {change}": ("as the picture shows", change.value, Condition.CONTRARY) for change in Change},
    "untold, as the picture shows": ("as the picture shows", "all changes", Condition.WITH),
    "as the caption tells": ("as the caption tells", "all changes", Condition.WITH),
}


def markdown_table(found: Mapping[str, Sequence[Figure]]) -> str:
    """A row for each proof, by its name, and a column for what any has; the 95 % interval as half its width."""
    by_name = {
        name: {(figure.name, figure.clips, figure.condition): figure for figure in figures}
        for name, figures in found.items()
    }
    columns = {heading: key for heading, key in _COLUMNS.items() if any(key in by_key for by_key in by_name.values())}
    rows = [["", *columns], ["---"] * (1 + len(columns))]
    for name, by_key in by_name.items():
        rows.append([name, *(_cell(by_key.get(key)) for key in columns.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    return f"{figure.value:.2f} ± {(figure.high - figure.low) / 2:.2f}"
