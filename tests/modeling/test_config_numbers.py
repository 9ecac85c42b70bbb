"""Every number of a config that could only be a mistake is refused where it stands, not steps later."""

import math
from collections.abc import Callable

import pytest

from modeling.backbones.cogvideox import CogVideoXConfig
from modeling.backbones.ltx import LTXConfig
from modeling.data.batches import DataConfig
from modeling.data.range_cache import RangeCacheConfig
from modeling.data.schedule import BatchingConfig
from modeling.encoders import EmbeddedEncoders, LatentGeometry, PaperEncoders
from modeling.model.dit import DiTConfig
from modeling.model.lora import LoraConfig
from modeling.model.parts import Trainable
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.flow import FlowConfig
from modeling.training.config import HeldOutConfig, TrainingConfig, TrainingPhase, ValidationConfig, is_due
from modeling.training.optimizer import OptimizerConfig
from modeling.training.parallel import ExecutionConfig

NAN = math.nan


def phase(**values: float) -> TrainingPhase:
    return TrainingPhase(**{"name": "I", "steps": 4, "trainable": Trainable.ALL, **values})  # type: ignore[arg-type]


REFUSED: list[tuple[Callable[..., object], str, tuple[float, ...]]] = [
    (TrainingConfig, "log_every_steps", (-1,)),
    (TrainingConfig, "reference_gain_every_steps", (-1,)),
    (TrainingConfig, "checkpoint_every_steps", (-1,)),
    (TrainingConfig, "checkpoints_kept", (0, -1)),
    (TrainingConfig, "self_conditioning_probability", (-0.1, 1.1, NAN)),
    (TrainingConfig, "ema_decay", (-0.1, 1.1, NAN)),
    (ValidationConfig, "every_steps", (-1,)),
    (ValidationConfig, "clips", (0,)),
    (HeldOutConfig, "share", (-0.1, 1.1, NAN)),
    (HeldOutConfig, "every_steps", (-1,)),
    (HeldOutConfig, "clips", (0,)),
    (phase, "steps", (0, -1)),
    (phase, "warmup_steps", (-1,)),
    (phase, "cooldown_steps", (-1, 5)),
    (OptimizerConfig, "learning_rate", (-1.0, NAN, math.inf)),
    (OptimizerConfig, "matrix_learning_rate", (-1.0, NAN)),
    (OptimizerConfig, "weight_decay", (-1.0, NAN)),
    (OptimizerConfig, "gradient_clip", (0.0, -1.0, NAN)),
    (ExecutionConfig, "devices_per_clip", (0,)),
    (BatchingConfig, "tokens_per_device", (0,)),
    (BatchingConfig, "devices_per_group", (0,)),
    (BatchingConfig, "multi_subject_share", (-0.1, 1.0, NAN)),
    (DataConfig, "text_dropout", (-0.1, 1.1, NAN)),
    (DataConfig, "image_dropout", (-0.1, 1.1, NAN)),
    (DataConfig, "random_background_probability", (1.1, NAN)),
    (DataConfig, "most_unread_references", (-0.1, 1.1, NAN)),
    (DataConfig, "memory_mb", (-1,)),
    (DataConfig, "threads", (0,)),
    (RangeCacheConfig, "max_gb", (0.0, -1.0, NAN)),
    (FlowConfig, "base_shift", (0.0, -1.0, NAN, math.inf)),
    (SamplingConfig, "steps", (0, -1)),
    (SamplingConfig, "text_scale", (-1.0, NAN)),
    (EmbeddedEncoders, "max_text_tokens", (0, -8)),
    (EmbeddedEncoders, "patch_side", (0,)),
    (PaperEncoders, "image_side", (0,)),
    (PaperEncoders, "max_text_tokens", (0,)),
    (DiTConfig, "heads", (0,)),
    (DiTConfig, "blocks", (0,)),
    (DiTConfig, "max_images", (0,)),
    (DiTConfig, "dropout", (-0.1, NAN)),
    (LoraConfig, "alpha", (0.0, NAN)),
    (CogVideoXConfig, "heads", (0,)),
    (CogVideoXConfig, "snr_shift_scale", (0.0, -1.0, NAN, math.inf)),
    (CogVideoXConfig, "every_nth_block", (0,)),
    (LTXConfig, "text_tokens", (0,)),
    (LTXConfig, "every_nth_block", (0,)),
    (LatentGeometry, "patch", (0,)),
]


@pytest.mark.parametrize(("config", "name", "values"), REFUSED)
def test_a_number_that_can_only_be_a_mistake_is_refused(
    config: Callable[..., object], name: str, values: tuple[float, ...]
) -> None:
    for value in values:
        with pytest.raises(ValueError, match="expected"):
            config(**{name: value})


@pytest.mark.parametrize("betas", [(0.9,), (0.9, 0.99, 0.999), (0.9, 1.0), (NAN, 0.9)])
def test_betas_are_two_numbers_below_one(betas: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"betas.* expected (two numbers|a number)"):
        OptimizerConfig(betas=betas)


def test_a_period_ends_after_its_steps_and_one_of_zero_steps_never() -> None:
    assert [step for step in range(1, 10) if is_due(step, every_steps=3)] == [3, 6, 9]
    assert not any(is_due(step, every_steps=0) for step in range(10))
