"""`repolicy`: other thresholds in, the same dataset decided again."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from curation.execution.redecision import Redecision
from curation.execution.repolicy import Changes, find_changes, repolicy
from curation.funnel import Counts
from curation.profiles import CurationConfig, build_stages
from curation.thresholds import expect_only_thresholds
from dataset_schema import DatasetManifest, read_manifest
from pipelines.config import parse, split_flag
from pipelines.terminal import terminal
from pipelines.verbs.inspect import render_funnel
from storage.address import Place
from storage.configs import from_plain, to_plain
from storage.places import place_of

_DATASET_FLAG: Final = "--dataset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repolicy:
    """Decide a dataset again with other thresholds, from its stored scores: no network runs.

    Options that are not given are those of the dataset. What would have to be looked at again is counted and taken out
    of the tables: `curate` with the same input and the new thresholds then does just that part. Example:
    python -m pipelines repolicy --dataset out/demo/dataset --curation.content-filter.min-desirable 0.5 --dry-run

    Attributes:
        dataset: what `curate` wrote, or its address.
        curation: as in `curate`; only thresholds may differ from those that the dataset was curated with.
        dry_run: say what would change, by reason, and change nothing.
    """

    dataset: Place
    curation: CurationConfig = field(default_factory=CurationConfig)
    dry_run: bool = False


def main(arguments: Sequence[str]) -> int:
    """Decide again, and say what became of the clips."""
    named, _ = split_flag(arguments, _DATASET_FLAG, place_of)
    base: dict[str, Any] = {"curation": _config(named)["curation"]} if named is not None else {}
    command = parse(Repolicy, arguments, verb="repolicy", base=base)
    config = _config(command.dataset)
    former = from_plain(CurationConfig, config["curation"])
    expect_only_thresholds(former, command.curation)
    stages = build_stages(command.curation)
    redecision = Redecision(build_stages(former), stages, score_all=bool(config.get("score_all")))
    console = terminal()
    if command.dry_run:
        _show(console, find_changes(command.dataset, redecision), is_done=False)
        return 0
    new_config = {**config, "curation": to_plain(command.curation)}
    names = tuple(stage.name for stage in stages)
    changes, funnel = repolicy(command.dataset, redecision, config=new_config, stages=names)
    console.print(render_funnel(funnel))
    _show(console, changes, is_done=True)
    if changes.look_again:
        again = f"--curation.* as here, --output {shlex.quote(str(command.dataset))}"
        console.print(f"curate again to look at them: the same input, {again}", soft_wrap=True)
    return 0


def _config(dataset: Place) -> dict[str, Any]:
    """What `curate` noted in `dataset.json`.

    Raises:
        FileNotFoundError: there is no dataset.
        ValueError: it was selected from another, or is none that `curate` wrote.
    """
    manifest: DatasetManifest = read_manifest(dataset)
    if manifest.selections:
        raise ValueError(
            f"dataset {dataset} was selected from {manifest.selections[-1].dataset}; decide that again, then select"
        )
    if "curation" not in manifest.config:
        raise ValueError(
            f"dataset {dataset} has no config of curation, expected what `curate` wrote: on clips that were given as "
            "they are nothing was measured that a threshold could decide"
        )
    return manifest.config


def _show(console: Console, changes: Changes, *, is_done: bool) -> None:
    table = Table("what changes" if not is_done else "what changed", "clips")
    rows = [*changes.changed.most_common(), *_prefixed(changes)]
    for what, count in rows:
        table.add_row(what, str(count))
    if rows:
        console.print(table)
    else:
        console.print("nothing changes")
    console.print(f"before: {_sum(changes.before)}")
    console.print(f"after:  {_sum(changes.after)}, to be looked at again {changes.look_again.total()}")


def _prefixed(changes: Changes) -> list[tuple[str, int]]:
    return [(f"to be looked at again ({why})", count) for why, count in changes.look_again.most_common()]


def _sum(counts: Counts) -> str:
    return f"read {counts.read} = kept {counts.kept} + rejected {counts.rejected} + failed {counts.failed}"
