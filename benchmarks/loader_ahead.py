"""How far ahead batches should be made: what the loader costs in every bucket, and how long a device would wait.

    python -m benchmarks.loader_ahead [--dataset DATASET] [--clips 2] [--mfu 0.45]

Measured, for each bucket of Table 6 that the clips fill: the CPU time of a clip (its frames; its drawn, augmented
reference images; those made the squares that an encoder reads) and the memory of a batch. Computed from that: what a
device waits, with so many processors and so many batches ahead, over steps whose buckets are drawn as in training.
Assumed there: a step takes its operations at a share of the GPU's peak, and processors share a batch equally.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from benchmarks.measuring import machine
from benchmarks.sprite_dataset import write_sprite_dataset
from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.data.batches import BatchLoader, DataConfig
from modeling.data.handover import Handover
from modeling.data.schedule import BatchingConfig, BatchSchedule
from modeling.data.store import SampleStore
from modeling.encoders import PaperEncoders
from modeling.encoders.cosine_patches import white_square
from modeling.model.costs import peak_flops_per_s
from modeling.training.presets import one_gpu
from modeling.training.run_costs import Devices, bucket_costs
from worlds.sprites import SpriteWorldConfig

SEED: Final = 0
RUN: Final = one_gpu()
ENCODERS: Final = PaperEncoders()
LATENTS: Final = ENCODERS.latents
GPU: Final = "NVIDIA H200"
STEPS: Final = 2000
VISITS: Final = 10
AHEAD: Final = (1, 2, 3, 4, 8)
PROCESSORS: Final = (4, 8, 16)
LARGEST: Final = Bucket(121, 576, 1024)
WORLD: Final = SpriteWorldConfig(frames=LARGEST.frames, height=720, width=1280, undesirable_share=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one batch of the preset for one GPU.

    Attributes:
        pixels_s: CPU time of the frames; `references_s` of drawing, opening and augmenting reference images, and
            `squares_s` of making them what an image encoder reads.
        batch_bytes: of the frames.
        step_s: that the device would take.
    """

    clips: int
    pixels_s: float
    references_s: float
    squares_s: float
    batch_bytes: int
    step_s: float

    @property
    def cpu_s(self) -> float:
        """Of all of it."""
        return self.pixels_s + self.references_s + self.squares_s


def measure(store: SampleStore, buckets: Sequence[Bucket], *, clips: int, mfu: float) -> dict[Bucket, Cost]:
    """What a batch of each bucket costs, from batches of a few clips."""
    peak = peak_flops_per_s(GPU)
    if peak is None:
        raise LookupError(f"the peak of {GPU} is not known")
    references_s, squares_s = _pictures_s(store, buckets[0], clips=clips)
    found = {}
    for bucket in buckets:
        costs = bucket_costs(RUN, bucket, Devices(count=1, memory_bytes=2**40))
        found[bucket] = Cost(
            clips=costs.batch,
            pixels_s=costs.batch * _pixels_s(store, bucket, clips=clips),
            references_s=costs.batch * references_s,
            squares_s=costs.batch * squares_s,
            batch_bytes=costs.batch * bucket.frames * bucket.height * bucket.width * 3,
            step_s=costs.model_flops / (mfu * peak),
        )
    return found


def _pixels_s(store: SampleStore, bucket: Bucket, *, clips: int) -> float:
    """CPU time of the frames of one clip, anywhere in it."""
    loader = _loader(store, bucket, clips=clips, windows=None)
    return _cpu_s(lambda: loader.batch(0, with_references=False)) / clips


def _pictures_s(store: SampleStore, bucket: Bucket, *, clips: int) -> tuple[float, float]:
    """CPU time of the reference images of one clip, and of making them squares; they are the same in every bucket.

    The frames are always the first, and are kept from the first step on.
    """
    loader, side = _loader(store, bucket, clips=clips, windows=1), ENCODERS.image_side
    square = Handover(prepare_image=lambda image: white_square(image, side=side))

    def run(handover: Handover) -> None:
        for step in range(1, 1 + VISITS):
            loader.batch(step, handover=handover)

    loader.batch(0)
    plain, squares = (_cpu_s(partial(run, handover)) / clips / VISITS for handover in (Handover(), square))
    return plain, squares - plain


def _loader(store: SampleStore, bucket: Bucket, *, clips: int, windows: int | None) -> BatchLoader:
    batching = BatchingConfig(tokens_per_device=clips * LATENTS.tokens(bucket), devices_per_group=1)
    data = DataConfig(batching=batching, buckets=(bucket,), windows=windows, image_dropout=0.0)
    most = RUN.pipeline.model.max_images
    return BatchLoader(SampleStore(store.dataset, (bucket,)), data, seed=SEED, max_images=most, latents=LATENTS)


def _cpu_s(run: Callable[[], object]) -> float:
    before = sum(os.times()[:2])
    run()
    return sum(os.times()[:2]) - before


def waiting_share(costs: Sequence[Cost], *, ahead: int, processors: int) -> float:
    """Of all time, what the device waits, over the steps with these costs.

    Batches are made one behind the other by all processors; that of a step is begun when the step `ahead` before it is.
    """
    made_s, begun_s, idle_s, end_s = 0.0, [0.0] * len(costs), 0.0, 0.0
    for step, cost in enumerate(costs):
        may_begin_s = begun_s[step - ahead] if step >= ahead else 0.0
        made_s = max(made_s, may_begin_s) + cost.cpu_s / processors
        begun_s[step] = max(made_s, end_s)
        idle_s += begun_s[step] - end_s
        end_s = begun_s[step] + cost.step_s
    return idle_s / end_s


def show(costs: dict[Bucket, Cost], *, mfu: float) -> None:
    """Print what was measured, and what follows."""
    columns = ("frames, CPU s", "references", "squares", "MiB", "step s")
    print(f"\na batch\n{'bucket':>14} {'clips':>6}" + "".join(f"{name:>15}" for name in columns))
    for bucket, cost in costs.items():
        found = (cost.pixels_s, cost.references_s, cost.squares_s, cost.batch_bytes / 2**20, cost.step_s)
        print(f"{bucket!s:>14} {cost.clips:6d}" + "".join(f"{value:15.2f}" for value in found))
    schedule = BatchSchedule(
        dict.fromkeys(costs, 10**6), RUN.training.data.batching, seed=SEED, multi_subject_clips={}, latents=LATENTS
    )
    drawn = [costs[schedule.bucket(step)] for step in range(STEPS)]
    print(f"\nof {STEPS} steps at {mfu:.0%} of the peak of a {GPU} (assumed), the share that it waits")
    print(f"{'batches ahead':>14}" + "".join(f"{f'{count} processors':>15}" for count in PROCESSORS))
    for ahead in AHEAD:
        shares = (waiting_share(drawn, ahead=ahead, processors=count) for count in PROCESSORS)
        print(f"{ahead:14d}" + "".join(f"{share:15.1%}" for share in shares))
    by_step = sum(cost.squares_s for cost in drawn) / sum(cost.step_s for cost in drawn)
    print(f"squares made by the step instead of the loader would lengthen it by {by_step:.1%}")


def main() -> None:
    """Measure a given dataset, or drawn clips of 121 frames at 720x1280."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, help="instead; buckets of Table 6 that no clip fills are left out")
    parser.add_argument("--clips", type=int, default=2, help="of each measured batch, and to draw without a dataset")
    parser.add_argument("--mfu", type=float, default=0.45, help="the assumed share of the GPU's peak")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        dataset = arguments.dataset or Path(folder)
        if arguments.dataset is None:
            write_sprite_dataset(dataset, clips=arguments.clips, world=WORLD, bucket=LARGEST)
        store = SampleStore(dataset, TABLE_6_BUCKETS)
        print(machine(("torch", "av", "pillow"), seed=SEED))
        filled = [bucket for bucket, count in store.clips_per_bucket().items() if count]
        costs = measure(store, filled, clips=arguments.clips, mfu=arguments.mfu)
        show(costs, mfu=arguments.mfu)


if __name__ == "__main__":
    main()
