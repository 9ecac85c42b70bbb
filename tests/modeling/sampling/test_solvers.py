import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import UniPCMultistepScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modeling.sampling.flow import integrate, timestep_schedule
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC

ONE_STEP = [Euler(), Heun()]
SEVERAL_STEPS = [UniPC(), UniPC(order=3)]
BUILT_IN: list[Solver] = [*ONE_STEP, *SEVERAL_STEPS]

MEAN, DEVIATION = 1.5, 0.3
NOISE = torch.linspace(-2, 2, 9, dtype=torch.float64)


def gaussian_velocity(latents: Tensor, timestep: float) -> Tensor:
    """What is known exactly: data ~ N(1.5, 0.3^2), one straight coupling to N(0, 1)."""
    variance = (1 - timestep) ** 2 * DEVIATION**2 + timestep**2
    slope = (timestep - (1 - timestep) * DEVIATION**2) / variance
    return -MEAN + slope * (latents - (1 - timestep) * MEAN)


def gaussian_latents(timestep: float) -> Tensor:
    """Where the way from `NOISE` is at a timestep."""
    return (1 - timestep) * MEAN + math.sqrt((1 - timestep) ** 2 * DEVIATION**2 + timestep**2) * NOISE


def gaussian_error(solver: Solver, steps: int, shift: float) -> float:
    found = integrate(gaussian_velocity, NOISE, timestep_schedule(steps, shift=shift), solver=solver)
    return float((found - gaussian_latents(0)).abs().max())


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize(("solver", "order"), [(Euler(), 1), (Heun(), 2)])
def test_the_error_falls_with_the_step_for_euler_and_with_its_square_for_heun(
    solver: Solver, order: int, shift: float
) -> None:
    errors = [gaussian_error(solver, steps, shift) for steps in (256, 512, 1024, 2048)]

    slopes = [math.log2(finer / coarser) for coarser, finer in pairwise(errors)]
    assert slopes == pytest.approx([-order] * 3, abs=0.05)


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize("solver", SEVERAL_STEPS, ids=str)
def test_from_noise_to_data_the_error_of_unipc_falls_with_the_square_of_the_step(solver: Solver, shift: float) -> None:
    errors = [gaussian_error(solver, steps, shift) for steps in (256, 512, 1024)]

    slopes = [math.log2(finer / coarser) for coarser, finer in pairwise(errors)]
    assert slopes == pytest.approx([-2] * 2, abs=0.25)


@pytest.mark.parametrize("order", [2, 3])
def test_between_noise_and_data_predictor_and_corrector_together_are_one_order_above_that_of_the_steps(
    order: int,
) -> None:
    errors = []
    for steps in (32, 64, 128):
        ratios = torch.linspace(math.log(0.1 / 0.9), math.log(0.9 / 0.1), steps + 1, dtype=torch.float64)
        timesteps = (1 / (1 + ratios.exp())).tolist()  # equal steps of what the method calls lambda
        way = list(UniPC(order=order).follow(gaussian_velocity, gaussian_latents(timesteps[0]), timesteps))
        place = steps * 3 // 4  # before the last steps, which are of lower order
        errors.append(float((way[place - 1] - gaussian_latents(timesteps[place])).abs().max()))

    assert all(math.log2(coarser / finer) > order + 0.85 for coarser, finer in pairwise(errors))


@pytest.mark.parametrize("steps", [16, 32, 64])
@pytest.mark.parametrize("solver", SEVERAL_STEPS, ids=str)
def test_for_as_many_calls_of_the_model_unipc_is_nearer_than_euler_and_heun(solver: Solver, steps: int) -> None:
    found = gaussian_error(solver, steps, shift=1.0)

    assert found < gaussian_error(Euler(), steps, shift=1.0) / 8
    assert found < gaussian_error(Heun(), steps // 2, shift=1.0) / 2


@given(steps=st.integers(1, 20), shift=st.floats(1, 8), seed=st.integers(0, 99))
@pytest.mark.parametrize("order", [2, 3])
def test_every_step_of_unipc_is_that_of_diffusers(order: int, steps: int, shift: float, seed: int) -> None:
    scheduler_class: Any = UniPCMultistepScheduler  # diffusers types only a part of itself
    scheduler = scheduler_class(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift, solver_order=order
    )
    scheduler.set_timesteps(steps)
    timesteps = scheduler.sigmas.tolist()
    noise = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed))

    def velocity(latents: Tensor, timestep: float) -> Tensor:
        return torch.sin(3 * latents) + timestep * latents

    way = list(UniPC(order=order).follow(velocity, noise, timesteps))

    theirs = noise
    for place, name in enumerate(scheduler.timesteps):
        theirs = scheduler.step(velocity(theirs, timesteps[place]), name, theirs).prev_sample
        torch.testing.assert_close(way[place], theirs, atol=1e-5, rtol=1e-5)


def test_unipc_of_another_order_is_refused() -> None:
    with pytest.raises(ValueError, match="UniPC has order 4, expected 2 or 3"):
        UniPC(order=4)


def test_heun_is_by_hand_two_slopes_a_step_and_one_in_the_last() -> None:
    asked: list[float] = []

    def velocity(latents: Tensor, timestep: float) -> Tensor:
        asked.append(timestep)
        return latents * timestep

    found = integrate(velocity, torch.tensor([8.0]), timestep_schedule(2, shift=1.0), solver=Heun())

    # From 8 at 1: slope 8, so 4 at 1/2, slope 2; mean slope 5, so 5.5. There slope 2.75, so 4.125 at 0.
    assert found.item() == 4.125
    assert asked == [1.0, 0.5, 0.5]


def stepwise(velocity: Callable[[Tensor, float], Tensor], noise: Tensor, schedule: Tensor, *, is_heun: bool) -> Tensor:
    """Both methods in one loop with a condition, which is what sampled every video before there were objects."""
    latents = noise
    for timestep, following in pairwise(schedule.tolist()):
        step, slope = following - timestep, velocity(latents, timestep)
        if is_heun and following > 0:
            slope = (slope + velocity(latents + step * slope, following)) / 2
        latents = latents + step * slope
    return latents


@given(steps=st.integers(1, 9), shift=st.floats(0.3, 8), seed=st.integers(0, 99))
@pytest.mark.parametrize("solver", ONE_STEP, ids=str)
def test_every_bit_is_that_of_the_plain_loop(solver: Solver, steps: int, shift: float, seed: int) -> None:
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(seed))
    schedule = timestep_schedule(steps, shift=shift)

    def velocity(latents: Tensor, timestep: float) -> Tensor:
        return torch.sin(3 * latents) + timestep * latents

    found = integrate(velocity, noise, schedule, solver=solver)

    assert torch.equal(found, stepwise(velocity, noise, schedule, is_heun=solver == Heun()))


@pytest.mark.parametrize("solver", BUILT_IN, ids=str)
def test_every_step_is_reported_once(solver: Solver) -> None:
    done: list[None] = []

    integrate(
        lambda latents, _: latents,
        torch.ones(1),
        timestep_schedule(7, shift=2.0),
        solver=solver,
        on_step=lambda: done.append(None),
    )

    assert len(done) == 7


@pytest.mark.parametrize("solver", BUILT_IN, ids=str)
def test_a_solver_is_known_by_its_name(solver: Solver) -> None:
    assert Solver.parse(str(solver)) == solver


def test_another_name_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match="solver is 'rk4', expected euler, heun, unipc or unipc3; one of your own is for Python alone",
    ):
        Solver.parse("rk4")
