"""What training reports: one line of JSON for every logged step."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modeling.training.boards import Board
from modeling.training.held_out import HeldOutLosses
from modeling.training.objective import ReferenceLosses
from storage.whole_files import write_whole_text

_CURVES = ("loss", "gradient_norm", "learning_rate", "tokens_per_s", "data_wait_s", "model_tflops_per_s", "mfu")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One finished step.

    Attributes:
        step: counted from 1 over all training phases; `steps` is how many there will be.
        gradient_norm: before clipping.
        learning_rate: of the weights that warm up, if the phase has a warm-up.
        tokens_per_s: as `data_wait_s`, `model_tflops_per_s` and `mfu`, those of `meter.Rates`.
        skipped_steps: so far, because loss or gradient was not finite.
        reference_losses: the loss without references and with them, by timestep; None where not measured.
        held_out_losses: the same of clips that training never sees, by bucket.
        skipped_clips: of this step, if it was skipped: the clips to look at.
    """

    step: int
    steps: int
    training_phase: str
    bucket: str
    loss: float
    gradient_norm: float
    learning_rate: float
    tokens_per_s: float
    data_wait_s: float
    model_tflops_per_s: float
    mfu: float | None
    skipped_steps: int
    reference_losses: dict[str, ReferenceLosses] | None = None
    held_out_losses: HeldOutLosses | None = None
    skipped_clips: tuple[str, ...] = ()

    @property
    def reference_gain(self) -> dict[str, float] | None:
        """Loss without references minus loss with them, by timestep; None where not measured."""
        if self.reference_losses is None:
            return None
        return {timestep: losses.gain for timestep, losses in self.reference_losses.items()}


class RunLog:
    """Appends reports to `folder/metrics.jsonl`, and draws them on the boards.

    Lines after `step`, from a run that was cut off, are removed first.
    """

    def __init__(self, folder: Path, *, step: int, boards: Sequence[Board] = ()) -> None:
        self._path = folder / "metrics.jsonl"
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True) if self._path.is_file() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
        write_whole_text(self._path, "".join(kept))
        self._boards = boards

    def write(self, report: StepReport) -> None:
        """Append one line; it is on disk when this returns."""
        line = asdict(report) | {"reference_gain": report.reference_gain}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_without_nan(line), allow_nan=False) + "\n")
        for board in self._boards:
            board.draw(dict(_curves(report)), step=report.step)

    def close(self) -> None:
        """Write what the boards still hold back."""
        for board in self._boards:
            board.close()


def _curves(report: StepReport) -> Iterator[tuple[str, float]]:
    """The point of every curve that the report has one of."""
    for name in _CURVES:
        if (value := getattr(report, name)) is not None:
            yield f"training/{name}", value
    for timestep, losses in (report.reference_losses or {}).items():
        yield f"reference_gain/{timestep}", losses.gain
        for name, loss in losses._asdict().items():
            yield f"loss_{name}/{timestep}", loss
    for bucket, by_timestep in (report.held_out_losses or {}).items():
        for timestep, held_out in by_timestep.items():
            for name, loss in held_out.items():
                yield f"held_out_loss_{name}/{bucket}/{timestep}", loss


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
