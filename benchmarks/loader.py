"""Clips per second and memory of the batch loader, against Hugging Face `datasets` streaming over the same shards.

    python -m benchmarks.loader [--dataset DATASET] [--bucket 49x144x256] [--clips 48] [--rounds 5]

All make the frames of the same clips, at 24 per second and of the bucket's size, in batches of 8, once through.

- ours: `BatchLoader`, in a random order that follows from the step, anywhere in the shards; nothing is kept from one
  step to the next. With one thread and nothing made ahead, or with 4 and the next batch made meanwhile.
- datasets: `load_dataset("parquet", streaming=True)` in torch's `DataLoader`, from front to back without shuffling, in
  this process or in up to 4 workers. Frames come from the same `decode_clip`; and from torchcodec, which `datasets`
  itself would take, where that finds an FFmpeg.

With reference images both draw (A.3), open and augment them (Table 4) by the same functions. The cache holds latents
and text tokens instead of videos.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from datasets import Video, load_dataset
from PIL import Image
from torch.nn.functional import interpolate
from torch.utils.data import DataLoader

from benchmarks.measuring import Run, machine, peak_mib, verdict
from benchmarks.sprite_dataset import BUCKET, write_sprite_dataset
from dataset_schema import FRAMES_PER_SECOND, SAMPLES_SCHEMA, Bucket, Sample, shard_paths
from dataset_schema.rows import from_row
from modeling.data.augmentation import augment, draw_augmentation
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.cache import ClipCache, write_cache
from modeling.data.reference_choice import select_reference_images
from modeling.data.schedule import BatchingConfig
from modeling.data.store import SampleStore
from modeling.data.training_sample import TrainingSample
from modeling.data.video import decode_clip
from modeling.encoders import LatentGeometry
from modeling.randomness import numpy_generator
from modeling.training.presets import tiny
from picture_reading.opening import open_picture

CLIPS_PER_BATCH: Final = 8
MAX_IMAGES: Final = 6
THREADS: Final = DataConfig().threads
WORKERS: Final = min(THREADS, os.cpu_count() or 1)  # more processes than processors are slower
GOAL: Final = 1.0
SEED: Final = 0

Row = dict[str, Any]


def run_ours(
    dataset: Path, bucket: Bucket, *, threads: int, with_references: bool = False, uses_cache: bool = False
) -> Run:
    """Every clip once, by our loader."""
    batching = BatchingConfig(tokens_per_device=CLIPS_PER_BATCH * LatentGeometry().tokens(bucket), devices_per_group=1)
    data = DataConfig(
        batching=batching, threads=threads, memory_mb=0, uses_cache=uses_cache, text_dropout=0.0, image_dropout=0.0
    )
    store = SampleStore(dataset, (bucket,))
    clips = ClipCache.of(store, tiny().pipeline.encoders.build()) if uses_cache else store
    loader = BatchLoader(clips, data, seed=SEED, max_images=MAX_IMAGES, latents=LatentGeometry())
    steps = range(store.clips_per_bucket()[bucket] // CLIPS_PER_BATCH)

    def run() -> None:
        ahead = loader.batches(steps, with_references=with_references)
        one_by_one = (loader.batch(step, with_references=with_references) for step in steps)
        for batch in ahead if threads > 1 else one_by_one:
            _ = batch.latents() if uses_cache else batch.videos()

    return run


def run_theirs(
    dataset: Path, bucket: Bucket, *, workers: int, with_references: bool = False, uses_torchcodec: bool = False
) -> Run:
    """Every clip once, by `datasets`."""
    shards = [str(path) for path in shard_paths(dataset, Sample)]
    columns = SAMPLES_SCHEMA.names if with_references else ["clip_id", "caption", "video", "video_start_s"]
    collate = partial(
        _collate,
        decode=_by_torchcodec if uses_torchcodec else _by_decode_clip,
        bucket=bucket,
        with_references=with_references,
    )

    def run() -> None:
        rows = load_dataset("parquet", data_files=shards, split="train", streaming=True).select_columns(columns)
        rows = rows.decode(uses_torchcodec)
        for _ in DataLoader(rows, batch_size=CLIPS_PER_BATCH, collate_fn=collate, num_workers=workers):
            pass

    return run


def _collate(
    rows: list[Row], *, decode: Callable[[Row, Bucket], torch.Tensor], bucket: Bucket, with_references: bool
) -> tuple[torch.Tensor, list[str], list[list[Image.Image]]]:
    videos = torch.stack([decode(row, bucket) for row in rows])
    return videos, [row["caption"] for row in rows], [_references(row) for row in rows] if with_references else []


def _by_decode_clip(row: Row, bucket: Bucket) -> torch.Tensor:
    return torch.from_numpy(decode_clip(row["video"]["bytes"], bucket, start_s=row["video_start_s"]))


def _by_torchcodec(row: Row, bucket: Bucket) -> torch.Tensor:
    """The frames on show in the middle of each 1/24 s, scaled to cover the bucket and cropped."""
    times_s = row["video_start_s"] + (np.arange(bucket.frames) + 0.5) / FRAMES_PER_SECOND
    frames = row["video"].get_frames_played_at(seconds=times_s.tolist()).data
    scale = max(bucket.height / frames.shape[2], bucket.width / frames.shape[3])
    size = [round(side * scale) for side in frames.shape[2:]]
    scaled = interpolate(frames.float(), size=size, mode="bicubic", antialias=True).round().clamp(0, 255).byte()
    top, left = (size[0] - bucket.height) // 2, (size[1] - bucket.width) // 2
    return scaled[:, :, top : top + bucket.height, left : left + bucket.width].permute(0, 2, 3, 1)


def _references(row: Row) -> list[Image.Image]:
    generator = numpy_generator("references", SEED, row["clip_id"], 0)
    images = []
    for selected in select_reference_images(TrainingSample.of(from_row(row, Sample)), generator, max_images=MAX_IMAGES):
        image = open_picture(selected.image.bytes or b"")
        images.append(augment(image, draw_augmentation(image.width, image.height, generator)))
    return images


class Taken(NamedTuple):
    """Seconds by the clock, and of all processors, child processes included."""

    clock_s: float
    cpu_s: float


def compare(title: str, runs: Mapping[str, Run], *, clips: int, rounds: int) -> dict[str, Taken]:
    """Run all in turns, in the opposite order every other round; print and return the shortest times.

    The shortest, because other work on the machine only lengthens them. One more round at the start does not count.
    """
    times: dict[str, list[Taken]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            before = Taken(time.perf_counter(), sum(os.times()[:4]))
            runs[name]()
            if number:
                times[name].append(Taken(time.perf_counter() - before.clock_s, sum(os.times()[:4]) - before.cpu_s))
    shortest = {name: Taken(*map(min, zip(*found, strict=True))) for name, found in times.items()}
    print(f"\n{title}")
    for name, taken in shortest.items():
        print(f"  {name:42} {clips / taken.clock_s:8.2f} clips/s {taken.cpu_s / clips * 1e3:8.1f} CPU ms a clip")
    return shortest


def show_ratio(shortest: Mapping[str, Taken], ours: str, theirs: str) -> None:
    """Print how many times as fast ours is."""
    clock, cpu = (found / mine for found, mine in zip(shortest[theirs], shortest[ours], strict=True))
    print(f"  {ours} / {theirs}: {clock:.2f} x clips/s ({verdict(clock, GOAL, at_most=False)}), {cpu:.2f} x per CPU s")


def torchcodec_problem() -> str | None:
    """Why torchcodec cannot be used here, if it cannot."""
    try:
        Video().decode_example({"bytes": b"", "path": None})
    except (ImportError, RuntimeError) as error:
        return str(error).splitlines()[0]
    except ValueError:  # it came as far as finding that this is no video
        return None
    return None


def measure(dataset: Path, bucket: Bucket, *, rounds: int) -> None:
    """Compare, and print."""
    store = SampleStore(dataset, (bucket,))
    clips = store.clips_per_bucket()[bucket] // CLIPS_PER_BATCH * CLIPS_PER_BATCH
    print(machine(("torch", "datasets", "av", "pyarrow"), seed=SEED))
    print(f"{clips} clips of {bucket} from {len(shard_paths(dataset, Sample))} shards, the best of {rounds} rounds")
    ours, theirs = partial(run_ours, dataset, bucket), partial(run_theirs, dataset, bucket)
    for with_references in (False, True):
        runs = {
            "ours, 1 thread": ours(threads=1, with_references=with_references),
            f"ours, {THREADS} threads": ours(threads=THREADS, with_references=with_references),
            "datasets": theirs(workers=0, with_references=with_references),
            f"datasets, {WORKERS} workers": theirs(workers=WORKERS, with_references=with_references),
        }
        if not with_references and (problem := torchcodec_problem()) is None:
            runs["datasets, torchcodec"] = theirs(workers=0, uses_torchcodec=True)
        elif not with_references:
            print(f"torchcodec is left out: {problem}")
        title = "frames, captions, drawn and augmented references" if with_references else "frames and captions"
        shortest = compare(title, runs, clips=clips, rounds=rounds)
        show_ratio(shortest, "ours, 1 thread", "datasets")
        show_ratio(shortest, f"ours, {THREADS} threads", f"datasets, {WORKERS} workers")
    measure_cache(store, ours, clips=clips, rounds=rounds)
    measure_memory(ours, theirs)


def measure_cache(store: SampleStore, ours: partial[Run], *, clips: int, rounds: int) -> None:
    """Write the cache of the embedded encoders, and load from it."""
    written = write_cache(store, tiny().pipeline.encoders.build(), device=torch.device("cpu"))
    runs = {"ours, 1 thread": ours(threads=1, uses_cache=True)}
    compare(f"latents and text tokens from the cache ({written.clips} clips)", runs, clips=clips, rounds=rounds)


def measure_memory(ours: partial[Run], theirs: partial[Run]) -> None:
    """Print what a new process needs for one time through."""
    print("\nmemory at its peak, beside what the imports take")
    for name, prepare in {
        "ours, 1 thread": partial(ours, threads=1),
        f"ours, {THREADS} threads": partial(ours, threads=THREADS),
        "datasets (each worker has its own)": partial(theirs, workers=0),
    }.items():
        print(f"  {name:42} {peak_mib(prepare):8.0f} MiB")


def main() -> None:
    """Measure a given dataset, or a drawn one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, help="all of its clips must fill the bucket; its cache is written")
    parser.add_argument("--bucket", type=Bucket.parse, default=BUCKET)
    parser.add_argument("--clips", type=int, default=48, help="to draw, where no dataset is given")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.dataset is not None:
        measure(arguments.dataset, arguments.bucket, rounds=arguments.rounds)
        return
    with TemporaryDirectory() as folder:
        print(f"drawing {arguments.clips} clips")
        write_sprite_dataset(Path(folder), clips=arguments.clips)
        measure(Path(folder), arguments.bucket, rounds=arguments.rounds)


if __name__ == "__main__":
    main()
