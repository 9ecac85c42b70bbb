"""Where a run's curves are drawn while it runs: TensorBoard where it is installed, W&B where the config asks for it."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from modeling.training.config import RunConfig, WandbConfig
from storage.configs import read_config, to_plain, write_config
from storage.libraries import library

_WANDB_RUN_NAME: Final = "wandb.json"


@runtime_checkable
class Board(Protocol):
    """Draws numbers over the steps of a run."""

    def draw(self, values: Mapping[str, float], *, step: int) -> None:
        """Points of some curves, by their names."""
        ...

    def close(self) -> None:
        """Write what is still held back."""
        ...


def open_boards(folder: Path, config: RunConfig, *, step: int) -> tuple[Board, ...]:
    """The boards of the run that has its output in a folder, and that has come to a step.

    Raises:
        ModuleNotFoundError: W&B is asked for, and not installed.
    """
    found: list[Board] = []
    if importlib.util.find_spec("tensorboard") is not None:
        found.append(TensorBoard(folder / "tensorboard", step=step))
    if config.training.wandb is not None:
        found.append(Wandb(folder, config.training.wandb, config))
    return tuple(found)


class TensorBoard:
    """Files that TensorBoard shows; what an earlier run wrote after `step` is hidden."""

    def __init__(self, folder: Path, *, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def draw(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Board`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See `Board`."""
        self._writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class WandbRun:
    """Which run of W&B is this one's."""

    id: str


class Wandb:
    """A run of W&B (Weights & Biases), the same one however often training is resumed.

    W&B takes no step twice: what a resumed run does again since its last checkpoint it ignores, and it is the same.

    Args:
        folder: the run's output; gets `wandb.json`, which remembers the run, and W&B's own folder.
        wandb: where to show it.
        config: is shown beside the curves.
    """

    def __init__(self, folder: Path, wandb: WandbConfig, config: RunConfig) -> None:
        kept = folder / _WANDB_RUN_NAME
        known = read_config(kept, WandbRun) if kept.is_file() else None
        self._run: Any = library("wandb", extra="wandb").init(
            project=wandb.project,
            entity=wandb.entity,
            name=wandb.name,
            id=None if known is None else known.id,
            resume=None if known is None else "allow",
            mode="offline" if wandb.offline else None,
            dir=str(folder.absolute()),
            config=to_plain(config),
        )
        if known is None:
            write_config(kept, WandbRun(id=str(self._run.id)))

    def draw(self, values: Mapping[str, float], *, step: int) -> None:
        """See `Board`."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """See `Board`."""
        self._run.finish()
