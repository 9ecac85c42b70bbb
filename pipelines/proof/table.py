"""The figures of a proof as a table, for a page and for a terminal: values with their 95 % intervals and goals."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipelines.proof.scores import Figure

_COLUMNS: Final = ("figure", "clips", "condition", "value (95 % interval)", "n", "goal")
_RIGHT: Final = "n"


def markdown_table(figures: Sequence[Figure]) -> str:
    """Rows of one name together, the name in the first of them."""
    rules = ("---:" if column == _RIGHT else "---" for column in _COLUMNS)
    rows = [_COLUMNS, tuple(rules), *(row for group in _groups(figures) for row in group)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def console_table(figures: Sequence[Figure]) -> Table:
    """The same, with goals in green and red."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column == _RIGHT else "left", no_wrap=True)
    for group in _groups(figures):
        for row in group:
            *cells, goal = row
            style = "bold red" if goal.endswith("missed") else "green"
            table.add_row(*(Text(cell) for cell in cells), Text(goal, style))
        table.add_section()
    return table


def _groups(figures: Sequence[Figure]) -> Iterator[list[tuple[str, ...]]]:
    """The cells of every row, by name in the order in which the names come first."""
    for name in dict.fromkeys(figure.name for figure in figures):
        named = [figure for figure in figures if figure.name == name]
        yield [
            (name if row == 0 else "", figure.clips, figure.condition, _value(figure), str(figure.count), _goal(figure))
            for row, figure in enumerate(named)
        ]


def _value(figure: Figure) -> str:
    if math.isnan(figure.value):
        return "-"
    if math.isnan(figure.low) or math.isnan(figure.high):
        return _decimal(figure.value)
    return f"{_decimal(figure.value)} ({_decimal(figure.low)} to {_decimal(figure.high)})"


def _goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{_decimal(figure.goal)} {'met' if figure.is_met else 'missed'}"


def _decimal(value: float) -> str:
    """Two decimals, without a zero before the point or a sign before nothing."""
    text = f"{value:.2f}".replace("-0.00", "0.00")
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text
