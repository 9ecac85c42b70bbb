"""The run that is killed: scripted stages that split, reject and fail.

python -m tests.chaos.killed_run DATASET processes|ray LEASE_S
"""

import sys
from functools import partial
from unittest.mock import patch

from curation.execution import run
from curation.execution.executor import Executor
from curation.execution.lock import locked_for_run
from curation.execution.processes import ProcessExecutor
from storage.places import place_of
from tests.curation.scripted_stages import clips_to_split, curate, splitting_stages


def _executor(name: str) -> Executor:
    if name == "processes":
        return ProcessExecutor()
    from curation.execution.ray_executor import RayExecutor

    return RayExecutor()


if __name__ == "__main__":
    dataset, executor, lease_s = sys.argv[1:]
    with patch.object(run, "locked_for_run", partial(locked_for_run, lease_s=float(lease_s))):
        curate(clips_to_split(60, slow=True), place_of(dataset), _executor(executor), splitting_stages)
