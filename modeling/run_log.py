"""What training reports: one line of JSON for every logged step."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One finished step.

    Attributes:
        step: counted from 1 over all training stages; `steps` is how many there will be.
        gradient_norm: before clipping.
        tokens_per_s: latent tokens of the batch over the time of the step, waiting included.
        data_wait_s: how long the step waited for its batch.
        skipped_steps: so far, because loss or gradient was not finite.
        reference_gain: loss without references minus loss with them, by timestep; None where not measured.
        skipped_clips: of this step, if it was skipped: the clips to look at.
    """

    step: int
    steps: int
    training_stage: str
    bucket: str
    loss: float
    gradient_norm: float
    learning_rate: float
    tokens_per_s: float
    data_wait_s: float
    skipped_steps: int
    reference_gain: dict[str, float] | None = None
    skipped_clips: tuple[str, ...] = ()


class RunLog:
    """Appends reports to a JSONL file. Lines after `step`, from a run that was cut off, are removed first."""

    def __init__(self, path: Path, *, step: int) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        path.write_text("".join(kept), encoding="utf-8")

    def write(self, report: StepReport) -> None:
        """Append one line; it is on disk when this returns."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_without_nan(asdict(report)), allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
