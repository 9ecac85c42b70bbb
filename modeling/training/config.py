"""The phases and constants of training (B.2, Table 6)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from modeling.data.batches import DataConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.sampling.denoising import DenoisingConfig
from modeling.sampling.pipeline import PipelineConfig
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig
from storage.configs import strict
from storage.numbers import expect_at_least, expect_share


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPhase:
    """One phase of training.

    Attributes:
        steps: how long it lasts.
        warmup_steps: over which the learning rate rises from zero. Our choice: that of the weights which the phase
            before did not train, because those have no moments yet; the others go on as they were. A phase that trains
            no others than the one before warms up as a whole.
        cooldown_steps: the last of its steps, over which it falls to zero. Our choice: none, the paper's is constant;
            in a short run the end of the fall is worth as much as all steps before it.
        uses_references: whether the clips come with their reference images.
    """

    name: str
    steps: int
    trainable: Trainable
    uses_references: bool = True
    warmup_steps: int = 0
    cooldown_steps: int = 0

    def __post_init__(self) -> None:
        expect_at_least(1, f"training phase {self.name}", self, "steps")
        expect_at_least(0, f"training phase {self.name}", self, "warmup_steps")
        if self.trainable.has_new_layers_alone and not self.uses_references:
            raise ValueError(
                f"training phase {self.name} trains {self.trainable} without references, and nothing else leads to "
                "them; set uses_references"
            )
        if not 0 <= self.cooldown_steps <= self.steps:
            raise ValueError(
                f"training phase {self.name} has {self.cooldown_steps} cooldown steps, expected 0 to its {self.steps}"
            )

    def rate_share(self, step: int, *, warms_up: bool = True) -> float:
        """Of the learning rate at a step, counted from the beginning of the phase; `warms_up`: of which weights."""
        rising = (step + 1) / max(1, self.warmup_steps) if warms_up else 1.0
        falling = (self.steps - step) / max(1, self.cooldown_steps)
        return min(1.0, rising, falling)


PHASE_I = TrainingPhase(name="I", steps=60_000, trainable=Trainable.BACKBONE, uses_references=False)
PHASE_II_A = TrainingPhase(name="II-a", steps=10_000, trainable=Trainable.NEW_LAYERS, warmup_steps=1_000)
# Table 6 gives II as a whole 1k warm-up steps. Our choice: each part of it, for the weights that begin there. Without,
# the backbone's first steps, which have no moments yet, throw the loss (docs/training.md).
PHASE_II_B = TrainingPhase(name="II-b", steps=30_000, trainable=Trainable.ALL, warmup_steps=1_000)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Videos sampled while training goes on. Our choice: all of it, the paper reports none.

    Attributes:
        every_steps: how often; 0 never.
        clips: of each process.
        sampling: in few steps, because it is done often, and with little guidance, because much spoils a young model.
    """

    every_steps: int = 1_000
    clips: int = 2
    sampling: DenoisingConfig = field(
        default_factory=lambda: DenoisingConfig(steps=32, text_scale=2.0, image_scale=1.0)
    )

    def __post_init__(self) -> None:
        expect_at_least(0, "validation", self, "every_steps")
        expect_at_least(1, "validation", self, "clips")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutConfig:
    """Clips that training never sees, and how often the loss on them is measured. Our choice: all of it.

    Attributes:
        share: of the dataset's videos, of which all clips are held out. None: a hundredth where there are at least
            1,000, and nothing of fewer, which would be missed; a run keeps to what it began with, however the dataset
            grows.
        seed: of what is held out. Runs of other seeds, and those that start from this one, hold out the same.
        every_steps: how often the loss is measured, beside the first step of every training phase; 0 never.
        clips: of each bucket, that are measured at least, where so many are held out.
    """

    share: float | None = None
    seed: int = 0
    every_steps: int = 1_000
    clips: int = 4

    def __post_init__(self) -> None:
        expect_share("held_out", self, "share")
        expect_at_least(0, "held_out", self, "every_steps")
        expect_at_least(1, "held_out", self, "clips")


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class WandbConfig:
    """Where W&B (Weights & Biases) shows a run. It needs the extra `wandb`.

    Attributes:
        entity: the user or team; None for the one that is logged in.
        name: of the run; None for one that W&B makes up.
        offline: keep everything in the run's output, for `wandb sync` to send later. Otherwise W&B's own settings
            decide, its variable WANDB_MODE among them.
    """

    project: str = "openalchemist"
    entity: str | None = None
    name: str | None = None
    offline: bool = False


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How a model is trained.

    A period of 0 steps means never.

    Attributes:
        seed: of everything that is drawn.
        self_conditioning_probability: how often a step shows the model its own estimate. Our choice: 0.9, as the
            authors' sibling model; the paper says only that it is used.
        ema_decay: of the averaged weights that the finished pipeline gets; None keeps the last weights. Our choice:
            the paper is silent, averaging is usual.
        log_every_steps: how often a line goes to the metrics file; steps that were skipped, and those that measured the
            reference gain, always have one.
        reference_gain_every_steps: how often to measure it; it costs about two steps. It is also measured after the
            first step of every training phase with references.
        checkpoint_every_steps: how often to save; the last step always is.
        checkpoints_kept: older ones are deleted after a new one is complete.
        accepts_other_data: whether the run goes on from a checkpoint that was trained on other data, such as the same
            dataset before it grew.
        wandb: shows the curves in W&B, too; None does not. Lines of `metrics.jsonl` and points of curves are the same.
        lora: adapters for a personal fine-tune, which are then all that the training phases change; None trains the
            model itself. Of a published model the new layers may be trained beside them.
    """

    phases: tuple[TrainingPhase, ...] = (PHASE_I, PHASE_II_A, PHASE_II_B)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    execution: ExecutionConfig = field(default_factory=ExecutionConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    held_out: HeldOutConfig = field(default_factory=HeldOutConfig)
    seed: int = 0
    self_conditioning_probability: float = 0.9
    ema_decay: float | None = 0.9999
    log_every_steps: int = 1
    reference_gain_every_steps: int = 100
    checkpoint_every_steps: int = 1_000
    checkpoints_kept: int = 2
    accepts_other_data: bool = False
    wandb: WandbConfig | None = None
    lora: LoraConfig | None = None

    def __post_init__(self) -> None:
        expect_share("training", self, "self_conditioning_probability", "ema_decay")
        periods = ("log_every_steps", "reference_gain_every_steps", "checkpoint_every_steps")
        expect_at_least(0, "training", self, *periods)
        expect_at_least(1, "training", self, "checkpoints_kept")
        if not self.phases:
            raise ValueError("training has no phases, expected at least one")
        for phase in self.phases:
            is_possible = phase.trainable.has_adapters or phase.trainable is Trainable.NEW_LAYERS
            if phase.trainable.has_adapters if self.lora is None else not is_possible:
                raise ValueError(
                    f"training phase {phase.name} trains {phase.trainable} {'with' if self.lora else 'without'} lora, "
                    "expected trainable = adapters exactly where lora is set"
                )

    def trains(self, name: str) -> bool:
        """Whether any training phase changes the weight of this name."""
        return any(phase.trainable.admits(name) for phase in self.phases)

    @property
    def steps(self) -> int:
        """Of all training phases together."""
        return sum(phase.steps for phase in self.phases)


def is_due(step: int, *, every_steps: int) -> bool:
    """Whether a period ends after this many steps; one of 0 steps never does."""
    return every_steps > 0 and step % every_steps == 0


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One training run: the pipeline it produces, and how."""

    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.pipeline.has_adapters:
            raise ValueError("pipeline has has_adapters true, expected false, because training itself says so")
        self.training.validation.sampling.expect_networks(self.pipeline.model)
        trained = {phase.trainable for phase in self.training.phases}
        if not self.pipeline.model.is_published:
            if self.training.lora is not None and trained != {Trainable.ADAPTERS}:
                raise ValueError("training has lora, expected phases that train adapters alone, which are merged")
            return
        because = "because its model is published and stays as it is but for the new layers"
        possible = (Trainable.NEW_LAYERS, Trainable.ADAPTERS, Trainable.NEW_LAYERS_AND_ADAPTERS)
        for phase in self.training.phases:
            if phase.trainable not in possible:
                raise ValueError(
                    f"training phase {phase.name} trains {phase.trainable}, expected {', '.join(possible)}, {because}"
                )
        if self.training.execution.compiles and not self.pipeline.model.compiles_blocks:
            raise ValueError(
                "execution has compiles true, expected false, because blocks of this published model are not compiled"
            )
        if self.training.execution.devices_per_clip > 1 and not self.pipeline.model.divides_clips:
            raise ValueError(
                f"execution has devices_per_clip {self.training.execution.devices_per_clip}, expected 1, because this "
                "published model does not divide a clip"
            )


def phases_done(phases: Sequence[TrainingPhase], step: int) -> Iterator[TrainingPhase]:
    """The training phases up to a step, the last as long as it had lasted then."""
    for phase in phases:
        if step > 0:
            yield replace(phase, steps=min(step, phase.steps), cooldown_steps=0)
        step -= phase.steps


def steps_trained_before(phases: Sequence[TrainingPhase], number: int, name: str) -> int:
    """For how many steps up to a phase the weight of this name was trained without a break; 0 where it begins there."""
    steps = 0
    for phase in reversed(phases[:number]):
        if not phase.trainable.admits(name):
            break
        steps += phase.steps
    return steps


def phase_at(phases: tuple[TrainingPhase, ...], step: int) -> tuple[int, int]:
    """The index of a step's training phase, and the step counted from that phase's beginning."""
    for index, phase in enumerate(phases):
        if step < phase.steps:
            return index, step
        step -= phase.steps
    raise ValueError(f"step lies {step} after the end of training")
