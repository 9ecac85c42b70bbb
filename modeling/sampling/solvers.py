"""How the velocity is followed from noise to data: Euler's method, Heun's, or one of your own."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from torch import Tensor

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
            raise ValueError(f"solver is {text!r}, expected {' or '.join(_NAMED)}; one of your own is for Python alone")
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


_NAMED: Final = {str(solver): solver for solver in (Euler(), Heun())}
