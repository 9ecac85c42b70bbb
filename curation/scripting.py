"""Curation from a script of one's own: lists of stages to cut, reorder and extend, and one call that runs them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.execution.executor import Executor, OnProgress, SourceRecord
from curation.execution.local import LocalExecutor
from curation.execution.run import CurationRun, RunResult, run_curation
from curation.profiles import CurationConfig, EmbeddedAnnotators, PaperAnnotators, build_stages
from curation.sources import SourcesConfig, read_sources
from curation.stage import Stage
from storage.address import Address, Place
from storage.places import place_of


def embedded(config: CurationConfig | None = None) -> list[Stage]:
    """The stages of the embedded profile, in order: on a CPU, without downloads; nothing is loaded yet.

    `config` may change everything but which networks look, for example `CurationConfig(buckets=("17x144x256",))`.
    """
    config = config or CurationConfig()
    return build_stages(
        config
        if isinstance(config.annotators, EmbeddedAnnotators)
        else replace(config, annotators=EmbeddedAnnotators())
    )


def paper(config: CurationConfig | None = None) -> list[Stage]:
    """The stages of the paper's networks, in order: GPUs and checkpoints; nothing is loaded yet.

    Which checkpoints stands in `config.annotators`, a `PaperAnnotators`.
    """
    config = config or CurationConfig(annotators=PaperAnnotators())
    return build_stages(
        config if isinstance(config.annotators, PaperAnnotators) else replace(config, annotators=PaperAnnotators())
    )


def curate(
    source: Place | str | Iterable[SourceRecord],
    stages: Sequence[Stage],
    output: Place | str,
    *,
    executor: Executor | None = None,
    score_all: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> RunResult:
    """Run the stages over every clip of the source, and write the dataset; again after an interruption, it goes on.

    What must stay the same to go on with a dataset, and is compared: the names of the stages, the limits of their
    rules, and what their annotators say of themselves. Not seen is what else a stage was made with, such as buckets,
    payload or thresholds inside an annotator: after a change of those, choose another output.

    Args:
        source: a folder of videos or a .csv, .jsonl or .parquet manifest, here or at an address; or clips of one's own.
        stages: in order; the last one adds the sample.
        output: the dataset directory.
        executor: where to run; None is this process, `ProcessExecutor()` every core of this machine (call it below
            `if __name__ == "__main__":`), `RayExecutor()` a cluster.
        score_all: every stage scores every clip, also those that an earlier one rejected.
        on_progress: gets the counts of the whole dataset now and then.

    Raises:
        DatasetBusyError: another run is writing the dataset.
        PlanError: the stages cannot work as asked; one line says why.
        TypeError: `stages` is no list.
        ValueError: the source is no manifest, or the output is no place.
        OtherConfigurationError: the dataset was begun with other stages, or other limits.
    """
    if isinstance(stages, str) or not isinstance(stages, Sequence):
        raise TypeError(f"stages is {stages!r}, expected a list of them, such as `curation.embedded()` gives")
    output = place_of(output)
    records = (
        read_sources(place_of(source), SourcesConfig(), output=output)
        if isinstance(source, Path | Address | str)
        else source
    )
    run = CurationRun(stages=stages, output=output, profile="script", config=_described(stages), score_all=score_all)
    return run_curation(records, run, executor=executor or LocalExecutor(), on_progress=on_progress)


def _described(stages: Sequence[Stage]) -> Mapping[str, Any]:
    """What a dataset must have been begun with: the names of the stages, and the limits of their rules."""
    return {
        stage.name: {f"{rule.about}.{rule.code}.{rule.reads}": rule.limit for rule in stage.rules} for stage in stages
    }
