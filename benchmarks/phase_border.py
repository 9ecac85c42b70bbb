"""What entering a training phase that trains more does to the loss: II-a to II-b, in one run and over `--start`.

    python -m benchmarks.phase_border [--clips 24] [--seed 0]

The tiny preset with batches of four, in three phases: 60 steps of I, 30 of II-a, 20 of II-b, on drawn clips. The loss
is that of the four clips of the probe with their references, the mean over its three timesteps at fixed noise, before
the border and so many steps behind it. All variants go on from the same end of II-a.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.sprite_dataset import write_sprite_dataset
from modeling.model.parts import Trainable
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.loop import train
from modeling.training.presets import tiny

_BORDER: Final = 90
_SHOWN: Final = (1, 2, 3, 5, 10, 20)

I = TrainingPhase(name="I", steps=60, trainable=Trainable.BACKBONE, uses_references=False, warmup_steps=10)  # noqa: E741
II_A = TrainingPhase(name="II-a", steps=30, trainable=Trainable.NEW_LAYERS, warmup_steps=10)
II_B = TrainingPhase(name="II-b", steps=20, trainable=Trainable.ALL)
WARM = replace(II_B, warmup_steps=10)


def run_of(*phases: TrainingPhase, seed: int) -> RunConfig:
    """The tiny preset in these phases, with its probe measured after every step."""
    run = tiny()
    data = replace(run.training.data, batching=replace(run.training.data.batching, tokens_per_device=336))
    training = replace(run.training, phases=phases, data=data, seed=seed, reference_gain_every_steps=1)
    return replace(run, training=training)


def probe_losses(output: Path) -> dict[int, float]:
    """The loss with references after every step that measured it."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return {
        line["step"]: mean(with_references for _, with_references in line["reference_losses"].values())
        for line in lines
        if line["reference_losses"]
    }


def measure(folder: Path, *, clips: int, seed: int) -> tuple[float, Mapping[str, Sequence[float]]]:
    """The loss at the end of II-a, and in II-b by variant."""
    dataset, base = folder / "dataset", folder / "base"
    write_sprite_dataset(dataset, clips=clips)
    train(run_of(I, II_A, seed=seed), dataset=dataset, output=base)
    found = {}
    for name, phase in (("one run", II_B), ("one run, warm-up of 10", WARM)):
        output = folder / name
        shutil.copytree(base, output)
        train(run_of(I, II_A, phase, seed=seed), dataset=dataset, output=output)
        found[name] = probe_losses(output), _BORDER
    for name, start, phase in (
        ("--start base, warm-up of 10", base, WARM),
        ("--start base/pipeline", base / "pipeline", II_B),
    ):
        output = folder / name.replace("/", " ")
        train(run_of(phase, seed=seed), dataset=dataset, output=output, start=start)
        found[name] = probe_losses(output), 0
    before = probe_losses(base)[_BORDER]
    return before, {name: [losses[first + step] for step in _SHOWN] for name, (losses, first) in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        before, found = measure(Path(folder), clips=arguments.clips, seed=arguments.seed)
    print(f"seed {arguments.seed}, end of II-a: {before:.3f}")
    print(f"{'steps of II-b':<28}" + "".join(f"{step:>8}" for step in _SHOWN))
    for name, losses in found.items():
        print(f"{name:<28}" + "".join(f"{loss:8.3f}" for loss in losses))


if __name__ == "__main__":
    main()
