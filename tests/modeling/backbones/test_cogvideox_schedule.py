"""The way between CogVideoX's noise and the flow, against diffusers' scheduler and by what an ideal model predicts."""

from typing import Any

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from modeling.backbones.cogvideox_schedule import CogVideoXSchedule
from modeling.sampling.flow import data_estimate, integrate, noisy_latents
from modeling.sampling.solvers import Euler

SCALES = [1.0, 3.0]


def scheduler(snr_shift_scale: float) -> Any:
    return CogVideoXDDIMScheduler(  # type: ignore[no-untyped-call]  # diffusers types only a part of itself
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        snr_shift_scale=snr_shift_scale,
        timestep_spacing="trailing",
    )


def draw(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 3, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("scale", SCALES)
def test_each_step_of_diffusers_has_the_timestep_of_as_much_noise_and_back(scale: float) -> None:
    schedule, kept = CogVideoXSchedule(snr_shift_scale=scale), scheduler(scale).alphas_cumprod

    assert schedule.timesteps[-1] == 1
    for timesteps in (schedule.timesteps, schedule.timesteps.float()):
        assert torch.equal(schedule.steps(timesteps), torch.arange(1000).to(timesteps))
    ratios = ((1 - schedule.timesteps) / schedule.timesteps) ** 2
    torch.testing.assert_close(ratios, kept / (1 - kept), atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("scale", SCALES)
def test_noisy_latents_of_the_flow_are_those_of_diffusers_but_for_a_factor(scale: float) -> None:
    schedule, theirs = CogVideoXSchedule(snr_shift_scale=scale), scheduler(scale)
    data, noise, steps = draw(0), draw(1), torch.tensor([430, 999])
    timesteps = schedule.timesteps[steps]

    found = schedule.to_published(noisy_latents(data, noise, timesteps), timesteps)

    torch.testing.assert_close(found, theirs.add_noise(data, noise, steps), atol=1e-12, rtol=1e-9)


@settings(deadline=None)
@given(timestep=st.floats(0, 1), scale=st.floats(0.2, 5))
def test_the_prediction_of_an_ideal_model_is_the_velocity(timestep: float, scale: float) -> None:
    schedule, data, noise = CogVideoXSchedule(snr_shift_scale=scale), draw(0), draw(1)
    timesteps = torch.full((2,), timestep, dtype=torch.float64)
    signal, noise_share = (share / (timestep**2 + (1 - timestep) ** 2) ** 0.5 for share in (1 - timestep, timestep))

    published = schedule.to_published(noisy_latents(data, noise, timesteps), timesteps)
    found = schedule.velocity(signal * noise - noise_share * data, published, timesteps)

    torch.testing.assert_close(published, signal * data + noise_share * noise, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(found, noise - data, atol=1e-12, rtol=1e-9)


@settings(deadline=None)
@given(timesteps=st.lists(st.floats(0, 1), min_size=2, max_size=5), scale=st.sampled_from(SCALES))
def test_more_noise_is_a_later_step_between_the_first_and_the_last(timesteps: list[float], scale: float) -> None:
    schedule, asked = CogVideoXSchedule(snr_shift_scale=scale), torch.tensor(sorted(timesteps), dtype=torch.float64)

    steps = schedule.steps(asked)

    assert steps.min() >= 0
    assert steps.max() <= 999
    assert torch.equal(steps, steps.sort().values)


@pytest.mark.parametrize("scale", SCALES)
def test_every_step_of_ddim_is_a_step_of_euler(scale: float) -> None:
    schedule, theirs = CogVideoXSchedule(snr_shift_scale=scale), scheduler(scale)
    theirs.set_timesteps(10)
    here, predicted = draw(0), draw(1)

    for step in theirs.timesteps.tolist():
        following = step - 100
        timestep = schedule.timesteps[step].item()
        reached = schedule.timesteps[following].item() if following >= 0 else 0.0

        expected = theirs.step(predicted, step, here)

        of_flow = here * ((1 - timestep) ** 2 + timestep**2) ** 0.5
        times = torch.full((2,), timestep, dtype=torch.float64)
        velocity = schedule.velocity(predicted, here, times)
        (ours,) = Euler().follow(lambda *_, found=velocity: found, of_flow, [timestep, reached])
        there = schedule.to_published(ours, torch.full((2,), reached, dtype=torch.float64))
        torch.testing.assert_close(there, expected.prev_sample, atol=1e-10, rtol=1e-9)
        torch.testing.assert_close(
            data_estimate(of_flow, velocity, times), expected.pred_original_sample, atol=1e-10, rtol=1e-9
        )
        here = expected.prev_sample


@pytest.mark.parametrize("scale", SCALES)
def test_a_whole_run_of_ddim_is_one_of_euler_over_the_same_steps(scale: float) -> None:
    schedule, theirs, noise = CogVideoXSchedule(snr_shift_scale=scale), scheduler(scale), draw(0)
    theirs.set_timesteps(25)

    def predict(latents: torch.Tensor, step: float) -> torch.Tensor:
        return torch.tanh(latents.roll(1, dims=2) + step / 500)  # some model

    expected = noise
    for step in theirs.timesteps.tolist():
        expected = theirs.step(predict(expected, step), step, expected).prev_sample

    def velocity(latents: torch.Tensor, timestep: float) -> torch.Tensor:
        times = torch.full((2,), timestep, dtype=torch.float64)
        published = schedule.to_published(latents, times)
        return schedule.velocity(predict(published, schedule.steps(times)[0].item()), published, times)

    reached = torch.cat([schedule.timesteps[theirs.timesteps], torch.zeros(1, dtype=torch.float64)])
    found = integrate(velocity, noise, reached, solver=Euler())
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-7)
