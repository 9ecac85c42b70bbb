"""The optimizer of a training phase: AdamW (Table 6), and Muon for the matrices of the blocks if a run asks for it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from modeling.model.parts import Part
from storage.configs import strict
from storage.numbers import expect_at_least, expect_positive


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """AdamW (Table 6).

    Attributes:
        gradient_clip: largest norm of all gradients together.
        matrix_learning_rate: of Muon, which then trains the matrices of the blocks, and AdamW the rest. Our choice:
            None, AdamW trains everything, as in the paper. For models that are trained in minutes Muon is worth many
            times its cost, a tenth of a step (docs/decisions/0011-what-a-small-model-taught.md).
    """

    learning_rate: float = 1e-4
    betas: tuple[float, ...] = (0.9, 0.99)
    weight_decay: float = 0.01
    gradient_clip: float = 0.05
    matrix_learning_rate: float | None = None

    def __post_init__(self) -> None:
        expect_at_least(0, "optimizer", self, "learning_rate", "matrix_learning_rate", "weight_decay")
        expect_positive("optimizer", self, "gradient_clip")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"optimizer has betas {self.betas}, expected two numbers of at least 0 and below 1")


# Our choice: updates are scaled to the size of AdamW's, so that both learning rates mean the same; the momentum and
# the five iterations are those its author proposes.
_MOMENTUM: Final = 0.95
_ITERATIONS: Final = 5
_SCALE: Final = "match_rms_adamw"

# Weights of one optimizer, by whether they are warm.
_Groups = dict[bool, list[nn.Parameter]]

# Layers whose rows are six vectors that have nothing to do with each other.
_NOT_ONE_MATRIX: Final = Part.MODULATION


class Optimizer:
    """One optimizer or two, as one.

    Args:
        weights: those that are trained, by name.
        config: constants.
        warm: the names of those that do not warm up, because they were trained before.
    """

    def __init__(
        self, weights: Iterable[tuple[str, nn.Parameter]], config: OptimizerConfig, *, warm: Collection[str] = ()
    ) -> None:
        self._config = config
        matrices: _Groups = {}
        rest: _Groups = {}
        for name, weight in weights:
            is_matrix = config.matrix_learning_rate is not None and _is_matrix_of_block(name, weight)
            (matrices if is_matrix else rest).setdefault(name in warm, []).append(weight)
        self._parts: list[tuple[torch.optim.Optimizer, float]] = []
        if rest:
            adamw = torch.optim.AdamW(
                _param_groups(rest),
                lr=config.learning_rate,
                betas=(config.betas[0], config.betas[1]),
                weight_decay=config.weight_decay,
                fused=True,  # one pass over the weights, where others hold a copy of them all
            )
            self._parts.append((adamw, config.learning_rate))
        if matrices and config.matrix_learning_rate is not None:
            rate = config.matrix_learning_rate
            muon = torch.optim.Muon(
                _param_groups(matrices),
                lr=rate,
                weight_decay=config.weight_decay,
                momentum=_MOMENTUM,
                ns_steps=_ITERATIONS,
                adjust_lr_fn=_SCALE,
            )
            self._parts.append((muon, rate))

    def step(self, share: float, *, warm_share: float | None = None) -> None:
        """Change the weights by their gradients, at this share of the learning rates.

        Args:
            share: of the weights that warm up.
            warm_share: of the others; None for the same.
        """
        for optimizer, rate in self._parts:
            for group in optimizer.param_groups:
                group["lr"] = rate * (warm_share if group["is_warm"] and warm_share is not None else share)
            optimizer.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer, _ in self._parts:
            optimizer.zero_grad(set_to_none=True)

    def state(self, weight: nn.Parameter) -> dict[str, Tensor]:
        """What is remembered of a weight, which may be written into; nothing before its first step."""
        for optimizer, _ in self._parts:
            if weight in optimizer.state:
                state: dict[str, Any] = optimizer.state[weight]
                return state
        return {}

    def take_over(self, earlier: "Optimizer", weight: nn.Parameter) -> None:
        """Go on with what another optimizer, of the same config, remembers of a weight, if it does."""
        if state := earlier.state(weight):
            self._part_of(weight).state[weight] = state

    def make_room(self, weight: nn.Parameter) -> None:
        """State of the right shape for a weight, to be filled from a checkpoint."""
        optimizer = self._part_of(weight)
        optimizer.state[weight] = _empty_state(optimizer, weight)

    def _part_of(self, weight: nn.Parameter) -> torch.optim.Optimizer:
        return next(
            optimizer
            for optimizer, _ in self._parts
            for group in optimizer.param_groups
            if any(weight is other for other in group["params"])
        )


def _param_groups(groups: _Groups) -> list[dict[str, Any]]:
    return [{"params": weights, "is_warm": is_warm} for is_warm, weights in groups.items()]


def _empty_state(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> dict[str, Tensor]:
    if isinstance(optimizer, torch.optim.Muon):
        return {"momentum_buffer": torch.zeros_like(weight)}
    step = torch.zeros((), device=weight.device)
    return {"step": step, "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}


def _is_matrix_of_block(name: str, weight: nn.Parameter) -> bool:
    return weight.ndim == 2 and "blocks." in name and Part.of(name) is not _NOT_ONE_MATRIX
