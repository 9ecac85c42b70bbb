"""How far a sampled video is from where endless steps would lead, for each solver and as many calls of the model.

    python -m benchmarks.solvers [--guidance 0.5]

The small model that ships, its two animals, two seeds; the mean difference of pixels (of 255) to Heun's method in 256
steps. Euler with four times the calls shows what the others save.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Final

import numpy as np

from dataset_schema import Bucket
from modeling.data.video import Video
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC

MODEL: Final = Path(__file__).parents[1] / "models" / "small_world"
PROMPTS: Final = {"cat": "A cat moves left on the beach.", "rabbit": "A rabbit moves right in the snow."}
SEEDS: Final = (0, 1)
CALLS: Final = (4, 8, 16, 32)

# Each with the steps that so many calls are.
SOLVERS: Final[tuple[tuple[Solver, Callable[[int], int]], ...]] = (
    (Euler(), lambda calls: calls),
    (Heun(), lambda calls: calls // 2),
    (UniPC(), lambda calls: calls),
    (UniPC(order=3), lambda calls: calls),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guidance", type=float, default=0.5, help="of text and of images")
    guidance = parser.parse_args().guidance
    pipeline = Pipeline.from_pretrained(MODEL)
    usual = SamplingConfig(bucket=Bucket(9, 48, 96), text_scale=guidance, image_scale=guidance)

    def videos(solver: Solver, steps: int) -> list[Video]:
        sampling = replace(usual, solver=solver, steps=steps)
        return [
            pipeline(prompt, references={word: MODEL / f"{word}.png"}, sampling=replace(sampling, seed=seed))
            for word, prompt in PROMPTS.items()
            for seed in SEEDS
        ]

    exact = videos(Heun(), 256)
    print(f"mean difference of pixels, of 255; both guidance scales {guidance:g}")
    print(f"{'calls of the model':20}" + "".join(f"{calls:8}" for calls in CALLS))
    for solver, steps_of in SOLVERS:
        found = [_difference(videos(solver, steps_of(calls)), exact) for calls in CALLS]
        print(f"{solver!s:20}" + "".join(f"{each:8.2f}" for each in found), flush=True)
    four_times = [_difference(videos(Euler(), 4 * calls), exact) for calls in CALLS]
    print(f"{'euler, 4 times those':20}" + "".join(f"{each:8.2f}" for each in four_times))


def _difference(found: list[Video], exact: list[Video]) -> float:
    return mean(float(np.abs(left.astype(np.int16) - right).mean()) for left, right in zip(found, exact, strict=True))


if __name__ == "__main__":
    main()
