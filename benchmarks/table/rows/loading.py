"""Batches of frames for training, against the loaders of others over the same clips."""

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from benchmarks.loader import CLIPS_PER_BATCH, run_ours, run_theirs
from benchmarks.sprite_dataset import BUCKET, write_sprite_dataset
from benchmarks.table.peers import peer_side
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.timed import Work
from dataset_schema import Sample, read_shard, shard_paths
from modeling.data.video import decode_clip

_BATCHES: Final = 6


def load(dataset: str) -> Work:
    """Every clip once, in a random order, one thread, nothing made ahead."""
    torch.set_num_threads(1)
    return _every_clip(run_ours(Path(dataset), BUCKET, threads=1))


def load_by_datasets(dataset: str) -> Work:
    """`load_dataset("parquet", streaming=True)` in torch's loader, one process, from front to back."""
    torch.set_num_threads(1)
    return _every_clip(run_theirs(Path(dataset), BUCKET, workers=0))


def floor(dataset: str) -> Work:
    """The frames of all clips, and no loader."""
    videos = [sample.video.bytes or b"" for sample in _samples(Path(dataset))]
    return lambda: f"{sum(len(decode_clip(video, BUCKET, start_s=0.0)) > 0 for video in videos)} clips"


def rows(inputs: Inputs) -> Iterator[Row]:
    """One."""
    dataset, tars, mds = (inputs.scratch / name for name in ("dataset", "tars", "mds"))
    clips = CLIPS_PER_BATCH * inputs.some(_BATCHES)
    write_sprite_dataset(dataset, clips=clips)
    _write_tar(dataset, tars)
    bucket = (BUCKET.frames, BUCKET.height, BUCKET.width)
    by_streaming = peer_side("mosaicml-streaming", "streaming_batches", mds, CLIPS_PER_BATCH, *bucket)
    if by_streaming.problem is None:
        by_streaming = replace(by_streaming, problem=_write_mds(by_streaming.command[0], tars, mds))
    yield Row(
        what=f"batches of {CLIPS_PER_BATCH} for training",
        on=f"{clips} drawn clips of 288x512, as {BUCKET}, one thread",
        ours=Side(name="ours", command=ours("loading:load", dataset)),
        others=(
            Side(
                name="datasets, streaming",
                command=ours("loading:load_by_datasets", dataset),
                goal=Goal(most=1.0),
            ),
            peer_side("webdataset", "webdataset_batches", tars, CLIPS_PER_BATCH, *bucket, goal=Goal(most=1.0)),
            replace(by_streaming, goal=Goal(most=1.0)),
            Side(name="floor: the frames alone", command=ours("loading:floor", dataset)),
        ),
    )


def _every_clip(run: Callable[[], object]) -> Work:
    def work() -> str:
        run()
        return "all clips"

    return work


def _samples(dataset: Path) -> Iterator[Sample]:
    for path in shard_paths(dataset, Sample):
        yield from read_shard(path, Sample)


def _write_tar(dataset: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(folder / "clips.tar", "w") as tar:
        for sample in _samples(dataset):
            for ending, payload in (("mp4", sample.video.bytes or b""), ("txt", sample.caption.encode())):
                member = tarfile.TarInfo(f"{sample.clip_id}.{ending}")
                member.size = len(payload)
                tar.addfile(member, io.BytesIO(payload))


def _write_mds(python: str, tars: Path, folder: Path) -> str | None:
    """Why it cannot be written, if it cannot."""
    command = [python, "-W", "ignore", "-m", "benchmarks.table.peer_work", str(tars), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None
