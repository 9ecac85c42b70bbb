"""The same stages on a Ray cluster, or on the cores of this machine: Ray Data streams, this module feeds and watches.

    driver --offers--> feed --> one source operator --> worker pools, one per stage group --> writers --> shards

The driver reads a few hundred units of records ahead of the writers and no more, so that neither it nor Ray Data's
queues grow with the manifest; clips never come back to it. The feed is an actor that runs no stage, and so outlives the
workers that a clip may kill.
"""

import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import cv2
import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, Dataset

from curation.execution.chain import PlannedStage, StageChain
from curation.execution.executor import BrokenRunError, Job, OnProgress, SourceRecord
from curation.execution.feed import Feed, FeedState
from curation.execution.guard import StageSetupError
from curation.execution.outcomes import Record, finished
from curation.execution.plan import Machine, Plan
from curation.execution.ray_start import join_cluster, start_here
from curation.execution.withheld import Withheld
from curation.execution.writer import Destination, open_writer
from curation.funnel import Counts

logger = logging.getLogger(__name__)

# Calls a worker may be ahead of the writers: enough that no worker waits for the driver's next look.
_CALLS_PER_WORKER: Final = 64
_LOOK_EVERY_S: Final = 0.5  # a look is 3 CPU-ms of the two processes that it concerns

# Calls that wait at a worker. Two: one in work, one at hand; more would leave a slow worker with a queue at the end.
_CALLS_AT_WORKER: Final = 2

# A row is one unit of clips, pickled: neither Ray nor Arrow needs to look inside.
_UNIT_SCHEMA: Final = pa.schema([("unit", pa.int64()), ("records", pa.large_binary())])


class RunStalledError(RuntimeError):
    """The workers have shown no sign of life for too long."""


class RayExecutor:
    """Runs a job with Ray Data.

    Connects when it is first needed. What it started itself it stops after the run; a cluster, or a Ray that the
    process had already started, stays as it is.

    Args:
        address: of a running cluster, `auto` inside a Ray job; None for this machine alone.
        patience_s: Our choice: how long workers may take to start and load their weights, before a run in which nothing
            moves counts as stalled. Ten minutes also cover a machine that a cluster has to start first.
        recycle_after: clips after which a worker process gives way to a fresh one, since libraries leak. Our choice:
            5000, some hours of work, beside which loading the weights again is nothing.
    """

    is_one_group: bool = False

    def __init__(self, address: str | None = None, *, patience_s: float = 600.0, recycle_after: int = 5000) -> None:
        if recycle_after < 1:
            raise ValueError(f"recycle_after is {recycle_after}, expected at least 1 clip")
        self._address = address
        self._patience_s = patience_s
        self._recycle_after = recycle_after
        self._is_own = False

    def machines(self) -> tuple[Machine, ...]:
        """The machines of the cluster."""
        self._connect()
        list_nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
        return tuple(_machine(node["Resources"]) for node in list_nodes() if node["Alive"])

    def run(self, job: Job, records: Iterator[SourceRecord], on_progress: OnProgress) -> Counts:
        """See `Executor`.

        Raises:
            RunStalledError: nothing moves any more.
            StageSetupError: a stage cannot be made ready on a worker.
            BrokenRunError: a writer was lost.
        """
        num_writers = len(self.machines())
        feed = _RemoteFeed.remote()
        writers = [_RemoteWriter.remote(job.destination, job.plan.last_stage, number) for number in range(num_writers)]
        try:
            writing = _start(_dataset(job, feed, self._recycle_after), feed, writers)
            return _Supply(job.plan, records, feed, patience_s=self._patience_s).until_written(writing, on_progress)
        except ray.exceptions.RayError as error:
            raise _explained(error, feed) from error
        finally:
            # Actors, because cancelling a task by force at the moment it ends aborts this process (Ray 2.60).
            for actor in (*writers, feed):
                ray.kill(actor)
            self._disconnect()

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray offers no other way to keep it from phoning home
        if self._address is None:
            start_here()
        else:
            join_cluster(self._address)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        self._is_own = True

    def _disconnect(self) -> None:
        if self._is_own:
            ray.shutdown()
            self._is_own = False


class _FedCrashLog:
    """The crash log of the feed, as a guard on a worker sees it."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed

    def begin(self, task: str, items: Sequence[str]) -> list[int]:
        deaths: list[int] = ray.get(self._feed.begin.remote(task, items))
        return deaths

    def end(self, task: str, items: Sequence[str]) -> None:
        self._feed.end.remote(task, items)


class _StageWorker:
    """One worker of a stage group."""

    def __init__(
        self, stages: Sequence[PlannedStage], *, score_all: bool, withheld: Withheld, feed: Any, recycle_after: int
    ) -> None:
        # Ray keeps torch to this worker's share by OMP_NUM_THREADS, which OpenCV does not read.
        cv2.setNumThreads(1)
        self._feed = feed
        worker = str(ray.get_runtime_context().get_actor_id())
        log = _FedCrashLog(feed)
        self._chain = StageChain(stages, score_all=score_all, withheld=withheld, crash_log=log, worker=worker)
        self._clips_left = recycle_after

    def __call__(self, units: pa.Table) -> pa.Table:
        if self._clips_left <= 0:
            self._retire()
        arrived = [pickle.loads(row.as_py()) for row in units["records"]]
        self._clips_left -= sum(map(len, arrived))
        try:
            done = self._chain.run([record for unit in arrived for record in unit])
        except Exception as error:
            ray.get(self._feed.report_worker_error.remote(error))
            raise
        return pa.table([units["unit"], list(map(_pack, _sorted_into(arrived, done)))], schema=_UNIT_SCHEMA)

    def _retire(self) -> None:
        """End this process before it has begun anything: Ray starts another one and gives that the call."""
        self._chain.close()
        os._exit(0)

    def __del__(self) -> None:
        """Ray Data deletes the worker when it lets the actor end; that is the one moment to close the stages."""
        if hasattr(self, "_chain"):
            self._chain.close()


def _pack(records: Sequence[Record]) -> bytes:
    return pickle.dumps(records, protocol=5)  # the first protocol that does not copy arrays


def _sorted_into(units: Sequence[Sequence[Record]], records: Sequence[Record]) -> list[list[Record]]:
    """The records in the units that their sources came in: a source is in one unit, with however many clips."""
    places = {record.source.id: place for place, unit in enumerate(units) for record in unit}
    found: list[list[Record]] = [[] for _ in units]
    for record in records:
        found[places[record.source.id]].append(record)
    return found


def _explained(error: Exception, feed: Any) -> Exception:
    """What the person who started the run can understand and act on."""
    try:
        state: FeedState | None = ray.get(feed.state.remote())
    except ray.exceptions.RayError:
        state = None
    if state and state.setup_error:
        return StageSetupError(state.setup_error)
    cause = (state and state.worker_error) or str(error).strip().splitlines()[-1]
    return BrokenRunError(f"the Ray run broke off ({cause}); start it again: it goes on from the finished shards")


def _machine(resources: Mapping[str, float]) -> Machine:
    return Machine(
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
        memory_bytes=int(resources.get("memory", 0.0)),
    )


def _start(dataset: Dataset, feed: Any, writers: Sequence[Any]) -> list[Any]:
    """Start the stream, and return one promise per writer, kept when everything is published.

    The parts of the stream stay in here: whoever holds one keeps the workers alive, also the traceback of an error.
    """
    # One writer runs the stream itself; several need a process between them that divides it.
    parts = [dataset] if len(writers) == 1 else dataset.streaming_split(len(writers))
    return [writer.write.remote(part, feed) for writer, part in zip(writers, parts, strict=True)]


def _dataset(job: Job, feed: Any, recycle_after: int) -> Dataset:
    source: Any = partial(_units, feed)
    dataset = ray.data.from_items([0], override_num_blocks=1).map_batches(source, batch_size=None, num_cpus=0)
    for group in job.plan.groups:
        units = job.plan.units_per_call(group)
        dataset = dataset.map_batches(
            _StageWorker,
            fn_constructor_args=(group.stages,),
            fn_constructor_kwargs={
                "score_all": job.score_all,
                "withheld": job.withheld,
                "feed": feed,
                "recycle_after": recycle_after,
            },
            batch_size=units if units > 1 else None,  # a number makes Ray wait for so many units
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=group.workers, max_tasks_in_flight_per_actor=_CALLS_AT_WORKER),
            num_cpus=group.cpus,
            num_gpus=group.gpus,
            memory=group.memory_bytes,
        )
    context = dataset.context
    context.target_max_block_size = 1  # every unit travels on its own as soon as it is ready
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.issue_detectors_config.detectors = []
    return dataset


def _units(feed: Any, _: Any) -> Iterator[pa.Table]:
    """The source operator: one row per unit, as Ray Data asks for them."""
    number = 0
    while (records := ray.get(feed.take.remote(number))) is not None:
        yield pa.table([[number], [records]], schema=_UNIT_SCHEMA)
        number += 1


class _Writer:
    """Writes one part of the stream."""

    def __init__(self, destination: Destination, last_stage: str, number: int) -> None:
        self._destination = destination
        self._last_stage = last_stage
        self._number = number

    def write(self, part: Any, feed: Any) -> Counts:
        """Publish every clip of the part; what is open when the stream breaks off, too."""
        with open_writer(self._destination, writer=self._number) as shards:
            for table in part.iter_batches(batch_size=None, batch_format="pyarrow"):
                for unit, records in zip(table["unit"], table["records"], strict=True):
                    for record in pickle.loads(records.as_py()):
                        shards.add(finished(record, self._last_stage))
                    feed.written.remote(self._number, unit.as_py(), shards.counts)
        return shards.counts


_RemoteFeed: Any = ray.remote(num_cpus=0)(Feed)
_RemoteWriter: Any = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(_Writer)


class _Supply:
    """Keeps the feed filled while the stream runs, and notices when it does not run any more."""

    def __init__(self, plan: Plan, records: Iterator[SourceRecord], feed: Any, *, patience_s: float) -> None:
        self._records = records
        self._feed = feed
        self._unit_size = plan.unit_size
        # Every group may hold back almost a whole call of units, waiting for the last one.
        self._window = sum(_CALLS_PER_WORKER * group.workers + plan.units_per_call(group) for group in plan.groups)
        self._patience_s = patience_s + max(group.timeout_s for group in plan.groups)
        self._num_offered = 0
        self._is_end = False
        self._signs_of_life = -1
        self._last_sign_s = time.monotonic()

    def until_written(self, writing: Sequence[Any], on_progress: OnProgress) -> Counts:
        """Look after the stream until every writer is done."""
        waiting = list(writing)
        while waiting:
            state: FeedState = ray.get(self._feed.state.remote())
            on_progress(state.counts)
            self._refill(state)
            self._check_alive(state)
            done, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_LOOK_EVERY_S)
            ray.get(done)  # raises what the writer raised
        written: list[Counts] = ray.get(list(writing))
        return sum(written, start=Counts())

    def _refill(self, state: FeedState) -> None:
        units: list[bytes] = []
        while not self._is_end and self._num_offered + len(units) - state.finished < self._window:
            some = list(islice(self._records, self._unit_size))
            self._is_end = not some
            units += [_pack(some)] if some else []
        if units or self._is_end:
            self._feed.offer.remote(units, is_end=self._is_end)
        self._num_offered += len(units)

    def _check_alive(self, state: FeedState) -> None:
        if state.signs_of_life != self._signs_of_life or state.finished == self._num_offered:
            self._signs_of_life, self._last_sign_s = state.signs_of_life, time.monotonic()
        silent_s = time.monotonic() - self._last_sign_s
        if silent_s > self._patience_s:
            raise RunStalledError(
                f"no worker has shown a sign of life for {silent_s:.0f} s, with {self._num_offered - state.finished} "
                "units of clips in flight; look at the machines of the cluster, then start the run again: it goes on "
                "from the finished shards"
            )
