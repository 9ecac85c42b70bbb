"""What an executor is: something that runs the stages of a plan on records and writes what becomes of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from curation.execution.plan import Machine, Plan
from curation.execution.withheld import Withheld
from curation.execution.writer import Destination
from curation.funnel import Counts
from curation.records import Clip
from dataset_schema import FailedClip, RejectedClip

SourceRecord: TypeAlias = Clip | RejectedClip | FailedClip
OnProgress: TypeAlias = Callable[[Counts], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do with every record."""

    plan: Plan
    score_all: bool
    destination: Destination
    withheld: Withheld = field(default_factory=Withheld)


class BrokenRunError(RuntimeError):
    """What runs the stages lost something that the run cannot do without: its workers, a writer, the machine."""


class Executor(Protocol):
    """Runs a job.

    Attributes:
        is_one_group: a worker runs all stages; otherwise neighbours that need the same share workers.
    """

    is_one_group: bool

    def machines(self) -> Sequence[Machine] | None:
        """What the workers may use; None where there are no workers, only this process."""
        ...

    def run(self, job: Job, records: Iterator[SourceRecord], on_progress: OnProgress) -> Counts:
        """Read the records as the stages get to them, and return what was written once every record is published.

        `on_progress` is called now and then with what has been done so far.
        """
        ...
