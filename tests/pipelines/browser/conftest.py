"""A small dataset with every kind of end, and a real server that shows it on loopback."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from starlette.types import ASGIApp

from curation.funnel import dataset_funnel
from curation.profiles import CurationConfig, build_stages
from curation.references.judging import scores_alone
from dataset_schema import (
    Annotator,
    DatasetManifest,
    FailedClip,
    FailureKind,
    Reason,
    RejectedClip,
    RunRecord,
    Sample,
    Scores,
    Source,
    new_dataset_id,
    read_manifest,
    read_shard,
    refresh_index,
    shard_paths,
    write_manifest,
    write_shard,
)
from pipelines.browser.app import Browser
from pipelines.browser.guard import Access
from pipelines.browser.opened import BrowsedDataset
from pipelines.browser.serving import listening, server
from pipelines.verbs.browse import browser_of
from storage.configs import to_plain
from tests.pipelines.browser.asking import Served
from tests.pipelines.browser.chromium import Window, window
from tests.pipelines.conftest import clip_id, make_failed_clip, make_rejected_clip

HOSTILE = """<script>alert("1")</script> & 'a dog' <img src=x onerror=alert(2)>"""
DESIRABLE = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7)
CURATION = CurationConfig(buckets=("25x96x160",))
# Of its six kept clips, what became of four in the other dataset.
REJECTED, REWORDED, GONE, RESCORED = range(4)

Record = TypeVar("Record", Sample, RejectedClip, FailedClip)


def _scores(desirable: float) -> Scores:
    rest = (1 - desirable) / 4
    return Scores(
        shot_change=1 - desirable,
        desirable=desirable,
        still_foreground=rest,
        slight_motion=rest,
        screen_in_screen=rest,
        screen_recording=rest,
        subject_confidence=0.8,
        background_leak=0.05,
    )


def _sample(sample: Sample, desirable: float) -> Sample:
    """With scores of its own, and with one more picture that is too small to be kept."""
    first, *others = sample.entities
    kept = [replace(picture, place=place) for place, picture in enumerate(first.references)]
    small = replace(kept[0], area=0.001, place=len(kept), time_s=0.9)
    entity = replace(first, references=tuple(kept), rejected_references=(scores_alone(small),))
    return replace(sample, scores=_scores(desirable), entities=(entity, *others))


def write_small_dataset(folder: Path, make_sample: Callable[[int], Sample]) -> Path:
    """Six kept clips in two shards, three rejected ones, two failed ones."""
    rejected, failed = make_rejected_clip(), make_failed_clip()
    samples = [_sample(make_sample(index), desirable) for index, desirable in enumerate(DESIRABLE)]
    rejections = [
        replace(rejected, reasons=(replace(rejected.reasons[0], stage="single_shot_filter"),)),
        replace(
            rejected,
            clip_id=clip_id(1001),
            source=Source(id="1001", uri=f"videos/{HOSTILE}.mp4"),
            caption=HOSTILE,
            reasons=(Reason(stage="content_filter", reason="still_foreground", detail=f"desirable 0.1 {HOSTILE}"),),
            scores=_scores(0.1),
        ),
        replace(
            rejected,
            clip_id=clip_id(1002),
            source=Source(id="1002", uri="videos/silent.mp4"),
            caption="",
            reasons=(Reason(stage="entity_words", reason="no_caption", detail="the caption is empty"),),
            scores=Scores(),
            thumbnail=None,
        ),
    ]
    told = Source(
        id="2001",
        uri="videos/far.mp4",
        licence=HOSTILE,
        consent="release 17",
        rights_holder="A. Person",
        content_sha256="ab" * 32,
        perceptual_hash="cd" * 24,
    )
    busy = replace(failed, clip_id=clip_id(2001), source=told, kind=FailureKind.IO)
    tables: dict[str, Sequence[Sample | RejectedClip | FailedClip]] = {
        "samples/part-0001-000-00000.parquet": samples[:3],
        "samples/part-0001-000-00001.parquet": samples[3:],
        "rejections/part-0001-000-00000.parquet": rejections,
        "failures/part-0001-000-00000.parquet": [failed, busy],
    }
    for name, records in tables.items():
        write_shard(folder / name, records)
    head = DatasetManifest(
        profile="embedded",
        config={"sources": {}, "curation": to_plain(CURATION), "score_all": False},
        annotators=(Annotator(job="shots", name="TransNetV2", revision="1.0.5", weights_sha256="ab" * 32),),
        funnel=dataset_funnel(folder, ("read", *(stage.name for stage in build_stages(CURATION)))),
        complete=True,
        id=new_dataset_id(),
        runs=(
            RunRecord(started="2026-03-01T08:00:00+00:00", seconds=7200.0, clips=9),
            RunRecord(started="2026-03-02T09:30:00+00:00", seconds=0.5, clips=2),
        ),
    )
    write_manifest(folder, head)
    refresh_index(folder)
    return folder


@contextmanager
def served(dataset: Path, scratch: Path, access: Access | None = None) -> Iterator[Served]:
    """A server of this dataset for as long as the block lasts."""
    browser = Browser(BrowsedDataset(dataset, scratch))
    with running_server(browser.app(access or Access())) as port:
        yield Served(port=port, browser=browser, dataset=dataset)


@contextmanager
def running_server(app: ASGIApp) -> Iterator[int]:
    """The port of a server that answers for as long as the block lasts."""
    with listening("127.0.0.1", 0) as listener:
        running = server(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        while not running.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory, make_sample: Callable[[int], Sample]) -> Path:
    """Not to be changed."""
    folder = tmp_path_factory.mktemp("browsed") / "small"
    return write_small_dataset(folder, make_sample)


def records(dataset: Path, kind: type[Record]) -> list[Record]:
    return [record for path in shard_paths(dataset, kind) for record in read_shard(path, kind)]


@pytest.fixture(scope="session")
def other_dataset(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same clips under a stricter limit; one fell, one is not there, two were measured otherwise."""
    folder = tmp_path_factory.mktemp("other") / "small"
    kept = records(small_dataset, Sample)
    rejected = records(small_dataset, RejectedClip)
    fell = RejectedClip(
        clip_id=kept[REJECTED].clip_id,
        source=kept[REJECTED].source,
        caption=kept[REJECTED].caption,
        entities=(),
        media=None,
        scores=replace(kept[REJECTED].scores, desirable=0.5),
        reasons=(Reason(stage="content_filter", reason="slight_motion", detail=f"desirable 0.5 {HOSTILE}"),),
        thumbnail=None,
    )
    more_pictures = kept[REWORDED].entities[0]
    fewer = replace(more_pictures, references=more_pictures.references[:1])
    reworded = replace(kept[REWORDED], entities=(fewer, *kept[REWORDED].entities[1:]), background=None)
    rescored = replace(kept[RESCORED], scores=replace(kept[RESCORED].scores, subject_confidence=0.6))
    write_shard(folder / "samples/part-0001-000-00000.parquet", [reworded, rescored, *kept[4:]])
    write_shard(folder / "rejections/part-0001-000-00000.parquet", [*rejected, fell])
    write_shard(folder / "failures/part-0001-000-00000.parquet", records(small_dataset, FailedClip))
    curation = replace(CURATION, content_filter=replace(CURATION.content_filter, min_desirable=0.72))
    head = replace(
        read_manifest(small_dataset),
        config={"sources": {}, "curation": to_plain(curation), "score_all": False},
        funnel=dataset_funnel(folder, ("read", *(stage.name for stage in build_stages(curation)))),
        id=new_dataset_id(),
    )
    write_manifest(folder, head)
    refresh_index(folder)
    return folder


@pytest.fixture(scope="session")
def site(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages over the small dataset."""
    with served(small_dataset, tmp_path_factory.mktemp("scratch")) as site:
        yield site


@pytest.fixture(scope="session")
def both(small_dataset: Path, other_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The pages over the small dataset and the other one."""
    browser = browser_of(small_dataset, other_dataset, tmp_path_factory.mktemp("scratch"))
    with running_server(browser.app(Access())) as port:
        yield Served(port=port, browser=browser, dataset=small_dataset)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A real browser without a window, for tests with the mark `browser`."""
    with window(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened
