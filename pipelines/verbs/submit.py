"""`submit`: the same curation job, run on a Ray cluster by Ray job submission."""

import asyncio
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ray.job_submission import JobStatus, JobSubmissionClient

import curation
import dataset_schema
import exports
import modeling
import picture_reading
import pipelines
import storage
import video_reading
import worlds
from pipelines.config import parse
from storage.address import Place

# What Ray's dashboard answers until the agents of a cluster that has just started can take jobs.
_NOT_READY: Final = "No available agent"
_PATIENCE_S: Final = 60.0

# What a worker may import; the cluster has none of it.
_PACKAGES: Final = (
    curation,
    dataset_schema,
    exports,
    modeling,
    picture_reading,
    pipelines,
    storage,
    video_reading,
    worlds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Run `curate` as a job on a Ray cluster, follow its log, and end with its status.

    The project's own code travels with the job; its dependencies must be installed on the cluster, and the paths must
    be the same on every machine. Example:
    python -m pipelines submit --address http://127.0.0.1:8265 --input videos/ --output out/dataset

    Attributes:
        address: of the cluster's dashboard.
        input: folder or manifest, on a file system that the whole cluster sees, or at an address such as s3://...;
            nothing of it travels with the job, and the cluster's own environment has the credentials.
        output: the dataset directory, likewise.
        python: the interpreter on the cluster.
        options: further options of `curate`, as one text: --options "--score-all --sources.caption 'A dog runs.'"
    """

    address: str
    input: Place
    output: Place
    python: str = "python"
    options: str = ""


def main(arguments: Sequence[str]) -> int:
    """Submit, follow, and return 0 if the job succeeded, 1 if not."""
    command = parse(Submit, arguments, verb="submit")
    client = _connect(command.address)
    job = submit_when_ready(client, command, patience_s=_PATIENCE_S)
    print(f"job {job} on {command.address}; stop it with: ray job stop {job} --address {command.address}")
    asyncio.run(_follow(client, job))
    status = client.get_job_status(job)
    print(f"job {job}: {status.value.lower()}")
    if status is JobStatus.SUCCEEDED:
        return 0
    print(client.get_job_info(job).message or "the job left no message", file=sys.stderr)
    return 1


def entrypoint(command: Submit) -> str:
    """The shell line that runs the same curation on the cluster."""
    words = [command.python, "-m", "pipelines", "curate", "--executor", "ray", "--address", "auto"]
    words += ["--input", str(command.input.absolute()), "--output", str(command.output.absolute())]
    return shlex.join([*words, *shlex.split(command.options)])


def submit_when_ready(client: JobSubmissionClient, command: Submit, *, patience_s: float) -> str:
    """Submit the job and return its id; wait for a cluster that has just started.

    Raises:
        ValueError: it takes no job for `patience_s` seconds.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return client.submit_job(entrypoint=entrypoint(command), runtime_env={"py_modules": _own_packages()})
        except RuntimeError as error:
            if _NOT_READY not in str(error):
                raise
            if time.monotonic() >= deadline_s:
                raise ValueError(
                    f"the cluster at {command.address} took no job for {patience_s:g} s ({error}); look at it with: "
                    "ray status"
                ) from error
        time.sleep(0.5)


def _connect(address: str) -> JobSubmissionClient:
    try:
        return JobSubmissionClient(address)
    except ConnectionError as error:
        raise ValueError(
            f"no Ray dashboard answers at {address} ({error}); start one with: ray start --head"
        ) from error


def _own_packages() -> list[str]:
    return [str(Path(str(package.__file__)).parent) for package in _PACKAGES]


async def _follow(client: JobSubmissionClient, job: str) -> None:
    async for text in client.tail_job_logs(job):
        print(text, end="", flush=True)
