import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from modeling.sampling.flow import integrate, timestep_schedule
from modeling.sampling.solvers import Euler, Heun, Solver

BUILT_IN = [Euler(), Heun()]


def gaussian_error(solver: Solver, steps: int, shift: float) -> float:
    """Error where the velocity is known: data ~ N(1.5, 0.3^2), one straight coupling to N(0, 1)."""
    mean, deviation = 1.5, 0.3
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64)

    def velocity(latents: Tensor, timestep: float) -> Tensor:
        variance = (1 - timestep) ** 2 * deviation**2 + timestep**2
        slope = (timestep - (1 - timestep) * deviation**2) / variance
        return -mean + slope * (latents - (1 - timestep) * mean)

    found = integrate(velocity, noise, timestep_schedule(steps, shift=shift), solver=solver)
    return float((found - (mean + deviation * noise)).abs().max())


@pytest.mark.parametrize("shift", [1.0, 3.0])
@pytest.mark.parametrize(("solver", "order"), [(Euler(), 1), (Heun(), 2)])
def test_the_error_falls_with_the_step_for_euler_and_with_its_square_for_heun(
    solver: Solver, order: int, shift: float
) -> None:
    errors = [gaussian_error(solver, steps, shift) for steps in (256, 512, 1024, 2048)]

    slopes = [math.log2(finer / coarser) for coarser, finer in pairwise(errors)]
    assert slopes == pytest.approx([-order] * 3, abs=0.05)


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
@pytest.mark.parametrize("solver", BUILT_IN, ids=str)
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
        ValueError, match="solver is 'rk4', expected euler or heun; one of your own is for Python alone"
    ):
        Solver.parse("rk4")
