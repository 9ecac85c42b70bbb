"""What Python hands to a config is held to its types: a text that only looks right must not change the mathematics."""

import math
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import numpy as np
import pytest

import modeling
from dataset_schema import Bucket
from modeling import (
    DataConfig,
    DiTConfig,
    ExecutionConfig,
    FlowConfig,
    GuidanceForm,
    Heun,
    OptimizerConfig,
    PipelineConfig,
    Precision,
    SamplingConfig,
    Trainable,
    TrainingConfig,
    TrainingPhase,
)
from modeling.sampling.flow import TimestepDistribution
from storage.configs import strict
from tests.strict_fields import Field, every_field, with_value

PHASE = TrainingPhase(name="I", steps=10, trainable=Trainable.ALL)
NEEDED: dict[str, dict[str, Any]] = {
    "TrainingPhase": {"name": "I", "steps": 10, "trainable": Trainable.ALL},
    "TrainingConfig": {"phases": (PHASE,)},
    "RunConfig": {"pipeline": PipelineConfig(), "training": TrainingConfig(phases=(PHASE,))},
}
FIELDS = every_field(
    modeling,
    lambda name: (name.endswith(("Config", "Encoders")) and name != "Encoders") or name == "TrainingPhase",
)
CHOICES = [field for field in FIELDS if field.choices]
NUMBERS = [field for field in FIELDS if field.is_number]
SWITCHES = [field for field in FIELDS if field.is_switch]


def test_the_library_has_configs_with_choices_numbers_and_switches() -> None:
    assert len(CHOICES) >= 6
    assert len(NUMBERS) >= 40
    assert len(SWITCHES) >= 10


@pytest.mark.parametrize("field", CHOICES, ids=str)
def test_a_choice_is_taken_by_its_name_and_an_unknown_name_refused(field: Field) -> None:
    assert field.choices is not None
    for member in field.choices:
        assert getattr(with_value(field, member.value, NEEDED), field.name) is member
        assert with_value(field, member.value, NEEDED) == with_value(field, member, NEEDED)
    with pytest.raises(ValueError, match=rf"^{field.config.__name__}: {field.name} is 'nonsense', expected '"):
        with_value(field, "nonsense", NEEDED)


@pytest.mark.parametrize("field", NUMBERS, ids=str)
@pytest.mark.parametrize("value", ["8", True, [1], math.nan])
def test_what_is_no_number_is_refused(field: Field, value: object) -> None:
    if field.hint == tuple[float, ...]:
        value = [value]
    with pytest.raises(ValueError, match=rf"^{field.config.__name__}: {field.name}.* expected a"):
        with_value(field, value, NEEDED)


@pytest.mark.parametrize("field", SWITCHES, ids=str)
@pytest.mark.parametrize("value", ["no", "false", 0, None])
def test_a_switch_is_true_or_false(field: Field, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{field.config.__name__}: {field.name} is .*, expected true or false"):
        with_value(field, value, NEEDED)


def test_texts_stand_for_what_files_write_them_for() -> None:
    sampling = SamplingConfig(guidance="chained", solver="heun", bucket="9x64x112", precision="bfloat16")  # type: ignore[arg-type]

    assert sampling.guidance is GuidanceForm.CHAINED
    assert sampling.solver == Heun()
    assert sampling.bucket == Bucket(9, 64, 112)
    assert sampling.precision is Precision.BFLOAT16
    assert DataConfig(buckets=["17x144x256"]).buckets == (Bucket(17, 144, 256),)  # type: ignore[arg-type]
    assert FlowConfig(distribution="uniform").distribution is TimestepDistribution.UNIFORM  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    assert OptimizerConfig(learning_rate=np.float32(0.5)).learning_rate == 0.5  # type: ignore[arg-type]
    assert DiTConfig(width=np.int64(128), heads=np.int64(2)).width == 128  # type: ignore[arg-type]
    assert type(DiTConfig(width=np.int64(128), heads=2).width) is int  # type: ignore[arg-type]


def test_none_stands_only_where_it_means_something() -> None:
    assert SamplingConfig(steps=None).steps is None
    with pytest.raises(ValueError, match=r"^SamplingConfig: seed is None, expected an integer"):
        SamplingConfig(seed=None)  # type: ignore[arg-type]
    optional = [field for field in FIELDS if NoneType in get_args(field.hint)]
    assert optional
    for field in optional:
        with_value(field, None, NEEDED)


def test_a_config_in_the_place_of_another_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^PipelineConfig: model is FlowConfig.*, expected a table"):
        PipelineConfig(model=FlowConfig())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^PipelineConfig: encoders is DiTConfig.*, expected a table"):
        PipelineConfig(encoders=DiTConfig())  # type: ignore[arg-type]


def test_a_name_that_a_config_lacks_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'recomputes'"):
        ExecutionConfig(recomputes=True)  # type: ignore[call-arg]


def test_a_path_may_be_a_text() -> None:
    @strict
    @dataclass(frozen=True, slots=True, kw_only=True)
    class PlacedConfig:
        folder: Path

    assert PlacedConfig(folder="a/b").folder == Path("a/b")  # type: ignore[arg-type]
