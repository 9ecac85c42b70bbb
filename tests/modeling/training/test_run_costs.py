from dataclasses import replace

import pytest

from dataset_schema import TABLE_6_BUCKETS, Bucket
from modeling.data.schedule import BatchingConfig
from modeling.training.config import RunConfig
from modeling.training.parallel import ExecutionConfig
from modeling.training.presets import paper, tiny
from modeling.training.run_costs import (
    Devices,
    bucket_costs,
    expect_state_fits,
    fits,
    problem_with_number,
    remedies,
    run_buckets,
)

GIB = 2**30
SHORT, LONG = Bucket(17, 144, 256), Bucket(121, 576, 1024)


def executed(run: RunConfig, execution: ExecutionConfig) -> RunConfig:
    return replace(run, training=replace(run.training, execution=execution))


def batched(run: RunConfig, batching: BatchingConfig) -> RunConfig:
    return replace(run, training=replace(run.training, data=replace(run.training.data, batching=batching)))


def gpus(count: int, gib: float = 80) -> Devices:
    return Devices(count=count, memory_bytes=int(gib * GIB))


@pytest.mark.parametrize("count", [64, 16, 1])
def test_a_device_holds_a_sixteenth_of_table_6s_batch_however_many_share_it(count: int) -> None:
    assert bucket_costs(paper(), SHORT, gpus(count)).clips_per_device == 1216 // 16


def test_the_step_of_table_6s_first_row_takes_three_forward_passes_and_the_estimates() -> None:
    costs = bucket_costs(paper(), SHORT, gpus(64))

    assert costs.batch == 1216
    assert costs.model_flops == pytest.approx((3 + 0.9) * 1216 * 14.29e12, rel=1e-3)
    assert costs.hardware_flops == pytest.approx((4 + 0.9) * 1216 * 14.29e12, rel=1e-3)


def test_more_devices_hold_less_of_the_weights_each() -> None:
    few, many = (bucket_costs(paper(), SHORT, gpus(count)).memory for count in (16, 64))

    assert few.weights == pytest.approx(4 * many.weights, rel=1e-6)
    assert few.activations == many.activations


def problem(count: int, *, per_clip: int, group: int) -> str | None:
    run = batched(paper(), BatchingConfig(devices_per_group=group))
    return problem_with_number(executed(run, ExecutionConfig(devices_per_clip=per_clip)), gpus(count))


def test_a_number_of_devices_on_which_training_would_not_start_is_told() -> None:
    clips = problem(64, per_clip=3, group=64)
    group = problem(64, per_clip=1, group=16)

    assert clips == "64 devices cannot share clips by 3; set execution.devices_per_clip to a divisor"
    assert group is not None
    assert group.endswith("cannot share a batch for 16; set data.batching.devices_per_group to a multiple of 64")


def test_a_number_of_devices_on_which_training_starts_is_no_problem() -> None:
    assert problem(64, per_clip=4, group=16) is None
    assert problem(8, per_clip=1, group=16) is None


def test_the_buckets_are_those_that_the_run_names_or_table_6() -> None:
    named = replace(
        paper(), training=replace(paper().training, data=replace(paper().training.data, buckets=(Bucket(9, 64, 112),)))
    )

    assert run_buckets(paper()) == TABLE_6_BUCKETS
    assert run_buckets(named) == (Bucket(9, 64, 112),)


def test_the_budget_of_tokens_that_is_named_fits() -> None:
    run, devices = batched(paper(), BatchingConfig(tokens_per_device=109_440)), gpus(64)
    buckets = TABLE_6_BUCKETS[:13]
    assert not fits(run, buckets, devices)

    found = remedies(run, buckets, devices)

    (budget,) = [int(remedy.split()[-1]) for remedy in found if "tokens_per_device" in remedy]
    assert 54_720 < budget < 109_440
    assert fits(batched(run, BatchingConfig(tokens_per_device=budget)), buckets, devices)


def test_the_number_of_devices_that_is_named_is_enough_and_half_of_it_is_not() -> None:
    buckets = TABLE_6_BUCKETS[:13]

    found = remedies(paper(), buckets, gpus(8))

    (count,) = [int(remedy.split()[1]) for remedy in found if remedy.startswith("use ")]
    assert fits(paper(), buckets, gpus(count))
    assert not fits(paper(), buckets, gpus(count // 2))


def test_recomputation_comes_first() -> None:
    run, devices = executed(paper(), ExecutionConfig(recomputes_activations=False)), gpus(64)

    assert remedies(run, TABLE_6_BUCKETS[:13], devices) == ["recompute activations (execution.recomputes_activations)"]
    assert all(remedy.startswith("recompute ") for remedy in remedies(run, TABLE_6_BUCKETS, devices))


def test_the_bucket_that_alone_is_too_large_may_be_left_out() -> None:
    assert "leave out 121x576x1024" in remedies(paper(), TABLE_6_BUCKETS, gpus(64, 76))


def test_a_clip_that_is_too_long_for_one_device_may_be_divided() -> None:
    found = remedies(paper(), (LONG,), gpus(64))

    assert "divide each clip among 2 devices (execution.devices_per_clip)" in found
    assert fits(executed(paper(), ExecutionConfig(devices_per_clip=2)), (LONG,), gpus(64))


def test_a_model_whose_state_no_number_of_devices_can_hold_has_no_remedy() -> None:
    assert remedies(paper(), (LONG,), gpus(1, 0.5)) == []


def test_a_model_that_no_memory_of_the_machine_holds_is_refused_before_it_is_built() -> None:
    expect_state_fits(tiny(), gpus(1, 4))
    expect_state_fits(paper(), gpus(16, 80))

    # 12.4 billion weights in float32, with as many gradients, two moments and an average
    with pytest.raises(ValueError, match=r"12\.4 billion weights, .* take 231 GiB of 24 GiB"):
        expect_state_fits(paper(), gpus(1, 24))


@pytest.mark.parametrize(("count", "memory_bytes"), [(0, GIB), (1, 0)])
def test_no_device_is_an_error(count: int, memory_bytes: int) -> None:
    with pytest.raises(ValueError, match="expected at least one of each"):
        Devices(count=count, memory_bytes=memory_bytes)
