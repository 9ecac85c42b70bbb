"""The table as Markdown, and its place in a document."""

import os
import platform
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from benchmarks.table.costs import Cost
from benchmarks.table.peers import NOT_INSTALLED, PEERS
from benchmarks.table.row import SEED, Goal, Measure, Row, Side

BEGIN: Final = "<!-- the table: begin; `make bench` writes what stands between -->"
END: Final = "<!-- the table: end -->"

_HEAD: Final = ("what, on which input", "by", "CPU-s", "wall s", "peak MiB", "ours / it", "goal", "made")
# What this project's and the peers' code ask a processor for.
_INSTRUCTIONS: Final = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16")
_PACKAGES: Final = ("av", "torch", "numpy", "opencv-python-headless", "pyarrow", "diffusers", "ray", "datasets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one side of a row took.

    Attributes:
        costs: of its rounds; empty where it could not run.
        problem: why not.
    """

    side: Side
    costs: tuple[Cost, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """A row, and its sides in its order."""

    row: Row
    ours: Found
    others: tuple[Found, ...]


def replace_table(document: str, table: str) -> str:
    """The document with the table in the place of the one before.

    Raises:
        ValueError: it has no such place, or several.
    """
    if document.count(BEGIN) != 1 or document.count(END) != 1 or document.index(BEGIN) > document.index(END):
        raise ValueError(f"expected one line {BEGIN!r} and one {END!r} after it; put both where the table shall stand")
    before, rest = document.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def missed(rows: Sequence[MeasuredRow]) -> int:
    """How many goals were not reached."""
    return sum(not _is_met(side.side.goal, row.ours, side) for row in rows for side in _judged(row))


def render(rows: Sequence[MeasuredRow], *, load: float, versions: Mapping[str, str], scale: float = 1.0) -> str:
    """All of it.

    Args:
        rows: as measured.
        load: processes that ran before the first.
        scale: how much of the usual inputs they had.
        versions: of packages in the peers' environment.
    """
    judged = sum(1 for row in rows for _ in _judged(row))
    lines = [
        _machine(load),
        *(
            [f"Inputs are {scale:g} of their usual size, so that starts weigh more than they would."]
            if scale != 1.0
            else []
        ),
        "",
        _line(_HEAD),
        _line(["---"] * len(_HEAD)),
        *(line for row in rows for line in _row_lines(row)),
        "",
        f"{judged - missed(rows)} of {judged} goals met.",
        "",
        *_peer_lines(versions),
    ]
    return "\n".join(lines)


def _judged(row: MeasuredRow) -> Iterator[Found]:
    return (side for side in (row.ours, *row.others) if side.side.goal is not None and side.costs and row.ours.costs)


def _row_lines(measured: MeasuredRow) -> Iterator[str]:
    row = measured.row
    what = f"**{row.what}**: {row.on}; rounds: {row.rounds}"
    for number, side in enumerate((measured.ours, *measured.others)):
        yield _line((what if number == 0 else "", side.side.name, *_cells(measured.ours, side)))


def _cells(ours: Found, side: Found) -> tuple[str, ...]:
    if not side.costs:
        return ("", "", "", "", "", side.problem or "not run")
    cpu_s = [cost.cpu_s for cost in side.costs]
    spread = f" ({_figure(min(cpu_s))} to {_figure(max(cpu_s))})" if len(cpu_s) > 1 else ""
    return (
        _figure(statistics.median(cpu_s)) + spread,
        _figure(statistics.median(cost.wall_s for cost in side.costs)),
        f"{max(cost.peak_mib for cost in side.costs):.0f}",
        "" if side is ours or not ours.costs else f"{_ratio(Measure.CPU_RATIO, ours, side):.2f}",
        _goal_cell(ours, side) if ours.costs else "",
        side.costs[-1].made,
    )


def _goal_cell(ours: Found, side: Found) -> str:
    goal = side.side.goal
    if goal is None:
        return ""
    by_clock = f" by the clock, is {_ratio(goal.of, ours, side):.2f}" if goal.of is Measure.CLOCK_RATIO else ""
    why = f" ({goal.why})" if goal.why else ""
    return f"<= {goal.most:g}{by_clock}{why}: {'met' if _is_met(goal, ours, side) else 'MISSED'}"


def _is_met(goal: Goal | None, ours: Found, side: Found) -> bool:
    return goal is None or _ratio(goal.of, ours, side) <= goal.most


def _ratio(measure: Measure, ours: Found, side: Found) -> float:
    def median(found: Found) -> float:
        return statistics.median(c.wall_s if measure is Measure.CLOCK_RATIO else c.cpu_s for c in found.costs)

    return median(ours) if measure is Measure.CPU_S else median(ours) / max(median(side), 1e-9)


def _figure(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.2f}"


def _machine(load: float) -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^flags\s*:\s*(.*)$", cpuinfo, re.MULTILINE)
    packages = ", ".join(f"{each} {version(each)}" for each in _PACKAGES)
    has = [each for each in _INSTRUCTIONS if flags and each in flags.group(1).split()]
    return (
        f"{os.cpu_count()} cores of {name.group(1) if name else platform.machine()} ({', '.join(has)}), "
        f"{psutil.virtual_memory().total / 1024**3:.0f} GiB, {load:.1f} other processes running at the start; "
        f"Python {platform.python_version()}, {packages}; seed {SEED}."
    )


def _peer_lines(versions: Mapping[str, str]) -> Iterator[str]:
    yield _line(("peer", "version", "licence", "measured at"))
    yield _line(["---"] * 4)
    for peer in PEERS:
        is_ours = peer.package in ("diffusers", "ray", "datasets")
        found = version(peer.package) if is_ours else versions.get(peer.package, NOT_INSTALLED)
        yield _line((f"`{peer.package}`", found, peer.licence, peer.does))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
