"""The steps of a forgetting, in an order in which a kill between any two of them leaves nothing half forgotten.

First it is noted what will go, then kept out for the future, then taken away: a run that starts between the steps
cannot bring it back, and the next `forget`, whatever it is asked, first goes on with what was noted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from curation.execution.card import write_card
from curation.execution.ledger import remove_unfinished
from curation.execution.lock import locked_for_run
from curation.opt_outs import OptOuts, dataset_opt_outs, write_opt_outs
from dataset_schema import read_manifest, refresh_index
from exports.forgetting import ExportedEntry, expect_finished, find_exported, forget_exported
from pipelines.housekeeping.forgetting import journal
from pipelines.housekeeping.forgetting.asking import Asked, source_of
from pipelines.housekeeping.forgetting.finding import Found
from pipelines.housekeeping.forgetting.plan import ExportPart, HashedContent, Plan, opt_outs_of
from pipelines.housekeeping.forgetting.proof import look_through
from pipelines.housekeeping.forgetting.receipt import new_receipt, write_receipt
from pipelines.housekeeping.forgetting.rewriting import find_touched, rewrite_tables
from storage.address import Place
from storage.holder import Holder
from storage.places import expect_file_to_write, place_of

_SHEETS: Final = "contact_sheets"
_SHEET_SUFFIXES: Final = (".html", ".png")  # pictures inside of pages; before there were pages, pictures alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was done.

    Attributes:
        receipt: what it says, and `place` where it lies.
    """

    plan: Plan
    place: Place
    receipt: dict[str, Any]

    @property
    def left(self) -> list[str]:
        """What of it is still there: by hand in a file, say, that no command wrote."""
        found: list[str] = self.receipt["proof"]["left"]
        return found


def plan_forgetting(dataset: Place, asked: Asked, *, exports: Sequence[Place] = ()) -> Plan:
    """What would go; nothing is changed.

    Args:
        dataset: what a command wrote.
        asked: what is to be forgotten.
        exports: what `export` wrote, of this dataset or another.

    Raises:
        FileNotFoundError: there is no dataset, or no export.
        ValueError: one is damaged, or not finished.
    """
    for folder in exports:
        expect_finished(folder)
    found = Found(dataset, asked)
    opt_outs = asked.opt_outs
    for source in found.sources:
        opt_outs |= OptOuts.of(source_of(asdict(source)))
    contents = tuple(HashedContent(sha256=each.sha256, size_bytes=each.size_bytes) for each in sorted(found.contents))
    plan = Plan.of(asked, opt_outs, clips=found.clips, sources=found.sources, contents=contents)
    touched = find_touched(dataset, plan)
    pictures = {
        f"{shard}, row {row}": len(some) for shard, rows in touched.pictures.items() for row, some in rows.items()
    }
    return replace(
        plan,
        shards=touched.shards,
        pictures=pictures,
        cached=_cached(dataset, plan),
        sheets=_sheets(dataset) if found.clips else (),
        exports=tuple(_part(folder, meant(plan)) for folder in exports),
    )


def forget(
    dataset: Place, asked: Asked, *, exports: Sequence[Place] = (), receipt: Place | None = None
) -> Forgotten | None:
    """Take it out, keep it out, and look for it; None where nothing of it was there.

    What another `forget` began in this dataset and did not finish is finished first.

    Args:
        dataset: what a command wrote, finished or not.
        asked: what is to be forgotten.
        exports: as in `plan_forgetting`.
        receipt: where the receipt will lie; None is beside the dataset.

    Raises:
        BusyError: another command writes the dataset, or its cache.
        FileNotFoundError: there is no dataset, or no export.
        ValueError: one is damaged, or not finished.
    """
    read_manifest(dataset)  # before the lock, which makes a folder
    with locked_for_run(dataset) as holder, _cache_at_rest(dataset):
        remove_unfinished(dataset)
        before = journal.begun(dataset)
        finished = None if before is None else _carry_out(dataset, before, holder)
        plan = plan_forgetting(dataset, asked, exports=exports)
        if not plan.is_nothing:
            place = receipt or new_receipt(dataset)
            expect_file_to_write(place)  # what is begun is finished by the next command, with this receipt
            plan = replace(plan, receipt=str(place))
            journal.begin(dataset, plan)
            return _carry_out(dataset, plan, holder)
        if opt_outs := opt_outs_of(plan):
            write_opt_outs(dataset, dataset_opt_outs(dataset) | opt_outs)
        is_same = before is not None and before.asked_sha256 == plan.asked_sha256
        return finished if is_same else None


def meant(plan: Plan) -> Callable[[ExportedEntry], bool]:
    """Whether an entry of an export is of what the plan takes out."""
    opt_outs, clip_ids = opt_outs_of(plan), plan.clip_ids

    def is_meant(entry: ExportedEntry) -> bool:
        return entry.clip_id in clip_ids or opt_outs.why(source_of(entry.source)) is not None

    return is_meant


def _carry_out(dataset: Place, plan: Plan, holder: Holder) -> Forgotten:
    """All steps after the note. Each finds out by itself what of it is still to be done."""
    write_opt_outs(dataset, dataset_opt_outs(dataset) | opt_outs_of(plan))
    rewrite_tables(dataset, plan, holder)
    refresh_index(dataset)
    head = read_manifest(dataset)
    write_card(dataset, head)
    for name in plan.sheets:
        (dataset / name).unlink(missing_ok=True)
    if isinstance(dataset, Path) and plan.cached:
        from modeling.data.cache_forgetting import forget_cached

        forget_cached(dataset, plan.clip_ids)
    for part in plan.exports:
        forget_exported(place_of(part.folder), part.clips)
    place = place_of(plan.receipt)
    said = write_receipt(place, dataset, head.id, plan, look_through(dataset, plan))
    journal.end(dataset)
    return Forgotten(plan=plan, place=place, receipt=said)


@contextmanager
def _cache_at_rest(dataset: Place) -> Iterator[None]:
    """PyTorch is loaded only where there is a cache."""
    if not (isinstance(dataset, Path) and (dataset / "cache").is_dir()):
        yield
        return
    from modeling.data.cache_forgetting import cache_at_rest

    with cache_at_rest(dataset):
        yield


def _cached(dataset: Place, plan: Plan) -> dict[str, int]:
    if not (isinstance(dataset, Path) and (dataset / "cache").is_dir() and plan.clips):
        return {}
    from modeling.data.cache_forgetting import find_cached

    return find_cached(dataset, plan.clip_ids)


def _sheets(dataset: Place) -> tuple[str, ...]:
    folder = dataset / _SHEETS
    names = sorted(path.name for path in folder.iterdir() if path.suffix in _SHEET_SUFFIXES) if folder.is_dir() else ()
    return tuple(f"{_SHEETS}/{name}" for name in names)


def _part(folder: Place, is_meant: Callable[[ExportedEntry], bool]) -> ExportPart:
    entries = find_exported(folder, is_meant)
    files = (file for entry in entries for file in entry.files)
    return ExportPart(
        folder=str(folder.absolute()),
        clips=tuple(entry.clip_id for entry in entries),
        files=tuple(HashedContent(sha256=each.sha256, size_bytes=each.size_bytes, name=each.name) for each in files),
    )
