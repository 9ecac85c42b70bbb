"""The figures of a proof as a table, for a page and for a terminal: conditions side by side, 95 % intervals, goals."""

import math
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from pipelines.proof.scores import Condition, Figure


def markdown_table(figures: Sequence[Figure]) -> str:
    """A row for each figure and kind of clips; the value that a goal is for is bold."""
    conditions = _conditions(figures)
    rows = [["figure", "clips", "n", *conditions, "goal"], ["---", "---", "---:", *("---" for _ in conditions), "---"]]
    for name, clips, found in _rows(figures):
        cells = [_on_page(found[condition]) if condition in found else "" for condition in conditions]
        rows.append([name, clips, _count(found.values()), *cells, _goal(found.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def console_table(figures: Sequence[Figure]) -> Table:
    """The same within 80 columns: intervals under the values, those that a goal is for in green or red."""
    table = Table(box=SIMPLE_HEAD, padding=0, leading=1)
    conditions = _conditions(figures)
    for heading in ("figure\nclips (n)", *(condition.replace(" ", "\n") for condition in conditions), "goal"):
        table.add_column(heading, no_wrap=True)
    for name, clips, found in _rows(figures):
        cells = [_in_terminal(found[condition]) if condition in found else Text() for condition in conditions]
        goal = _goal(found.values()).replace(" ", "\n")
        table.add_row(f"{name}\n{clips} ({_count(found.values())})", *cells, goal)
    return table


def _conditions(figures: Sequence[Figure]) -> list[Condition]:
    """Those of any figure."""
    return [condition for condition in Condition if any(figure.condition == condition for figure in figures)]


def _rows(figures: Sequence[Figure]) -> list[tuple[str, str, dict[str, Figure]]]:
    """Name, clips, and the figure of every condition; rows of one name together, in the order in which they come."""
    names = dict.fromkeys(figure.name for figure in figures)
    keys = dict.fromkeys((figure.name, figure.clips) for name in names for figure in figures if figure.name == name)
    return [
        (name, clips, {each.condition: each for each in figures if (each.name, each.clips) == (name, clips)})
        for name, clips in keys
    ]


def _on_page(figure: Figure) -> str:
    value = _value(figure) if figure.goal is None else f"**{_value(figure)}**"
    return f"{value} ({interval})" if (interval := _interval(figure)) else value


def _in_terminal(figure: Figure) -> Text:
    color = "" if figure.goal is None else "green" if figure.is_met else "bold red"
    return Text(f"{_value(figure)}\n{_interval(figure)}".rstrip(), color)


def _value(figure: Figure) -> str:
    return "-" if math.isnan(figure.value) else _decimal(figure.value)


def _interval(figure: Figure) -> str:
    if math.isnan(figure.low) or math.isnan(figure.high):
        return ""
    return f"{_decimal(figure.low)} to {_decimal(figure.high)}"


def _count(figures: Iterable[Figure]) -> str:
    """How many answers; several numbers where conditions differ."""
    return ", ".join(dict.fromkeys(str(figure.count) for figure in figures))


def _goal(figures: Iterable[Figure]) -> str:
    return ", ".join(
        f"{'at most ' if figure.is_limit else ''}{_decimal(figure.goal)} {'met' if figure.is_met else 'missed'}"
        for figure in figures
        if figure.goal is not None
    )


def _decimal(value: float) -> str:
    """Two decimals, without a zero before the point or a sign before nothing."""
    text = f"{value:.2f}".replace("-0.00", "0.00")
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text
