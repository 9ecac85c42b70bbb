"""How the velocity is followed from noise to data: Euler's method, Heun's, UniPC, or one of your own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from torch import Tensor

from modeling.sampling.unipc import DataEstimate, reach

# Of latents at a timestep.
Velocity = Callable[[Tensor, float], Tensor]


class Solver(ABC):
    """A method for the way from noise to data; one of your own is a subclass, of which an object is handed over.

    Each run is one generator, so what a method remembers from step to step are its local variables, and an object may
    serve many runs. Files and flags know the methods below by their names.
    """

    @abstractmethod
    def follow(self, velocity: Velocity, noise: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        """The latents after each step.

        Args:
            velocity: each call runs the model; to be asked along one way, from noise to data.
            noise: where the way begins, at the first timestep.
            timesteps: falling to 0; one more than steps.
        """

    @classmethod
    def parse(cls, text: str) -> "Solver":
        """The method of this name."""
        if text not in _NAMED:
            *names, last = _NAMED
            raise ValueError(
                f"solver is {text!r}, expected {', '.join(names)} or {last}; one of your own is for Python alone"
            )
        return _NAMED[text]

    def __str__(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True, slots=True)
class Euler(Solver):
    """Asks for the velocity once a step; the error falls with the size of the steps."""

    def follow(self, velocity: Velocity, noise: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        """See `Solver`."""
        latents = noise
        for timestep, following in pairwise(timesteps):
            latents = latents + (following - timestep) * velocity(latents, timestep)
            yield latents


@dataclass(frozen=True, slots=True)
class Heun(Solver):
    """Asks for the velocity at both ends of a step; the error falls with the square of its size.

    Our choice: the last step is Euler's. That leaves the order as it is, for the error of a single step is of second
    order anyway; and it never asks the model at timestep 0, where the logistic of a normal places no training.
    """

    def follow(self, velocity: Velocity, noise: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        """See `Solver`."""
        latents = noise
        for timestep, following in pairwise(timesteps):
            step, slope = following - timestep, velocity(latents, timestep)
            if following > 0:
                slope = (slope + velocity(latents + step * slope, following)) / 2
            latents = latents + step * slope
            yield latents


@dataclass(frozen=True, slots=True)
class UniPC(Solver):
    """Asks for the velocity once a step, which serves twice; the error falls with the square of the steps' size.

    What is asked for at the end of a step first corrects where the step led (UniC), and then goes into the next (UniP).
    Zhao et al. 2023; where the velocity changes smoothly it comes nearer than the methods above for as many calls.

    Attributes:
        order: how many estimates of the data a step is drawn through, 2 or 3. Our choice: 2, as the authors advise for
            guided sampling. The first steps have fewer behind them, and the last go back to one: near the data λ has no
            end, so a curve through several would be drawn too far.
    """

    order: int = 2

    def __post_init__(self) -> None:
        if self.order not in (2, 3):
            raise ValueError(f"UniPC has order {self.order}, expected 2 or 3")

    def follow(self, velocity: Velocity, noise: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        """See `Solver`."""
        latents, begun = noise, noise
        estimates: list[DataEstimate] = []
        used: list[DataEstimate] = []
        for number, (timestep, following) in enumerate(pairwise(timesteps), start=1):
            estimate = DataEstimate(timestep, latents - timestep * velocity(latents, timestep))
            begun = reach(timestep, begun, used, at_end=estimate) if used else latents
            estimates = [estimate, *estimates][: self.order]
            used = estimates[: len(timesteps) - number]
            latents = reach(following, begun, used)
            yield latents

    def __str__(self) -> str:
        return "unipc" if self.order == 2 else f"unipc{self.order}"


_NAMED: Final = {str(solver): solver for solver in (Euler(), Heun(), UniPC(), UniPC(order=3))}
