"""All that is looked at in a dataset: shards in processes of their own, then what the tables together show."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Final

from dataset_schema import TABLES, DatasetManifest, expect_directory, read_manifest, shard_paths
from pipelines.housekeeping.validation.findings import Check, Finding, Report
from pipelines.housekeeping.validation.media import Videos
from pipelines.housekeeping.validation.shard import ShardJob, check_shard
from pipelines.housekeeping.validation.whole import check_clips, check_files, check_funnel, check_index
from storage.address import Place

_UNREADABLE: Final = frozenset({Check.SHARD, Check.PAGE})


def validate(
    dataset: Place, *, videos: Videos = Videos.ALL, workers: int = 1, on_shard: Callable[[int], None] = lambda _: None
) -> Report:
    """Look at everything in a dataset, and change nothing.

    Args:
        dataset: what a command wrote; one that is being written is looked at as far as it is finished.
        videos: how much of a video is decoded.
        workers: how many processes look at shards; with 1 it is this one.
        on_shard: is told how many shards are done.

    Raises:
        OSError: there is no dataset.
        RuntimeError: a decoder took its process down.
    """
    expect_directory(dataset)
    report = Report()
    manifest = _head(dataset, report)
    jobs = [
        ShardJob(root=dataset, path=path, kind=kind, videos=videos)
        for kind in TABLES
        for path in shard_paths(dataset, kind)
    ]
    for done, of_shard in enumerate(_looked_at(jobs, workers), start=1):
        report.add(of_shard)
        on_shard(done)
    report.findings.sort(key=lambda finding: (finding.where, finding.row is not None, finding.row or 0))
    is_complete = manifest is not None and manifest.complete
    if all(finding.check not in _UNREADABLE for finding in report.findings):  # else nothing can be counted
        report.findings += check_clips(dataset, is_complete=is_complete)
        report.findings += check_index(dataset)
        if manifest is not None and is_complete:
            report.findings += check_funnel(dataset, manifest)
    if manifest is None or is_complete:  # else a run may be writing
        report.findings += check_files(dataset)
    return report


def _head(dataset: Place, report: Report) -> DatasetManifest | None:
    try:
        return read_manifest(dataset)
    except (ValueError, FileNotFoundError) as error:
        report.findings.append(
            Finding(
                check=Check.HEAD,
                where="dataset.json",
                found=str(error),
                expected="the head of a dataset",
                remedy="curate again: what is finished stays",
            )
        )
        return None


def _looked_at(jobs: list[ShardJob], workers: int) -> Iterator[Report]:
    if workers == 1 or len(jobs) < 2:
        yield from map(check_shard, jobs)
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(check_shard, job): job for job in jobs}
        for done in as_completed(running):
            try:
                yield done.result()
            except BrokenProcessPool as error:
                unknown = ", ".join(str(job.path) for future, job in running.items() if not future.done())
                raise RuntimeError(
                    f"a process was killed while it looked at {unknown or running[done].path}: a decoder crashed, or "
                    "memory ran out; look again with --workers 1"
                ) from error
