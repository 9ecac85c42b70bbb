"""How a model learned: the curves of one or more runs, read from the `metrics.jsonl` of each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from modeling.training.objective import ReferenceLosses

Curve: TypeAlias = Sequence[tuple[int, float]]
"""(step, value), by step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """What runs in a row reported; steps of a run are counted on after those of the run before.

    Attributes:
        losses: of every run, as logged.
        gains: what references are worth, as a share of the loss without them, by timestep; as far as it was measured.
        beginnings: of every training phase the last step logged before it, and its name.
        steps: of all runs together.
    """

    losses: tuple[Curve, ...]
    gains: Mapping[str, Curve]
    beginnings: tuple[tuple[int, str], ...]
    steps: int


def read_learning(runs: Sequence[tuple[str, Path]]) -> Learning:
    """What runs reported, in the order of training.

    Args:
        runs: name and `metrics.jsonl` of each. A training phase is named after both: "text: I".

    Raises:
        ValueError: a run has reported nothing.
    """
    losses, beginnings, done = [], [], 0
    gains: dict[str, list[tuple[int, float]]] = {}
    for name, path in runs:
        lines = _lines(path)
        losses.append([(done + line["step"], line["loss"]) for line in lines if line["loss"] is not None])
        phase, before = None, done
        for line in lines:
            step = done + line["step"]
            if line["training_phase"] != phase:
                phase = line["training_phase"]
                beginnings.append((before, f"{name}: {phase}"))
            before = step
            for timestep, pair in (line["reference_losses"] or {}).items():
                if None not in pair:
                    gains.setdefault(timestep, []).append((step, ReferenceLosses(*pair).gain_share))
        done += lines[-1]["step"]
    ordered = {timestep: gains[timestep] for timestep in sorted(gains, key=float)}
    return Learning(losses=tuple(losses), gains=ordered, beginnings=tuple(beginnings), steps=done)


def smoothed(curve: Curve) -> Curve:
    """The running median over a twelfth of the curve, at least five points.

    Our choice: a median, because the loss of a step depends much on the few timesteps that it drew, and a mean follows
    the largest of them.
    """
    values = np.array([value for _, value in curve])
    half = max(2, len(values) // 24)
    medians = (np.median(values[max(0, at - half) : at + half + 1]) for at in range(len(values)))
    return [(step, float(median)) for (step, _), median in zip(curve, medians, strict=True)]


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if not lines:
        raise ValueError(f"{path} has no lines, expected one per logged step; train at least one step")
    return lines
