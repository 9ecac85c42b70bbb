"""Which executor is the faster one for a run."""

from collections.abc import Sequence

from curation.execution.executor import Executor
from curation.execution.processes import ProcessExecutor
from curation.stage import Stage


def choose_executor(stages: Sequence[Stage], *, address: str | None, recycle_after: int = 5000) -> Executor:
    """Ray where there is a cluster, or a stage that wants a GPU; otherwise processes of this machine.

    Our choice. On one machine without GPUs the processes start sooner and use less of its cores, whatever the number of
    clips (docs/performance.md). With GPUs, Ray gives each network workers of its own, so that each is loaded once.

    Args:
        stages: of the run.
        address: of a Ray cluster to join; None for this machine.
        recycle_after: clips after which a worker process gives way to a fresh one.
    """
    if address is None and not any(stage.resources.gpus for stage in stages):
        return ProcessExecutor(recycle_after=recycle_after)
    from curation.execution.ray_executor import RayExecutor

    return RayExecutor(address=address, recycle_after=recycle_after)
