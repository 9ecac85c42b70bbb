"""`train`: a curated dataset in, a trained pipeline out."""

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.distributed as dist

from modeling.training.config import RunConfig
from modeling.training.loop import train
from modeling.training.presets import tiny
from modeling.training.run_log import StepReport
from pipelines.config import parse
from pipelines.progress import Report, progress
from pipelines.written_places import WRITES_FOLDER
from storage.address import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train the personalization model on a curated dataset.

    Run it again after an interruption: it goes on from the newest checkpoint as if it had not stopped, on any number of
    devices. Example:
    python -m pipelines train --dataset out/dataset --output out/model --run.training.seed 1
    On eight GPUs:
    torchrun --nproc-per-node 8 -m pipelines train --device cuda --config configs/train_paper.toml --dataset out/dataset
    --output out/model

    Attributes:
        dataset: what `curate` or `select` wrote; or a selection by another tool, a Parquet file or a folder of them; or
            its address in a store of objects such as s3://bucket/dataset.
        output: gets `checkpoints/`, `metrics.jsonl`, `samples/` and, at the end, `pipeline/`.
        run: the model, its encoders and how it is trained; the values shown are those of the tiny preset.
        device: where to train, such as `cpu` or `cuda`.
        start: a trained pipeline whose weights to start from, of the same model, encoders and flow; or the output of
            another run, or one of its checkpoints, to go on with all that it has trained.
    """

    dataset: Place
    output: Path = field(metadata=WRITES_FOLDER)
    run: RunConfig = field(default_factory=tiny)
    device: str = "cpu"
    start: Path | None = None


def main(arguments: Sequence[str]) -> int:
    """Train, and say where the pipeline is."""
    command = parse(Train, arguments, verb="train")
    with launched_together(command.device) as device:
        pipeline = train_with_bar(replace(command, device=device))
        if is_first():
            print(f"pipeline: {pipeline}   metrics: {command.output / 'metrics.jsonl'}")
            print(f"use it: make sample MODEL={shlex.quote(str(pipeline))} PROMPT='...' OUTPUT=out/video.mp4")
    return 0


def train_with_bar(command: Train) -> Path:
    """Train with a progress bar; returns the directory of the finished pipeline."""
    if not is_first():
        return _train(command, lambda _: None)
    with progress("train", total=command.run.training.steps, unit="step") as report:
        return _train(command, _telling(report))


def _telling(report: Report) -> Callable[[StepReport], None]:
    """Tells a bar of every step: its loss, and the newest reference gain, which says whether references are used.

    The gain stands there in few characters, as shares at `GAIN_TIMESTEPS`: a narrow terminal shortens the bar for it.
    """
    gain = ""
    is_first = True

    def tell(step: StepReport) -> None:
        nonlocal gain, is_first
        if is_first:
            report(step.step - 1, by_earlier_runs=True)
            is_first = False
        if step.reference_losses is not None:
            shares = "/".join(f"{100 * losses.gain_share:.1f}" for losses in step.reference_losses.values())
            gain = f", gain {shares} %"
        report(step.step, f"{step.training_phase}: loss {step.loss:.3f}{gain}")

    return tell


def _train(command: Train, on_step: Callable[[StepReport], None]) -> Path:
    return train(
        command.run,
        dataset=command.dataset,
        output=command.output,
        device=command.device,
        start=command.start,
        on_step=on_step,
    )


@contextmanager
def launched_together(device: str) -> Iterator[str]:
    """Join the other processes that torchrun started, if it did; gives this process's own device."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def is_first() -> bool:
    """Whether this process speaks for all."""
    return not dist.is_initialized() or dist.get_rank() == 0
