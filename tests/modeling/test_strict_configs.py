"""What Python hands to a config is held to its types: a text that only looks right must not change the mathematics."""

import importlib
import pkgutil
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

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


def every_config() -> list[type]:
    """All classes of the library that say how something is built or run."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(modeling.__path__, "modeling."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            is_config = name.endswith(("Config", "Encoders")) or name == "TrainingPhase"
            if is_config and isinstance(kind, type) and is_dataclass(kind) and kind.__module__.startswith("modeling."):
                found[kind.__qualname__] = kind
    found.pop("Encoders")  # the networks themselves
    return [found[name] for name in sorted(found)]


PHASE = TrainingPhase(name="I", steps=10, trainable=Trainable.ALL)
NEEDED: dict[str, dict[str, Any]] = {
    "TrainingPhase": {"name": "I", "steps": 10, "trainable": Trainable.ALL},
    "TrainingConfig": {"phases": (PHASE,)},
    "RunConfig": {"pipeline": PipelineConfig(), "training": TrainingConfig(phases=(PHASE,))},
}
FIELDS = [(kind, field.name, get_type_hints(kind)[field.name]) for kind in every_config() for field in fields(kind)]


def with_field(kind: type, name: str, value: object) -> Any:
    return kind(**{**NEEDED.get(kind.__name__, {}), name: value})


def enum_of(hint: Any) -> type[Enum] | None:
    return hint if isinstance(hint, type) and issubclass(hint, Enum) else None


ENUMS = [(kind, name, enum_of(hint)) for kind, name, hint in FIELDS if enum_of(hint)]
NUMBERS = [(kind, name) for kind, name, hint in FIELDS if {int, float} & {hint, *get_args(hint)} and hint is not bool]
SWITCHES = [(kind, name) for kind, name, hint in FIELDS if hint is bool]


def named(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


def test_the_library_has_configs_with_choices_numbers_and_switches() -> None:
    assert len(ENUMS) >= 6
    assert len(NUMBERS) >= 40
    assert len(SWITCHES) >= 10


@pytest.mark.parametrize(("kind", "name", "choices"), ENUMS, ids=named)
def test_a_choice_is_taken_by_its_name_and_an_unknown_name_refused(kind: type, name: str, choices: type[Enum]) -> None:
    for member in choices:
        assert getattr(with_field(kind, name, member.value), name) is member
        assert with_field(kind, name, member.value) == with_field(kind, name, member)
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} is 'nonsense', expected '"):
        with_field(kind, name, "nonsense")


@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=named)
@pytest.mark.parametrize("value", ["8", True, [1]])
def test_what_only_looks_like_a_number_is_refused(kind: type, name: str, value: object) -> None:
    if get_type_hints(kind)[name] == tuple[float, ...]:
        value = [value]
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name}.* expected a"):
        with_field(kind, name, value)


@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=named)
def test_no_number_may_be_nan(kind: type, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        with_field(kind, name, float("nan"))


@pytest.mark.parametrize(("kind", "name"), SWITCHES, ids=named)
@pytest.mark.parametrize("value", ["no", "false", 0, None])
def test_a_switch_is_true_or_false(kind: type, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} is .*, expected true or false"):
        with_field(kind, name, value)


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
    optional = [(kind, name) for kind, name, hint in FIELDS if NoneType in get_args(hint)]
    assert optional
    for kind, name in optional:
        with_field(kind, name, None)


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
