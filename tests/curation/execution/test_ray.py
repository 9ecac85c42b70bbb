import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import ray

from curation.execution.executor import BrokenRunError
from curation.execution.local import LocalExecutor
from curation.execution.plan import Machine
from curation.execution.ray_executor import RayExecutor, RunStalledError
from curation.funnel import Counts
from curation.records import Clip
from curation.stage import Resources, Stage
from dataset_schema import Sample, shard_paths
from tests.curation.execution.child_run import kill_run, start_run
from tests.curation.execution.executor_laws import (
    expect_a_crash_to_cost_one_clip,
    expect_the_reason_of_a_failed_setup,
    expect_the_tables_of_one_process,
    expect_whole_what_is_split,
)
from tests.curation.scripted_stages import (
    JudgeStage,
    MeasureStage,
    PublishStage,
    SplitStage,
    curate,
    make_clip,
    mixed_clips,
    read_tables,
    three_stages,
)

# Ray warns of its own deprecated settings whenever it makes a context.
pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\..*")


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield RayExecutor()
    ray.shutdown()


class StuckStage(MeasureStage):
    def setup(self) -> None:
        time.sleep(60)


def two_groups() -> list[Stage]:
    """Frames cross from one worker to another between the first stage and the second."""
    return [MeasureStage(Resources(cpus=0.5)), JudgeStage(Resources(batch_size=3)), PublishStage(Resources())]


def test_writes_the_tables_that_one_process_writes(executor: RayExecutor, tmp_path: Path) -> None:
    expect_the_tables_of_one_process(executor, tmp_path, two_groups)


def test_a_clip_that_kills_its_worker_costs_itself_and_no_neighbour(executor: RayExecutor, tmp_path: Path) -> None:
    expect_a_crash_to_cost_one_clip(executor, tmp_path)


def test_a_stage_that_cannot_be_set_up_ends_the_run_with_its_reason(executor: RayExecutor, tmp_path: Path) -> None:
    expect_the_reason_of_a_failed_setup(executor, tmp_path, two_groups)


class CountingStage(JudgeStage):
    """Notes its process and the size of each batch."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        assert self.marks is not None
        with (self.marks / f"pid-{os.getpid()}").open("a") as file:
            file.write(f"{len(clips)}\n")
        return super().score(clips)


def test_a_batch_is_made_of_clips_of_several_units(executor: RayExecutor, tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        needs = Resources(cpus=0.0, batch_size=10)
        return [MeasureStage(Resources(cpus=0.25)), CountingStage(needs, marks=tmp_path), PublishStage(Resources())]

    result = curate(mixed_clips(30, slow=False), tmp_path / "dataset", executor, stages)
    curate(mixed_clips(30, slow=False), tmp_path / "local", LocalExecutor())

    (noted,) = tmp_path.glob("pid-*")
    assert max(map(int, noted.read_text().split())) > 4, "a unit has four clips"
    assert result.counts.read == 30
    assert read_tables(tmp_path / "dataset") == read_tables(tmp_path / "local")


@pytest.mark.slow
def test_what_a_stage_splits_arrives_whole_whatever_units_it_came_in(executor: RayExecutor, tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        some = Resources(cpus=0.25)
        large_batches = Resources(cpus=0.0, batch_size=10)
        return [MeasureStage(some), SplitStage(some), JudgeStage(large_batches), PublishStage(large_batches)]

    expect_whole_what_is_split(executor, tmp_path, stages)


@pytest.mark.slow
def test_workers_give_way_to_fresh_ones_and_no_clip_is_lost(executor: RayExecutor, tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        return [MeasureStage(), CountingStage(marks=tmp_path), PublishStage()]

    result = curate([make_clip(n) for n in range(24)], tmp_path / "dataset", RayExecutor(recycle_after=4), stages)

    assert result.counts == Counts(kept=24)
    assert len(list(tmp_path.glob("pid-*"))) >= 4, "two workers would have done without the limit"


class SlowStage(MeasureStage):
    """Notes its process, and takes its time."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        assert self.marks is not None
        (self.marks / f"pid-{os.getpid()}").touch()
        time.sleep(0.05)
        return super().score(clips)

    def close(self) -> None:
        assert self.marks is not None
        (self.marks / f"closed-{os.getpid()}").touch()


def slow_stages(marks: Path) -> list[Stage]:
    return [SlowStage(marks=marks), JudgeStage(), PublishStage()]


def kill_once(pids: Callable[[], list[int]]) -> Callable[[Counts], None]:
    """Kill the first of these processes as soon as a clip is through."""
    killed: list[int] = []

    def on_progress(counts: Counts) -> None:
        if counts.read and not killed:
            killed.append(pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    return on_progress


def holders_of(lock: Path) -> list[int]:
    """The processes that hold a file lock; the system lists them by inode."""
    entries = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return [int(entry[4]) for entry in entries if entry[5].endswith(f":{lock.stat().st_ino}")]


@pytest.mark.slow
def test_a_worker_killed_from_outside_costs_nothing(executor: RayExecutor, tmp_path: Path) -> None:
    def workers() -> list[int]:
        return [int(mark.name.removeprefix("pid-")) for mark in tmp_path.glob("pid-*")]

    clips = [make_clip(n) for n in range(60)]
    result = curate(
        clips, tmp_path / "dataset", executor, lambda: slow_stages(tmp_path), on_progress=kill_once(workers)
    )

    assert len(workers()) >= 3  # two, and the one that came after the killed one
    assert result.counts == Counts(kept=60)


@pytest.mark.slow
def test_a_lost_writer_ends_the_run_with_one_line_and_the_next_run_completes_it(
    executor: RayExecutor, tmp_path: Path
) -> None:
    clips = [make_clip(n) for n in range(60)]
    on_progress = kill_once(lambda: holders_of(tmp_path / "dataset" / ".writers.lock"))

    with pytest.raises(BrokenRunError, match="the Ray run broke off") as error:
        curate(clips, tmp_path / "dataset", executor, lambda: slow_stages(tmp_path), on_progress=on_progress)
    result = curate(clips, tmp_path / "dataset", executor, lambda: slow_stages(tmp_path))

    assert "\n" not in str(error.value)
    assert result.counts == Counts(kept=60)
    assert len(read_tables(tmp_path / "dataset")["samples"]) == 60


@pytest.mark.slow
def test_stages_are_closed_on_their_workers(executor: RayExecutor, tmp_path: Path) -> None:
    curate([make_clip(n) for n in range(10)], tmp_path / "dataset", executor, lambda: slow_stages(tmp_path))

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(tmp_path.glob("closed-*")):
        time.sleep(0.1)
    assert {mark.name.removeprefix("pid-") for mark in tmp_path.glob("pid-*")} == {
        mark.name.removeprefix("closed-") for mark in tmp_path.glob("closed-*")
    }


@pytest.mark.slow
def test_a_run_in_which_nothing_moves_ends(tmp_path: Path, executor: RayExecutor) -> None:
    impatient = RayExecutor(patience_s=1.0)

    def stages() -> list[Stage]:
        return [StuckStage(Resources(timeout_s=1.0)), *three_stages(timeout_s=1.0)[1:]]

    with pytest.raises(RunStalledError, match="no worker has shown a sign of life"):
        curate([make_clip(1)], tmp_path, impatient, stages)


@pytest.mark.slow
def test_records_are_read_only_a_window_ahead(tmp_path: Path, executor: RayExecutor) -> None:
    done, ahead = [0], []

    def records() -> Iterator[Clip]:
        for n in range(400):
            ahead.append(n - done[0])
            yield make_clip(n)

    def on_progress(counts: Counts) -> None:
        done[0] = counts.read

    curate(records(), tmp_path / "dataset", executor, on_progress=on_progress)

    assert max(ahead) <= 2 * 64


RUN_IN_CHILD = """
import sys
from pathlib import Path
from curation.execution.ray_executor import RayExecutor
from tests.curation.scripted_stages import curate, mixed_clips
curate(mixed_clips(40, slow=True), Path(sys.argv[1]), RayExecutor())
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_killed_ray_run_started_again_ends_like_an_undisturbed_one(tmp_path: Path, seed: int) -> None:
    disturbed = tmp_path / "disturbed"

    kill_run(RUN_IN_CHILD, disturbed, after_s=random.Random(seed).uniform(0.0, 0.5), sign="*/*.parquet")
    killed = read_tables(disturbed)
    with start_run(RUN_IN_CHILD, disturbed) as child:
        assert child.wait() == 0
    curate(mixed_clips(40, slow=True), tmp_path / "undisturbed", LocalExecutor())

    assert 0 < sum(map(len, killed.values())) < 40
    assert read_tables(disturbed) == read_tables(tmp_path / "undisturbed")


class TwoMachinesExecutor(RayExecutor):
    def machines(self) -> tuple[Machine, ...]:
        return (Machine(cpus=1, memory_bytes=1 << 30),) * 2


@pytest.mark.slow
def test_each_machine_has_a_writer(executor: RayExecutor, tmp_path: Path) -> None:
    result = curate([make_clip(n) for n in range(40)], tmp_path, TwoMachinesExecutor())

    writers = {path.name.split("-")[2] for path in shard_paths(tmp_path, Sample)}
    assert writers == {"000", "001"}
    assert result.counts == Counts(kept=40)
