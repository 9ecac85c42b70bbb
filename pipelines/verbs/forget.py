"""`forget`: what comes from a source leaves a dataset, and cannot come back."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from rich.console import Console
from rich.table import Table

from curation.opt_outs import OPT_OUT_NAME, dataset_opt_outs, read_opt_outs
from dataset_schema import open_index, read_manifest
from pipelines.config import parse
from pipelines.housekeeping.forgetting.asking import Asked, By
from pipelines.housekeeping.forgetting.forget import Forgotten, forget, meant, plan_forgetting
from pipelines.housekeeping.forgetting.plan import Plan
from pipelines.housekeeping.forgetting.reach import made_beside
from pipelines.terminal import terminal
from storage.address import Place

_LEFT: Final = 3
_SHOWN: Final = 20
_LIKE_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Take all that comes from a source out of a dataset, keep it out, and prove that nothing of it is left.

    Whole sources are forgotten: all clips of a video, under all its names, with their pictures, backgrounds, latents,
    text tokens and rows. Killed anywhere, the same command finishes it. What it cannot reach it names: docs/forget.md.
    Give one of source, subject, rights holder and hashes. Example:
    python -m pipelines forget --dataset out/dataset --source videos/dog.mp4 --dry-run

    Attributes:
        dataset: what `curate`, `select`, `merge` or `own-dataset` wrote, or its address.
        source: the id of a source or of a clip, or the path or address of a video.
        subject: a subject's word; every source of which a clip names it is meant.
        rights_holder: as manifests name it.
        hashes: a list, a line for each: the SHA-256 of a video file, a perceptual hash, or the id or address of a
            source; or the `opt_out.jsonl` of another dataset.
        export: what `export` wrote, of this dataset or of one made of it; folders, or addresses.
        receipt: where to write what went; by default beside the dataset.
        dry_run: say what would go, and change nothing.
    """

    dataset: Place
    source: str | None = None
    subject: str | None = None
    rights_holder: str | None = None
    hashes: Place | None = None
    export: tuple[Place, ...] = ()
    receipt: Place | None = None
    dry_run: bool = False

    @property
    def asked(self) -> Asked:
        """What is to be forgotten.

        Raises:
            FileNotFoundError: there is no such list.
            ValueError: nothing is named, or more than one thing; or the list is empty, or cannot be understood.
        """
        given = [by for by in By if getattr(self, by.value) not in (None, "")]
        if len(given) != 1:
            flags = ", ".join(f"--{by.value}".replace("_", "-") for by in By)
            named = " and ".join(by.value for by in given) or "nothing"
            raise ValueError(f"{named} is given, expected one of {flags}")
        if self.hashes is None:
            return Asked(by=given[0], value=getattr(self, given[0].value))
        listed = read_opt_outs(self.hashes)
        if not listed:
            raise ValueError(f"{self.hashes} names nothing, expected a hash or a source in a line")
        return Asked(by=By.HASHES, value=str(self.hashes), listed=listed)


def main(arguments: Sequence[str]) -> int:
    """Forget, say what went, and what is out of reach; the exit status is 3 where something of it is left."""
    command = parse(Forget, arguments, verb="forget")
    console = terminal()
    asked = command.asked
    if command.dry_run:
        plan = plan_forgetting(command.dataset, asked, exports=command.export)
        console.print(_table(plan, "what would go"))
        _show_reach(console, command, plan)
        if not plan.sources:
            _show_like_named(console, command)
        return 0
    done = forget(command.dataset, asked, exports=command.export, receipt=command.receipt)
    if done is None:
        return _nothing(console, command, asked)
    console.print(_table(done.plan, "what went"))
    _show_reach(console, command, done.plan)
    return _show_proof(console, command, done)


def _nothing(console: Console, command: Forget, asked: Asked) -> int:
    kept_out = asked.by in (By.SOURCE, By.HASHES)
    said = f", and {OPT_OUT_NAME} keeps it out" if kept_out else "; nothing is changed"
    console.print(f"{command.dataset}: nothing in it is of this {asked.by.value.replace('_', ' ')}{said}")
    _show_like_named(console, command)
    return 0


def _show_like_named(console: Console, command: Forget) -> None:
    """A file's name alone names no source, since several folders may hold one of that name."""
    if command.source is None:
        return
    name = PurePath(command.source).name
    found = {uri for uri in open_index(command.dataset).table(["source_uri"])["source_uri"].to_pylist() if uri}
    for uri in sorted(uri for uri in found if PurePath(uri).name == name)[:_LIKE_NAMED]:
        console.print(f"perhaps meant: --source {shlex.quote(uri)}", soft_wrap=True)


def _table(plan: Plan, title: str) -> Table:
    table = Table("", "", title=title, title_justify="left", show_header=False)
    outcomes = [clip.outcome for clip in plan.clips]
    rows = {
        "sources": len({source.id for source in plan.sources}),
        **{f"{outcome} clips": outcomes.count(outcome) for outcome in ("kept", "rejected", "failed")},
        "videos, pictures and thumbnails": len(plan.contents),
        "the same pictures in other clips": sum(plan.pictures.values()),
        "shards to write anew": len(plan.shards),
        "cached latents and texts": sum(plan.cached.values()),
        "contact sheets": len(plan.sheets),
        **{f"clips of {part.folder}": len(part.clips) for part in plan.exports},
    }
    for what, count in rows.items():
        table.add_row(what, str(count))
    return table


def _show_reach(console: Console, command: Forget, plan: Plan) -> None:
    head = read_manifest(command.dataset)
    for beside in made_beside(command.dataset, head.id, meant(plan), named=command.export):
        if beside.what == "export":
            advice = f"name it too: --export {shlex.quote(str(beside.place))}"
            console.print(f"not reached: {beside.place}, an export with {beside.clips} of these clips; {advice}")
        else:
            listed = shlex.quote(str(command.dataset / OPT_OUT_NAME))
            again = f"make forget DATASET={shlex.quote(str(beside.place))} HASHES={listed}"
            console.print(f"not reached: {beside.place}, a dataset made of this one; {again}", soft_wrap=True)
    console.print("not reached: what was trained, drawn or copied from the dataset, and the source itself")


def _show_proof(console: Console, command: Forget, done: Forgotten) -> int:
    proof = done.receipt["proof"]
    kept_out = dataset_opt_outs(command.dataset)
    console.print(
        f"looked through {proof['files']} files, {proof['rows']} rows and {proof['hashed']} media of the same lengths: "
        f"{len(done.left)} times something of it is left",
        f"receipt: {done.place}   kept out: {len(kept_out.sources)} sources, {len(kept_out.contents)} hashes",
        sep="\n",
        soft_wrap=True,
    )
    for where in done.left[:_SHOWN]:
        console.print(f"left: {where}", soft_wrap=True)
    return _LEFT if done.left else 0
