"""All stages in this process, one handful of clips after another: for debugging, for tests and for small machines."""

from collections.abc import Iterator
from itertools import islice

from curation.execution.chain import StageChain
from curation.execution.executor import Job, OnProgress, SourceRecord
from curation.execution.outcomes import finished
from curation.execution.writer import open_writer
from curation.funnel import Counts


class LocalExecutor:
    """Needs nothing but this process. It takes only as many records at a time as the largest batch of a stage."""

    is_one_group: bool = True

    def machines(self) -> None:
        """There are no workers to place."""
        return

    def run(self, job: Job, records: Iterator[SourceRecord], on_progress: OnProgress) -> Counts:
        """See `Executor`."""
        stages = [planned for group in job.plan.groups for planned in group.stages]
        chain = StageChain(stages, score_all=job.score_all, withheld=job.withheld)
        try:
            with open_writer(job.destination) as writer:
                while some := list(islice(records, job.plan.batch_size)):
                    for records_of_some in chain.stream(some):
                        for record in records_of_some:
                            writer.add(finished(record, job.plan.last_stage))
                        on_progress(writer.counts)
                return writer.counts
        finally:
            chain.close()
