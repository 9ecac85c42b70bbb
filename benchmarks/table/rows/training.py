"""Training: a whole step against diffusers' nearest model, and the cache of latents and texts before it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import Run, growth_mib
from benchmarks.model_block import CONTEXT_TOKENS, GOAL_PER_WEIGHT, WIDTH
from benchmarks.sprite_dataset import BUCKET as CACHED_BUCKET
from benchmarks.sprite_dataset import write_sprite_dataset
from benchmarks.table.row import Goal, Inputs, Row, Side, ours
from benchmarks.table.rows.products import matrix_products
from benchmarks.table.timed import Work
from benchmarks.training_step import (
    BLOCKS,
    BUCKET,
    CLIPS,
    described_mib,
    prepare_ours,
    prepare_theirs,
    weight_ratio,
)
from dataset_schema import Sample, read_shard, shard_paths
from modeling.data.cache import write_cache
from modeling.data.store import SampleStore
from modeling.data.video import decode_clip
from modeling.encoders import Encoders
from modeling.training.presets import tiny

_STEPS: Final = 3
_CLIPS: Final = 48


def step() -> Work:
    """Some steps of ours, after two that do not count; tells the memory that those took beside what `describe` says."""
    torch.set_num_threads(1)
    runs: list[Run] = []

    def start() -> None:
        run = prepare_ours()
        run()
        run()
        runs.append(run)

    taken_mib = growth_mib(start)
    return _steps(runs[0], f", {taken_mib:.0f} MiB, described {described_mib():.0f}")


def step_by_diffusers() -> Work:
    """Likewise of diffusers' model."""
    torch.set_num_threads(1)
    run = prepare_theirs()
    run()
    run()
    return _steps(run)


def _steps(run: Run, memory: str = "") -> Work:
    def work() -> str:
        for _ in range(_STEPS):
            run()
        return f"{_STEPS} steps{memory}"

    return work


def step_floor() -> Work:
    """The multiplications of our step, there and back."""
    run = prepare_ours()
    with FlopCounterMode(display=False) as counter:
        run()
    return matrix_products(counter.get_total_flops() * _STEPS)


def cache(dataset: str, output: str) -> Work:
    """Ours, into a new folder beside links to the shards."""
    torch.set_num_threads(1)
    copied = Path(output)
    copied.mkdir()
    (copied / "samples").symlink_to(Path(dataset) / "samples")
    store, encoders = SampleStore(copied, (CACHED_BUCKET,)), _encoders()

    def work() -> str:
        written = write_cache(store, encoders, device=torch.device("cpu"))
        if written.encoded_windows != written.windows:
            raise RuntimeError(f"of {written.windows} windows {written.encoded_windows} were encoded")
        return f"{written.encoded_windows} clips"

    return work


def cache_as_a_loop(dataset: str, output: str) -> Work:
    """Decode, encode, and a file for each clip by `torch.save`, one after the other, as trainers prepare their data."""
    torch.set_num_threads(1)
    folder, encoders = Path(output), _encoders()
    folder.mkdir()

    def work() -> str:
        done = 0
        for sample in _samples(Path(dataset)):
            latents, text = _encoded(sample, encoders)
            torch.save({"latents": latents, "text": text}, folder / f"{sample.clip_id}.pt")
            done += 1
        return f"{done} clips"

    return work


def cache_floor(dataset: str) -> Work:
    """The frames and the encoders, and nothing is written."""
    torch.set_num_threads(1)
    samples, encoders = list(_samples(Path(dataset))), _encoders()
    return lambda: f"{sum(len(_encoded(sample, encoders)) == 2 for sample in samples)} clips"


def rows(inputs: Inputs) -> Iterator[Row]:
    """Two."""
    yield Row(
        what="a training step: loss, gradients, AdamW, average",
        on=f"{BUCKET}, {CLIPS} clips, width {WIDTH}, {BLOCKS} blocks, {CONTEXT_TOKENS} tokens of text and of images, "
        "one thread",
        ours=Side(name="ours", command=ours("training:step")),
        others=(
            Side(
                name="diffusers, WanTransformer3DModel",
                command=ours("training:step_by_diffusers"),
                goal=Goal(most=round(GOAL_PER_WEIGHT * weight_ratio(), 2), why=f"{GOAL_PER_WEIGHT} a weight"),
            ),
            Side(name="floor: our products", command=ours("training:step_floor")),
        ),
    )
    dataset, clips = inputs.scratch / "dataset", inputs.some(_CLIPS)
    write_sprite_dataset(dataset, clips=clips)
    yield Row(
        what="latents and texts into a cache",
        on=f"{clips} drawn clips of 288x512, as {CACHED_BUCKET}, embedded encoders, one thread",
        ours=Side(name="ours", command=ours("training:cache", dataset, inputs.scratch / "{run}")),
        others=(
            Side(
                name="the loop: decode, encode, torch.save",
                command=ours("training:cache_as_a_loop", dataset, inputs.scratch / "{run}"),
            ),
            Side(
                name="floor: the frames and the encoders",
                command=ours("training:cache_floor", dataset),
                goal=Goal(most=1.11),
            ),
        ),
    )


def _encoders() -> Encoders:
    return tiny().pipeline.encoders.build()


def _samples(dataset: Path) -> Iterator[Sample]:
    for path in shard_paths(dataset, Sample):
        yield from read_shard(path, Sample)


@torch.no_grad()
def _encoded(sample: Sample, encoders: Encoders) -> tuple[torch.Tensor, torch.Tensor]:
    video = decode_clip(sample.video.bytes or b"", CACHED_BUCKET)
    (latents,) = encoders.autoencoder.encode(torch.from_numpy(video)[None])
    (text,) = encoders.text.encode([sample.caption])
    return latents, text.embeddings
