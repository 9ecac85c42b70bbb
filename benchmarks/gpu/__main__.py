"""What networks do on a GPU: training steps of every bucket, memory, attention, float8, sampling, annotators.

    python -m benchmarks.gpu --parts attention products annotators --buckets 17x144x256 49x576x1024    # a first look
    python -m benchmarks.gpu --parts training --blocks 12 --phases II-b --compile on    # all weights, some minutes
    python -m benchmarks.gpu --parts training --phases II-a --compile on    # the paper's model, what fits of it
    python -m benchmarks.gpu                                    # everything, both ways: an hour and more
    python -m benchmarks.gpu --device cpu --preset tiny --buckets 5x32x48      # a rehearsal, no figure of a GPU

Each line is printed as soon as it is known, and what a GPU refuses is a line too: a run that is cut off has told what
it found.

Captions are full, and so are the reference images. A step is one turn of a device: as many clips as its budget of
tokens holds, with self-conditioning, gradients, optimizer and average. Operations are counted by
`modeling/model/costs.py`; recomputation counts only in the column that says so.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

import torch

from benchmarks.gpu.tables import (
    annotator_lines,
    attention_lines,
    head,
    product_lines,
    sampling_lines,
    training_lines,
    with_blocks,
)
from dataset_schema import Bucket
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.presets import one_gpu, paper, tiny
from modeling.training.run_costs import run_buckets
from storage.devices import torch_device

_PRESETS: Final = {"paper": paper, "one_gpu": one_gpu, "tiny": tiny}
_PARTS: Final = ("training", "attention", "products", "sampling", "annotators")
_COMPILES: Final = {"on": (True,), "off": (False,), "both": (False, True)}
_DENOISING_STEPS: Final = 2
_REHEARSAL: Final = "a rehearsal without one: --device cpu --preset tiny, and it says that its figures are none"


def main(arguments: Sequence[str]) -> int:
    """Measure and print, line by line; status 2 where that is not to be had."""
    options = _options(arguments)
    try:
        lines = _lines(options)
    except ValueError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    for line in lines:
        print(line, flush=True)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help=f"cuda, or one such as cuda:1; {_REHEARSAL}")
    parser.add_argument("--preset", choices=_PRESETS, default="paper", help="which model: modeling/training/presets.py")
    parser.add_argument("--blocks", type=int, help="another depth, for what does not fit")
    parser.add_argument("--phases", nargs="+", default=[], help="training phases such as II-a; all without it")
    parser.add_argument("--buckets", nargs="+", default=[], help="FRAMESxHEIGHTxWIDTH; the preset's without it")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what to measure; all without it")
    parser.add_argument("--compile", choices=_COMPILES, help="whether blocks are compiled; on a GPU both without it")
    parser.add_argument(
        "--steps", type=int, default=3, help="timed runs of each kind, fewer of long ones; the median counts"
    )
    return parser.parse_args(arguments)


def _lines(options: argparse.Namespace) -> Iterator[str]:
    """What is to be printed; whatever is wrong with the options is told before the first line.

    Raises:
        ValueError: there is no such device, phase or bucket, or the model is too large for a CPU.
    """
    run, device = _run(options), _device(options)
    phases = _phases(run, options.phases)
    buckets = tuple(map(Bucket.parse, options.buckets)) or run_buckets(run)
    is_rehearsal = device.type == "cpu"
    compiles = _COMPILES[options.compile or ("off" if is_rehearsal else "both")]
    parts = {
        "training": lambda: training_lines(run, phases, buckets, device, compiles=compiles, steps=options.steps),
        "attention": lambda: attention_lines(run, buckets, device, rounds=options.steps),
        "products": lambda: product_lines(run, device, rounds=options.steps),
        "annotators": lambda: annotator_lines(device, rounds=options.steps),
        "sampling": lambda: sampling_lines(run, buckets, device, rounds=options.steps, steps=_DENOISING_STEPS),
    }
    depth = "" if options.blocks is None else f", cut to {options.blocks} blocks (--blocks): not the preset's model"
    start = [*head(run, device), f"preset {options.preset}{depth}; median of {options.steps} timed runs or fewer"]
    end = ["\nrehearsed: every part ran; none of these figures says anything about a GPU"] if is_rehearsal else []
    return chain(start, chain.from_iterable(parts[part]() for part in options.parts), end)


def _device(options: argparse.Namespace) -> torch.device:
    try:
        device: torch.device = torch_device(options.device)
    except ValueError as error:
        raise ValueError(f"{error}. Here a GPU is to be measured; {_REHEARSAL}") from error
    if device.type == "cpu" and options.preset != "tiny":
        raise ValueError(f"device is cpu, which is not for the {options.preset} model; {_REHEARSAL}")
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device is {options.device}, expected cuda; {_REHEARSAL}")
    return device


def _run(options: argparse.Namespace) -> RunConfig:
    if options.steps < 1:
        raise ValueError(f"--steps is {options.steps}, expected at least 1")
    run = _PRESETS[options.preset]()
    return run if options.blocks is None else with_blocks(run, options.blocks)


def _phases(run: RunConfig, names: Sequence[str]) -> list[TrainingPhase]:
    known = {phase.name: phase for phase in run.training.phases}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no training phase {unknown[0]!r}, expected one of {', '.join(known)}")
    return [known[name] for name in names] or list(known.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
