import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.execution.choice import choose_executor
from curation.execution.executor import BrokenRunError
from curation.execution.guard import StageSetupError
from curation.execution.local import LocalExecutor
from curation.execution.plan import Machine, make_plan
from curation.execution.processes import ProcessExecutor
from curation.execution.ray_executor import RayExecutor
from curation.execution.this_machine import this_machine
from curation.funnel import Counts
from curation.records import Clip
from curation.stage import Resources, Stage
from tests.curation.execution.child_run import ROOT, kill_run, start_run
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
    make_id,
    mixed_clips,
    read_tables,
    splitting_stages,
    three_stages,
)


class TwoCores(ProcessExecutor):
    """Two workers, whatever this machine has."""

    def machines(self) -> tuple[Machine, ...]:
        return (Machine(cpus=2, memory_bytes=4 << 30),)


class NotingStage(JudgeStage):
    """Leaves a file with its process number."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        assert self.marks is not None
        (self.marks / f"pid-{os.getpid()}").touch()
        return super().score(clips)


class DyingStage(MeasureStage):
    def setup(self) -> None:
        os._exit(1)


class PoisonedStage(MeasureStage):
    """Ends every process in which it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)

    def __deepcopy__(self, memo: dict[int, Any]) -> "PoisonedStage":
        return self


def pids(marks: Path) -> list[int]:
    return [int(mark.name.removeprefix("pid-")) for mark in marks.glob("pid-*")]


def test_writes_the_tables_that_one_process_writes(tmp_path: Path) -> None:
    expect_the_tables_of_one_process(TwoCores(), tmp_path, three_stages)


def test_what_a_stage_splits_arrives_whole(tmp_path: Path) -> None:
    expect_whole_what_is_split(TwoCores(), tmp_path, splitting_stages)


def test_a_clip_that_kills_its_worker_costs_itself_and_no_neighbour(tmp_path: Path) -> None:
    expect_a_crash_to_cost_one_clip(TwoCores(), tmp_path)


def test_a_stage_that_cannot_be_set_up_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    expect_the_reason_of_a_failed_setup(TwoCores(), tmp_path, three_stages)


class CrashAtLastShot(PublishStage):
    """Dies on the last shot of a video, when those before it are with the writer."""

    def trouble(self, script: str, clip: Clip) -> None:
        if clip.clip_id.endswith("-shot6"):
            os._exit(1)


def test_the_shots_before_a_crash_are_written_once(tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        return [MeasureStage(), SplitStage(), JudgeStage(), CrashAtLastShot()]

    result = curate([make_clip(0, split="7")], tmp_path, TwoCores(), stages)

    tables = read_tables(tmp_path)
    ids = [row["clip_id"] for rows in tables.values() for row in rows]
    assert sorted(ids) == [f"{make_id(0)}-shot{number}" for number in range(7)]
    assert [row["clip_id"] for row in tables["failures"] if row["kind"] == "crash"] == [f"{make_id(0)}-shot6"]
    assert result.counts.read == 7


def test_a_stage_that_dies_in_setup_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(StageSetupError, match="stage measure killed its worker process 2 times in setup"):
        curate([make_clip(n) for n in range(9)], tmp_path, TwoCores(), lambda: [DyingStage(), *three_stages()[1:]])


def test_workers_that_die_before_they_do_anything_end_the_run(tmp_path: Path) -> None:
    with pytest.raises(BrokenRunError, match=r"end before they do anything, the last with exit status 3.*__main__"):
        curate([make_clip(1)], tmp_path, TwoCores(), lambda: [PoisonedStage(), *three_stages()[1:]])


def test_workers_give_way_to_fresh_ones_and_no_clip_is_lost(tmp_path: Path) -> None:
    def stages() -> list[Stage]:
        return [MeasureStage(), NotingStage(marks=tmp_path), PublishStage()]

    result = curate([make_clip(n) for n in range(12)], tmp_path / "dataset", TwoCores(recycle_after=4), stages)

    assert result.counts == Counts(kept=12)
    assert len(pids(tmp_path)) >= 3, "two workers would have done without the limit"


@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
def test_a_worker_killed_or_stopped_from_outside_costs_nothing(tmp_path: Path, how: signal.Signals) -> None:
    struck: list[int] = []

    def strike(counts: Counts) -> None:
        if counts.read and not struck:
            struck.append(pids(tmp_path)[0])
            os.kill(struck[0], how)

    def stages() -> list[Stage]:
        needs = Resources(timeout_s=1.0)
        return [MeasureStage(needs), NotingStage(needs, marks=tmp_path), PublishStage(needs)]

    executor = TwoCores(patience_s=4.0)
    result = curate(
        [make_clip(n, measure="slow") for n in range(40)], tmp_path / "dataset", executor, stages, on_progress=strike
    )

    assert result.counts == Counts(kept=40)
    assert struck[0] not in living(pids(tmp_path))


def living(processes: list[int]) -> list[int]:
    return [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def test_records_are_read_only_a_window_ahead(tmp_path: Path) -> None:
    done, ahead = [0], []

    def records() -> Iterator[Clip]:
        for n in range(100):
            ahead.append(n - done[0])
            yield make_clip(n)

    def on_progress(counts: Counts) -> None:
        done[0] = counts.read

    curate(records(), tmp_path / "dataset", TwoCores(), on_progress=on_progress)

    assert max(ahead) < 10


def test_progress_is_told_when_clips_are_through_and_not_of_every_message(tmp_path: Path) -> None:
    told: list[int] = []

    curate([make_clip(n) for n in range(12)], tmp_path, TwoCores(), on_progress=lambda counts: told.append(counts.read))

    assert told[-1] == 12
    assert told == sorted(set(told)), "the same count twice"


def test_a_stage_that_no_other_process_could_have_is_refused_with_its_name(tmp_path: Path) -> None:
    class InsideStage(MeasureStage):
        pass

    with pytest.raises(ValueError, match=r"stage measure cannot be sent to a worker process .* at the top of a module"):
        curate([make_clip(1)], tmp_path, TwoCores(), lambda: [InsideStage(), *three_stages()[1:]])


RUN_IN_CHILD = """
import sys
from pathlib import Path
from tests.curation.execution.test_processes import NotingStage, TwoCores
from tests.curation.scripted_stages import MeasureStage, PublishStage, curate, mixed_clips
dataset = Path(sys.argv[1])
stages = lambda: [MeasureStage(), NotingStage(marks=dataset.parent), PublishStage()]
if __name__ == "__main__":
    curate(mixed_clips(30, slow=True), dataset, TwoCores(), stages)
"""


def test_a_killed_run_leaves_no_process_behind_and_started_again_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    disturbed = tmp_path / "disturbed"

    kill_run(RUN_IN_CHILD, disturbed, after_s=0.0, sign="*/*.parquet")
    killed = read_tables(disturbed)
    deadline = time.monotonic() + 60
    while living(pids(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert living(pids(tmp_path)) == []
    assert start_run(RUN_IN_CHILD, disturbed).wait() == 0
    curate(mixed_clips(30, slow=True), tmp_path / "undisturbed", LocalExecutor())

    assert 0 < sum(map(len, killed.values())) < 30
    assert read_tables(disturbed) == read_tables(tmp_path / "undisturbed")


class GpuStage(MeasureStage):
    @property
    def resources(self) -> Resources:
        return Resources(gpus=0.5)


def test_ray_is_taken_where_there_is_a_cluster_or_a_gpu_is_wanted() -> None:
    chosen = [
        choose_executor(three_stages(), address=None),
        choose_executor(three_stages(), address="auto"),
        choose_executor([GpuStage(), *three_stages()[1:]], address=None),
    ]

    assert [type(executor) for executor in chosen] == [ProcessExecutor, RayExecutor, RayExecutor]


def test_as_many_workers_as_cores_and_memory_allow(tmp_path: Path) -> None:
    def workers(machine: Machine) -> int:
        plan = make_plan(
            three_stages(memory_bytes=2 << 30), output=tmp_path / "x", machines=[machine], is_one_group=True
        )
        (group,) = plan.groups
        return group.workers

    assert workers(Machine(cpus=8, memory_bytes=64 << 30)) == 8
    assert workers(Machine(cpus=8, memory_bytes=7 << 30)) == 3
    assert workers(Machine(cpus=1, memory_bytes=4 << 30)) == 1


def test_a_process_has_the_cores_that_it_may_run_on() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from curation.execution.this_machine import this_machine; print(this_machine().cpus)"

    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert float(found.stdout) == 1.0
    assert this_machine().memory_bytes > 0
