"""Brackets in names and texts are no markup, wherever they are printed; a narrow terminal loses nothing."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from curation.execution.run import RunResult
from curation.funnel import Counts
from dataset_schema import Annotator, DatasetManifest, FunnelRow, Sample, write_manifest, write_shard
from modeling.training.presets import tiny
from pipelines.progress import progress
from pipelines.terminal import terminal
from pipelines.verbs.curate import Curate, show_result
from pipelines.verbs.describe import Describe, describe
from pipelines.verbs.inspect import inspect

# A tag that rich knows, a closing one without an opening (which is an error to it), one with a number, a picture.
MARKED = ("[bold red]", "[/]", "[v2]", ":dog:")
ALL = "".join(MARKED)
FUNNEL = (FunnelRow(stage="[v2]", entered=3, passed=1, rejected={"[/]": 1}, failed={"[bold red]": 1}),)


MakeSample = Callable[[int], Sample]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        """What a person reads, without colors and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


@contextmanager
def narrow_terminal() -> Iterator[Screen]:
    """Where everything is printed to one of 40 columns."""
    screen = Screen()
    with redirect_stdout(screen), redirect_stderr(screen), pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "40")
        yield screen


def test_a_dataset_is_inspected_with_every_bracket_in_its_place(tmp_path: Path, make_sample: MakeSample) -> None:
    dataset = tmp_path / ALL.replace("/", "|")
    annotators = (Annotator(job="[v2]", name="[/]", revision="[bold red]"),)
    write_manifest(
        dataset, DatasetManifest(profile=ALL, config={}, annotators=annotators, funnel=FUNNEL, complete=True)
    )
    sample = make_sample(0)
    words = tuple(replace(entity, word=ALL, start=0, end=len(ALL)) for entity in sample.entities)
    write_shard(dataset / "samples/part-0.parquet", [replace(sample, caption=f"{ALL} runs.", entities=words)])

    with narrow_terminal() as narrow:
        inspect(dataset, None, 1)

    lines = narrow.shown().splitlines()
    assert lines[0] == f"{dataset}   profile: {ALL}"
    for first in ("[v2]", "[/]", "[bold red]"):
        assert any(first in line for line in lines[1:8])
    assert any("[/] 1" in line and "[v2]" in line for line in lines)
    assert any("[bold red] 1" in line for line in lines)
    assert any(f"{ALL.lower()} 1" in line for line in lines)
    assert f"kept clips: {dataset}/contact_sheets/kept.html" in lines
    assert not any("\u2026" in line for line in lines)


def test_a_run_names_its_dataset_as_it_is() -> None:
    command = Curate(input=Path("videos"), output=Path(f"runs/{ALL}/ds"))

    with narrow_terminal() as narrow:
        show_result(terminal(), command, RunResult(counts=Counts(kept=1, rejected=1, failed=1), funnel=FUNNEL))

    last = narrow.shown().splitlines()[-1]
    assert last == f"dataset: runs/{ALL}/ds   look at it: make inspect DATASET='runs/{ALL}/ds'"


def test_training_phases_are_described_by_their_names() -> None:
    run = tiny()
    phases = tuple(replace(phase, name=f"{ALL}{number}") for number, phase in enumerate(run.training.phases))

    with narrow_terminal() as narrow:
        describe(Describe(run=replace(run, training=replace(run.training, phases=phases))))

    for phase in phases:
        assert phase.name in narrow.shown()
    assert "\u2026" not in narrow.shown()


def test_a_progress_bar_shows_its_title_and_note() -> None:
    with narrow_terminal() as narrow, progress(ALL, total=2, unit="clip") as report:
        report(2, f"kept {ALL}")

    assert narrow.shown().count(ALL) >= 2


def test_what_is_piped_is_as_wide_as_any_table_needs() -> None:
    with redirect_stdout(io.StringIO()), pytest.MonkeyPatch.context() as environment:
        environment.setenv("COLUMNS", "20")

        assert terminal().width == 100
