"""The table of costs: what it says of sides that ran, of those that cannot, and where it puts it."""

import sys
from pathlib import Path

import pytest

from benchmarks.table import peers
from benchmarks.table.costs import CommandError, Cost, cost_of
from benchmarks.table.peers import NOT_INSTALLED, peer_side
from benchmarks.table.rendering import BEGIN, END, Found, MeasuredRow, missed, render, replace_table
from benchmarks.table.row import Goal, Measure, Row, Side

ROOT = Path(__file__).parents[2]


def side(name: str, goal: Goal | None = None, problem: str | None = None) -> Side:
    return Side(name=name, command=("true",), goal=goal, problem=problem)


def found(of: Side, *cpu_s: float, wall_s: float = 1.0) -> Found:
    costs = tuple(Cost(cpu_s=each, wall_s=wall_s, peak_mib=64.0, made="3 clips") for each in cpu_s)
    return Found(side=of, costs=costs, problem=of.problem)


def measured(ours: Found, *others: Found) -> MeasuredRow:
    sides = tuple(each.side for each in others)
    return MeasuredRow(row=Row(what="cut", on="a video", ours=ours.side, others=sides), ours=ours, others=others)


def cells(row: MeasuredRow, name: str) -> list[str]:
    table = render([row], load=0.0, versions={})
    (line,) = (line for line in table.splitlines() if f"| {name} |" in line)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_peer_has_its_median_with_the_spread_and_the_ratio_of_ours_to_it() -> None:
    row = measured(found(side("ours"), 5.0, 6.0, 7.0), found(side("other", Goal(most=0.6)), 9.0, 12.0, 30.0))

    assert cells(row, "other")[2:] == ["12.0 (9.00 to 30.0)", "1.00", "64", "0.50", "<= 0.6: met", "3 clips"]
    assert missed([row]) == 0


def test_a_peer_that_is_faster_is_told_as_such() -> None:
    row = measured(found(side("ours"), 3.0), found(side("other", Goal(most=1.0)), 2.0))

    assert cells(row, "other")[5:7] == ["1.50", "<= 1: MISSED"]
    assert missed([row]) == 1


def test_goals_may_be_of_the_clock_or_of_ours_alone() -> None:
    ours = side("ours", Goal(most=8.0, of=Measure.CPU_S, why="4 a clip"))
    copy = side("copy", Goal(most=2.0, of=Measure.CLOCK_RATIO))

    row = measured(found(ours, 9.0, wall_s=3.0), found(copy, 1.0, wall_s=2.0))

    assert cells(row, "ours")[6] == "<= 8 (4 a clip): MISSED"
    assert cells(row, "copy")[6] == "<= 2 by the clock, is 1.50: met"


def test_a_peer_that_is_not_installed_has_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(peers, "VENV", tmp_path)
    peers.versions.cache_clear()

    absent = peer_side("decord", "decord_thumbnails", "video.mp4", 48, 27, goal=Goal(most=1.0))

    peers.versions.cache_clear()
    row = measured(found(side("ours"), 3.0), found(absent))
    assert cells(row, "decord")[-1] == NOT_INSTALLED
    assert missed([row]) == 0
    assert "0 of 0 goals met" in render([row], load=0.0, versions={})


def test_a_table_takes_the_place_of_the_one_before() -> None:
    document = f"# Costs\n\n{BEGIN}\n\n| old |\n\n{END}\n\nMore.\n"

    once = replace_table(document, "| new |")

    assert once == f"# Costs\n\n{BEGIN}\n\n| new |\n\n{END}\n\nMore.\n"
    assert replace_table(once, "| new |") == once


@pytest.mark.parametrize("document", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_document_without_one_place_for_it_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="put both where the table shall stand"):
        replace_table(document, "| new |")


def test_the_document_has_a_place_for_it() -> None:
    document = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    assert "| new |" in replace_table(document, "| new |")


def test_every_licence_stands_below_the_table() -> None:
    table = render([], load=0.0, versions={"decord": "0.6.0"})

    assert "| `decord` | 0.6.0 | Apache-2.0 |" in table
    assert f"| `webdataset` | {NOT_INSTALLED} | BSD-3-Clause |" in table


def test_a_whole_command_costs_what_its_children_cost_too() -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    command = (sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])")

    cost = cost_of(command, {}, is_whole=True)

    assert 0.4 <= cost.cpu_s < 2.0
    assert cost.peak_mib > 1


def test_what_a_command_says_of_its_own_work_counts_instead() -> None:
    told = '{"cpu_s": 0.25, "wall_s": 0.5, "made": "3 clips"}'

    cost = cost_of((sys.executable, "-c", f"print({told!r})"), {}, is_whole=False)

    assert (cost.cpu_s, cost.wall_s, cost.made) == (0.25, 0.5, "3 clips")


def test_a_command_that_fails_has_its_last_word() -> None:
    with pytest.raises(CommandError, match=r"^ValueError: no such video$"):
        cost_of((sys.executable, "-c", "raise ValueError('no such video')"), {}, is_whole=True)
