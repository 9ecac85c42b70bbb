"""How the content filter is optimized: VideoMAE's fine-tuning, learning rates by layer, warm-up and cosine."""

import math
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """VideoMAE's own for ViT-B/16 on Kinetics-400, without what would make these labels wrong.

    No mixup, cutmix or random erasing: they lay one clip over another or a patch over a clip, which is just what the
    classes `screen_in_screen` and `desirable` differ by. No random colors and crops either, since a label is about
    motion and layout of the whole picture. Clips are mirrored and played backwards, which changes no label. The
    recipe's drop-path of 0.1 is left out: `transformers` has none for VideoMAE. There are no checkpoints in between;
    an interrupted training starts again.

    Attributes:
        epochs: one is as many draws as there are clips; each class is drawn as often as the others.
        warmup_epochs: the learning rate rises from zero to its highest.
        batch_size: Our choice: what one small GPU holds; the learning rate follows it.
        base_learning_rate: of the last layer for a batch of 256. VideoMAE: 5e-4 after 1600 epochs of pre-training, 1e-3
            after 800.
        layer_decay: each layer's learning rate is this times that of the layer above it.
        weight_decay: of matrices; biases and norms have none.
        gradient_clip: Our choice: the largest norm of a step; the recipe has none, and small batches are rough.
        label_smoothing: the classes of A.1 touch each other.
    """

    epochs: float = 75.0
    warmup_epochs: float = 5.0
    batch_size: int = 16
    base_learning_rate: float = 5e-4
    layer_decay: float = 0.75
    adam_betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    gradient_clip: float = 1.0
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs} and epochs {self.epochs}, expected fewer of the first"
            )
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay is {self.layer_decay}, expected a factor above 0 and at most 1")

    @property
    def learning_rate(self) -> float:
        """The highest one, of the last layer."""
        return self.base_learning_rate * self.batch_size / 256

    def steps(self, clips: int, epochs: float) -> int:
        """How many batches so many epochs are."""
        return max(1, round(epochs * clips / self.batch_size))

    def factor(self, step: int, clips: int) -> float:
        """Of the learning rate: a linear warm-up, then half a cosine down to zero."""
        warmup, steps = self.steps(clips, self.warmup_epochs), self.steps(clips, self.epochs)
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, steps - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def parameter_groups(model: torch.nn.Module, num_layers: int, recipe: Recipe) -> list[dict[str, Any]]:
    """The weights of a VideoMAE by learning rate and weight decay, as AdamW takes them.

    The head has the full learning rate, the last layer `layer_decay` times it, and so on down to the patch embedding.
    """
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((_depth(name, num_layers), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.learning_rate * recipe.layer_decay ** (num_layers + 1 - depth),
            "weight_decay": recipe.weight_decay if is_matrix else 0.0,
        }
        for (depth, is_matrix), parameters in groups.items()
    ]


def _depth(name: str, num_layers: int) -> int:
    """0 for the patch embedding, 1 for the first layer, one more than the last layer for the head."""
    if name.startswith("videomae.embeddings."):
        return 0
    if name.startswith("videomae.encoder.layer."):
        return int(name.split(".")[3]) + 1
    return num_layers + 1
