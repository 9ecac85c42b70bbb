import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset_schema import Bucket
from modeling.sampling.flow import (
    FlowConfig,
    TimestepDistribution,
    data_estimate,
    draw_timesteps,
    noisy_latents,
    shift_timesteps,
    timestep_schedule,
)


def test_timestep_one_is_noise_and_zero_is_data() -> None:
    data, noise = torch.randn(2, 2, 16, 1, 2, 2, dtype=torch.float64)

    latents = noisy_latents(data, noise, torch.tensor([0.0, 1.0], dtype=torch.float64))

    assert torch.equal(latents[0], data[0])
    assert torch.equal(latents[1], noise[1])


def test_the_true_velocity_leads_back_to_the_data_from_anywhere() -> None:
    data, noise = torch.randn(2, 5, 16, 1, 2, 2, dtype=torch.float64)
    timesteps = torch.rand(5, dtype=torch.float64)

    latents = noisy_latents(data, noise, timesteps)

    torch.testing.assert_close(data_estimate(latents, noise - data, timesteps), data, atol=1e-12, rtol=0)


@given(timestep=st.floats(0, 1), first=st.floats(0.2, 5), second=st.floats(0.2, 5))
def test_shifts_keep_the_ends_multiply_and_can_be_undone(timestep: float, first: float, second: float) -> None:
    timesteps = torch.tensor([0.0, timestep, 1.0], dtype=torch.float64)

    twice = shift_timesteps(shift_timesteps(timesteps, first), second)

    torch.testing.assert_close(twice, shift_timesteps(timesteps, first * second))
    torch.testing.assert_close(shift_timesteps(twice, 1 / (first * second)), timesteps)
    assert twice[0] == 0
    assert twice[2] == pytest.approx(1)


def test_schedule_runs_from_one_to_exactly_zero() -> None:
    schedule = timestep_schedule(4, shift=3.0)

    # By hand: 3 t / (1 + 2 t) at t = 1, 3/4, 1/2, 1/4, 0.
    assert schedule.tolist() == pytest.approx([1, 0.9, 0.75, 0.5, 0])
    assert schedule[-1] == 0


def test_shift_doubles_from_one_resolution_of_table_6_to_the_next() -> None:
    shifts = [FlowConfig().shift(Bucket(17, height, height * 16 // 9)) for height in (144, 288, 576)]

    assert shifts == pytest.approx([1, 2, 4])


@pytest.mark.parametrize(
    ("distribution", "quartiles"),
    [
        (TimestepDistribution.UNIFORM, (0.25, 0.5, 0.75)),
        # The logistic of the standard normal's quartiles, -0.6745, 0, 0.6745.
        (TimestepDistribution.LOGIT_NORMAL, (0.3375, 0.5, 0.6625)),
    ],
)
def test_training_timesteps_have_the_quartiles_of_their_distribution(
    distribution: TimestepDistribution, quartiles: tuple[float, ...]
) -> None:
    timesteps = draw_timesteps(distribution, shift=1.0, count=20_000, generator=torch.Generator().manual_seed(0))

    assert timesteps.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist() == pytest.approx(quartiles, abs=0.015)
