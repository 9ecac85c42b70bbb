"""One curation run: check the plan, pick up where an earlier run stopped, run, and say what became of every clip."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from curation.execution.card import write_card
from curation.execution.executor import BrokenRunError, Executor, Job, OnProgress, SourceRecord
from curation.execution.ledger import Ledger, drop_failures, read_ledger, remove_unfinished
from curation.execution.lock import expect_held_for, locked_for_run
from curation.execution.outcomes import opted_out
from curation.execution.plan import READ_STAGE, Plan, check, place
from curation.execution.settings import changed_settings
from curation.execution.withheld import Withheld
from curation.execution.writer import Destination, ShardLimits
from curation.funnel import Counts, dataset_counts, dataset_funnel
from curation.opt_outs import OptOuts, dataset_opt_outs
from curation.records import Clip
from curation.stage import Stage
from dataset_schema import (
    Annotator,
    DatasetManifest,
    FailureKind,
    FunnelRow,
    RunRecord,
    new_dataset_id,
    read_manifest,
    refresh_index,
    write_manifest,
)
from storage.address import Place
from storage.holder import Holder


class OtherConfigurationError(ValueError):
    """The dataset was begun with another configuration: its clips would not be comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationRun:
    """What to run, and where the dataset goes.

    Attributes:
        profile: name of the annotator profile, for `dataset.json`.
        config: everything that decides what becomes of a clip, for `dataset.json`; a run that picks up a dataset must
            have the same.
        undecisive: the full names of what in it decides nothing about a clip, only where and how hard a run works:
            another machine may go on with a dataset.
        score_all: every stage scores every clip, also those that an earlier one rejected.
        retry: failures of these kinds are taken out of the dataset and tried again.
        withheld: what does not come in, beside what the dataset was told to forget.
    """

    stages: Sequence[Stage]
    output: Place
    profile: str
    config: Mapping[str, Any] = field(default_factory=dict)
    undecisive: frozenset[str] = frozenset()
    score_all: bool = False
    retry: frozenset[FailureKind] = frozenset()
    withheld: Withheld = field(default_factory=Withheld)
    limits: ShardLimits = field(default_factory=ShardLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What the finished dataset holds, over all its runs."""

    counts: Counts
    funnel: tuple[FunnelRow, ...]


def run_curation(
    records: Iterable[SourceRecord],
    run: CurationRun,
    *,
    executor: Executor,
    on_progress: OnProgress = lambda _: None,
) -> RunResult:
    """Curate every record that the dataset does not hold yet.

    Args:
        records: fresh from the manifest, read as they are needed.
        run: what to run.
        executor: where to run it.
        on_progress: gets the counts of the whole dataset, first what earlier runs did, then now and then.

    Raises:
        PlanError: the run cannot work as asked.
        DatasetBusyError: another run is writing the dataset.
        OtherConfigurationError: the dataset was begun with another configuration.
        StageSetupError: a stage cannot be made ready on a worker.
        BrokenRunError: what was written is not what is there.
    """
    annotators = check(run.stages, output=run.output)
    with locked_for_run(run.output) as holder:
        found = _begun(run.output)
        manifest = _manifest(run, annotators, found)
        if found:
            _check_same(run, manifest, found)
        # Last: asking for machines may start a cluster.
        plan = place(run.stages, annotators, executor.machines(), is_one_group=executor.is_one_group)
        remove_unfinished(run.output)
        write_manifest(run.output, manifest)
        drop_failures(run.output, run.retry)
        refresh_index(run.output)  # an earlier run may have been killed before it came to that
        write_card(run.output, manifest)
        ledger = read_ledger(run.output)
        on_progress(ledger.counts)
        # Read here, because nobody can add to the list while the lock is held.
        opt_outs = run.withheld.opt_outs | dataset_opt_outs(run.output)
        started, started_s = datetime.now(UTC), time.monotonic()
        written = executor.run(
            replace(_job(run, plan, ledger, holder), withheld=replace(run.withheld, opt_outs=opt_outs)),
            _pending(records, ledger.done, opt_outs),
            lambda counts: on_progress(ledger.counts + counts),
        )
        seconds = time.monotonic() - started_s
        expect_held_for(run.output, holder)
        refresh_index(run.output)
        counts = _count_all(run.output, written=ledger.counts + written)
        funnel = dataset_funnel(run.output, plan.stage_names)
        finished = replace(manifest, funnel=funnel, complete=True)
        if written.read:
            took = RunRecord(
                started=started.isoformat(timespec="seconds"), seconds=round(seconds, 3), clips=written.read
            )
            finished = replace(finished, runs=(*manifest.runs, took))
        write_manifest(run.output, finished)
        write_card(run.output, finished)
        return RunResult(counts=counts, funnel=funnel)


def _pending(records: Iterable[SourceRecord], done: Set[str], opt_outs: OptOuts) -> Iterator[SourceRecord]:
    for record in records:
        if record.source.id in done:
            continue
        why = opt_outs.why(record.source) if isinstance(record, Clip) else None
        yield opted_out(record, READ_STAGE, why) if isinstance(record, Clip) and why else record


def _job(run: CurationRun, plan: Plan, ledger: Ledger, holder: Holder) -> Job:
    destination = Destination(
        dataset=run.output.absolute(),
        run=ledger.next_run,
        holder=holder,
        published=ledger.published,
        limits=run.limits,
    )
    return Job(plan=plan, score_all=run.score_all, destination=destination)


def _count_all(dataset: Place, *, written: Counts) -> Counts:
    """What the dataset holds; refuse to call it complete if shards were taken away, or added, behind the run's back."""
    if (found := dataset_counts(dataset)) != written:
        raise BrokenRunError(
            f"dataset {dataset} holds {found.read} clips (kept {found.kept}, rejected {found.rejected}, failed "
            f"{found.failed}), and {written.read} were written (kept {written.kept}, rejected {written.rejected}, "
            f"failed {written.failed}): somebody else deleted or added shards meanwhile; run the same command again, "
            "which does the clips that are missing"
        )
    return found


def _begun(dataset: Place) -> DatasetManifest | None:
    try:
        return read_manifest(dataset)
    except FileNotFoundError:
        return None


def _manifest(run: CurationRun, annotators: tuple[Annotator, ...], found: DatasetManifest | None) -> DatasetManifest:
    """The head of the dataset while it is not finished; it stays the same dataset over all its runs."""
    return DatasetManifest(
        profile=run.profile,
        config=json.loads(json.dumps(dict(run.config))),
        annotators=annotators,
        funnel=(),
        complete=False,
        merged_from=found.merged_from if found else (),
        id=(found and found.id) or new_dataset_id(),
        runs=found.runs if found else (),
    )


def _check_same(run: CurationRun, manifest: DatasetManifest, found: DatasetManifest) -> None:
    if found.selections:
        raise OtherConfigurationError(
            f"dataset {run.output} was selected from {found.selections[-1].dataset}; curate into that, and select again"
        )
    if found.merged_from and not found.config:
        raise OtherConfigurationError(
            f"dataset {run.output} was merged from datasets of several configurations; curate into one of them, and "
            "merge again"
        )
    if changed := changed_settings(found, manifest, undecisive=run.undecisive):
        raise OtherConfigurationError(
            f"dataset {run.output} was begun with another configuration: {'; '.join(map(str, changed))}. "
            "Continue with the former one, or choose another output"
        )
