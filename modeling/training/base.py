"""What a run begins from. Weights that it never trains are read from there again, and stand in no checkpoint."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from modeling.model.weight_files import NamedWeights, has_weights, weights_sha256
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.ends import starting_weights
from storage.configs import read_config, write_config

_NAME = "base.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where the first weights of a run come from.

    Attributes:
        pipeline: its directory, absolute; None for weights that are drawn from the run's seed.
        sha256: of its weights, of all files; None where the run trains all of them, and so never needs them again.
        phases: that other runs had trained, where the run goes on from their checkpoint with all that stands in it.
    """

    pipeline: str | None = None
    sha256: str | None = None
    phases: tuple[TrainingPhase, ...] = ()

    @classmethod
    def of(cls, start: Path | None, *, is_needed: bool) -> "Base":
        """The pipeline at `start`, or the seed.

        Raises:
            FileNotFoundError: there is no pipeline, or not all of it.
        """
        if start is None:
            return cls()
        return cls(pipeline=str(start.absolute()), sha256=weights_sha256(start) if is_needed else None)

    @classmethod
    def read(cls, checkpoint: Path) -> "Base":
        """What a checkpoint says that its run began from; one that says nothing has all weights of its own."""
        path = checkpoint / _NAME
        return read_config(path, cls) if path.is_file() else cls()

    def write(self, folder: Path) -> None:
        """Into a checkpoint."""
        write_config(folder / _NAME, self)

    def at(self, start: Path | None) -> "Base":
        """The same weights at another place, if one is named."""
        return self if start is None else replace(self, pipeline=str(start.absolute()))

    def weights(self, config: RunConfig, *, wanted: Collection[str]) -> NamedWeights:
        """Those of the first weights of a run that are wanted.

        Raises:
            FileNotFoundError: the pipeline is gone.
            ValueError: it has other weights now, or does not fit the run.
        """
        start = None if self.pipeline is None else Path(self.pipeline)
        if start is not None and not has_weights(start):
            raise FileNotFoundError(
                f"pipeline {start}, which the run began from, is not there any more, and {len(wanted)} weights that "
                "are not trained stand in no checkpoint; put it back, or name with start where it is now"
            )
        if start is not None and self.sha256 and Base.of(start, is_needed=True).sha256 != self.sha256:
            raise ValueError(
                f"pipeline {start} has other weights than the run began from (sha256 {self.sha256}); put those back, "
                "or name with start where they are now"
            )
        return ((name, weight) for name, weight in starting_weights(config, start) if name in wanted)
