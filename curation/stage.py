"""What a stage is: it scores clips, and has the rules by which clips are decided on.

Scoring and deciding are apart, so that a run may score every clip although an earlier stage rejected it, and so that a
finished dataset can be decided again from its stored scores (docs/decisions/0002-stages-score-then-decide.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from curation.records import Clip
from curation.rules import Rule
from dataset_schema import Annotator, FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one worker of a stage needs, or one annotator of it.

    Attributes:
        cpus: 0 for one that only waits, for a server say: it gets a single worker.
        gpus: a share of one GPU, so that several workers may have one together.
        memory_bytes: of the machine.
        gpu_memory_bytes: of the GPU.
        batch_size: clips per call.
        timeout_s: longest time one clip may take; a batch gets this times its size.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 1 << 30
    gpu_memory_bytes: int = 0
    batch_size: int = 1
    timeout_s: float = 300.0

    def __add__(self, other: "Resources") -> "Resources":
        """Both in one worker, taking turns: both stay loaded, and whoever takes the larger batches gets them."""
        return Resources(
            cpus=max(self.cpus, other.cpus),
            gpus=self.gpus + other.gpus,
            memory_bytes=self.memory_bytes + other.memory_bytes,
            gpu_memory_bytes=self.gpu_memory_bytes + other.gpu_memory_bytes,
            batch_size=max(self.batch_size, other.batch_size),
            timeout_s=self.timeout_s + other.timeout_s,
        )


class Stage(Protocol):
    """One step of curation. Plain Python: no Ray, no torch, no progress bar.

    A class of one's own inherits from this, and need only have a name, `score`, and its rules.

    Attributes:
        name: as it stands in the tables and the funnel.
        reads: the fields of `Clip`, and the scores, that must be there.
        adds: the fields of `Clip` that it fills, and the scores of its own that it sets, by any name.
    """

    name: ClassVar[str]
    reads: ClassVar[frozenset[str]] = frozenset()
    adds: ClassVar[frozenset[str]] = frozenset()

    @property
    def resources(self) -> Resources:
        """What one worker needs."""
        return Resources()

    @property
    def rules(self) -> Sequence[Rule]:
        """What a clip is rejected for, or a picture of it left out, by what this stage measured; in order."""
        return ()

    def annotators(self) -> tuple[Annotator, ...]:
        """Name what will run, for `dataset.json`.

        Raises:
            FileNotFoundError: weights are missing; this is how a plan finds out before it starts.
        """
        return ()

    def setup(self) -> None:
        """Load the weights; called once on each worker before the first clip."""
        return

    def close(self) -> None:
        """Let go of what `setup` took: child processes, files. Called once on each worker; also after an error."""
        return

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        """The clips, in order, with this stage's values filled in; it measures, and drops nothing.

        Raises:
            ClipError: a clip cannot be worked on. Any other exception is a defect of this program.
        """
        ...

    def measured(self, clip: Clip) -> str:
        """What it measured on a clip, in a line for people."""
        scores = clip.scores.known()
        return ", ".join(f"{name.replace('_', ' ')} {scores[name]:.2f}" for name in sorted(self.adds & scores.keys()))


@runtime_checkable
class SplittingStage(Stage, Protocol):
    """A stage that makes several clips of one."""

    def split(self, clip: Clip) -> tuple[Clip, ...]:
        """The clips that a scored clip which breaks no rule goes on as, at least one. Pure, and light on memory.

        They have the same source id, ids of their own, and in `source.num_clips` how many there are: the finished
        shards then tell when all clips of the source are there.
        """
        ...


class ClipError(Exception):
    """A clip is lost to an error that the stage foresaw: it becomes a row of `failures/`.

    Args:
        kind: what sort of trouble, for `--retry`.
        message: where, what was found, what was expected, what to do next.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
