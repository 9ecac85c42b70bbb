from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.execution.plan import Machine, Plan, PlanError, make_plan
from curation.stage import Resources, Stage
from dataset_schema import Annotator
from tests.curation.scripted_stages import JudgeStage, MeasureStage, PublishStage, three_stages

GIB = 1 << 30


def machine(cpus: float, gpus: float = 0, gib: float = 64) -> Machine:
    return Machine(cpus=cpus, gpus=gpus, memory_bytes=int(gib * GIB))


def plan(stages: Sequence[Stage], *machines: Machine, output: Path = Path()) -> Plan:
    return make_plan(stages, output=output, machines=machines, is_one_group=False)


def stages_needing(measure: Resources, judge: Resources, publish: Resources) -> list[Stage]:
    return [MeasureStage(measure), JudgeStage(judge), PublishStage(publish)]


GPU_IN_THE_MIDDLE = stages_needing(Resources(), Resources(gpus=0.5), Resources())


def test_neighbours_of_equal_resources_share_their_workers() -> None:
    assert [group.name for group in plan(three_stages(), machine(2)).groups] == ["measure+judge+publish"]
    assert [group.name for group in plan(GPU_IN_THE_MIDDLE, machine(4, gpus=1)).groups] == [
        "measure",
        "judge",
        "publish",
    ]


def test_a_cpu_plan_has_one_worker_per_cpu() -> None:
    (group,) = plan(three_stages(), machine(2)).groups

    assert (group.workers, group.cpus) == (2, 1.0)


def test_stages_on_a_gpu_keep_their_own_workers() -> None:
    networks = stages_needing(Resources(), Resources(gpus=0.5), Resources(gpus=0.5))

    groups = plan(networks, machine(16, gpus=2)).groups

    # The two GPUs hold two workers of each network; the cores that are left decode.
    assert [(group.name, group.workers, group.gpus) for group in groups] == [
        ("measure", 12, 0.0),
        ("judge", 2, 0.5),
        ("publish", 2, 0.5),
    ]


def test_workers_that_wait_for_one_server_stay_few() -> None:
    asking = stages_needing(Resources(cpus=0.0), Resources(), Resources())

    assert [group.workers for group in plan(asking, machine(8)).groups] == [1, 8]


def test_a_stage_with_large_batches_gets_several_units_at_once() -> None:
    found = plan(stages_needing(Resources(), Resources(cpus=0.5, batch_size=10), Resources()), machine(4))

    assert found.unit_size == 4
    assert [found.units_per_call(group) for group in found.groups] == [1, 3, 1]


def test_memory_limits_the_number_of_workers() -> None:
    (group,) = plan(three_stages(memory_bytes=3 * GIB), machine(16, gib=10)).groups

    assert group.workers == 3


def test_cpu_shares_shrink_until_one_worker_of_each_group_fits() -> None:
    groups = plan(GPU_IN_THE_MIDDLE, machine(2, gpus=1)).groups

    assert all(group.workers >= 1 and group.cpus < 1 for group in groups)
    assert sum(group.workers * group.cpus for group in groups) <= 2


def test_too_few_gpus_stop_the_plan_with_one_line() -> None:
    with pytest.raises(PlanError, match=r"needs at least .* 0\.5 GPUs, 3\.0 GiB together, .* 2 CPUs, 0 GPUs") as error:
        plan(GPU_IN_THE_MIDDLE, machine(2))

    assert "\n" not in str(error.value)


def test_a_worker_is_never_spread_over_machines() -> None:
    big = stages_needing(*[Resources(memory_bytes=6 * GIB)] * 3)

    with pytest.raises(PlanError):
        plan(big, machine(4, gib=4), machine(4, gib=4))


NEEDS = st.builds(
    Resources,
    cpus=st.sampled_from([0.5, 1.0, 2.0]),
    gpus=st.sampled_from([0.0, 0.0, 0.25, 1.0]),
    memory_bytes=st.sampled_from([GIB, 4 * GIB]),
)
MACHINES = st.lists(
    st.builds(machine, st.sampled_from([1, 2, 8]), st.sampled_from([0, 1, 2]), st.sampled_from([4, 16])), max_size=3
)


@given(st.tuples(NEEDS, NEEDS, NEEDS), MACHINES)
def test_a_plan_never_asks_for_more_than_there_is(
    needs: tuple[Resources, Resources, Resources], machines: list[Machine]
) -> None:
    try:
        groups = plan(stages_needing(*needs), *machines).groups
    except PlanError:
        return

    for have, used in (
        (sum(m.cpus for m in machines), sum(g.cpus * g.workers for g in groups)),
        (sum(m.gpus for m in machines), sum(g.gpus * g.workers for g in groups)),
        (sum(m.memory_bytes for m in machines), sum(g.memory_bytes * g.workers for g in groups)),
    ):
        assert used <= have + 1e-6
    assert all(group.workers >= 1 for group in groups)


def test_fields_are_dropped_after_their_last_reader() -> None:
    (group,) = plan(three_stages(), machine(1)).groups

    assert ["frames" in planned.drops for planned in group.stages] == [False, True, True]
    assert all("media" not in planned.drops and "scores" not in planned.drops for planned in group.stages)


def test_a_stage_without_its_inputs_is_found_before_the_run() -> None:
    with pytest.raises(PlanError, match="stage judge reads frames, which no stage before it adds"):
        plan([JudgeStage(), MeasureStage(), PublishStage()], machine(1))


def test_a_plan_that_publishes_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="no stage adds sample"):
        plan([MeasureStage(), JudgeStage()], machine(1))


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(PlanError, match="stages named measure twice"):
        plan([MeasureStage(), *three_stages()], machine(1))


def test_a_misspelt_field_is_refused() -> None:
    class MisspeltStage(MeasureStage):
        adds: ClassVar[frozenset[str]] = frozenset({"media", "frame"})

    with pytest.raises(PlanError, match=r"adds frame, expected fields of Clip .*; perhaps frames"):
        plan([MisspeltStage(), JudgeStage(), PublishStage()], machine(1))


def test_missing_weights_are_one_line() -> None:
    class WeightlessStage(PublishStage):
        def annotators(self) -> tuple[Annotator, ...]:
            raise FileNotFoundError("no weights at filter.safetensors; train them with `filter train`")

    with pytest.raises(PlanError, match=r"stage publish lacks its weights: no weights at filter\.safetensors"):
        plan([MeasureStage(), JudgeStage(), WeightlessStage()], machine(1))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ConnectionError("http://127.0.0.1:8000/v1 refused"), "stage publish cannot reach its server: http://127"),
        (
            ValueError("model_type is 'bert', expected 'sam'"),
            "publish has weights that it cannot use: model_type",
        ),
        (ModuleNotFoundError("diffusers is not installed"), "stage publish lacks its weights: diffusers is not"),
    ],
)
def test_whatever_an_annotator_lacks_is_one_line(error: Exception, message: str) -> None:
    class UnusableStage(PublishStage):
        def annotators(self) -> tuple[Annotator, ...]:
            raise error

    with pytest.raises(PlanError, match=message):
        plan([MeasureStage(), JudgeStage(), UnusableStage()], machine(1))


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(PlanError, match="taken is a file; choose another output"):
        plan(three_stages(), machine(1), output=tmp_path / "taken" / "dataset")


def test_a_plan_in_this_process_has_one_worker_for_everything() -> None:
    found = make_plan(GPU_IN_THE_MIDDLE, output=Path(), machines=None, is_one_group=True)

    assert [(group.name, group.workers) for group in found.groups] == [("measure+judge+publish", 1)]


def test_the_description_has_a_row_per_stage() -> None:
    rows = plan(GPU_IN_THE_MIDDLE, machine(4, gpus=1)).describe()

    assert [(row.stage, row.group, row.gpus) for row in rows] == [
        ("measure", 1, 0.0),
        ("judge", 2, 0.5),
        ("publish", 3, 0.0),
    ]
