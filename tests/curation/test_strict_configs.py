"""What Python hands to a config of curation is held to its types and ranges, like what a file says."""

import math
from pathlib import Path
from types import NoneType
from typing import Final, get_args

import pytest

import curation
from curation.profiles import CurationConfig
from curation.stages.decode import ReferenceTimes
from curation.stages.reference_images import ReferenceImagesConfig
from tests.strict_fields import Field, every_field, with_value

FIELDS: Final = every_field(
    curation,
    lambda name: (
        (
            name.endswith(("Config", "Annotators"))
            or name in {"Device", "DrawnClips", "LabelledClips", "FromScratch", "FineTune"}
        )
        and name != "ChatConfig"
    ),
)
NEEDED: Final = {"FaceFileConfig": {"file": Path("face.onnx")}}
NUMBERS: Final = [field for field in FIELDS if field.is_number]
CHOICES: Final = [field for field in FIELDS if field.choices]


def test_the_library_has_configs_with_choices_and_numbers() -> None:
    assert len(CHOICES) >= 2
    assert len(NUMBERS) >= 60


@pytest.mark.parametrize("field", NUMBERS, ids=str)
@pytest.mark.parametrize("value", ["8", True, [1], math.nan, -2])
def test_what_is_no_number_of_its_range_is_refused(field: Field, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{field.name}.*expected "):
        with_value(field, [value] if get_args(field.hint)[1:] == (...,) else value, NEEDED)


@pytest.mark.parametrize("field", CHOICES, ids=str)
def test_a_choice_is_taken_by_its_name_and_an_unknown_name_refused(field: Field) -> None:
    assert field.choices is not None
    for member in field.choices:
        assert getattr(with_value(field, member.value), field.name) is member
    with pytest.raises(ValueError, match=rf"^{field.config.__name__}: {field.name} is 'nonsense', expected '"):
        with_value(field, "nonsense")


def test_none_stands_only_where_it_means_something() -> None:
    for field in (each for each in FIELDS if each.is_number and NoneType not in get_args(each.hint)):
        with pytest.raises(ValueError, match=rf"^{field.config.__name__}: {field.name} is None, expected "):
            with_value(field, None)


def test_texts_stand_for_what_files_write_them_for() -> None:
    config = CurationConfig(several_shots="split", decode={"reference_times": "after"})  # type: ignore[arg-type]

    assert config.decode.reference_times is ReferenceTimes.AFTER
    with pytest.raises(ValueError, match=r"^CurationConfig: several_shots is 'divide', expected 'reject' or 'split'"):
        CurationConfig(several_shots="divide")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^CurationConfig: reference_images is .*, expected a table"):
        CurationConfig(reference_images=ReferenceImagesConfig)  # type: ignore[arg-type]
