from dataclasses import replace
from pathlib import Path

import pytest

from modeling.presets import paper, tiny
from modeling.saved_config import differing_fields, read_config, write_config
from modeling.training_config import RunConfig


@pytest.mark.parametrize("config", [paper(), tiny()])
def test_what_was_written_is_read_back_equal(config: RunConfig, tmp_path: Path) -> None:
    write_config(tmp_path / "run.json", config)

    assert read_config(tmp_path / "run.json", RunConfig) == config


def test_an_unknown_field_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"training": {"stages": [{"name": "I", "stepz": 3}]}}')

    with pytest.raises(
        ValueError, match=r"run\.json: training: stages\[0\] has the fields stepz, expected only .*steps"
    ):
        read_config(tmp_path / "run.json", RunConfig)


def test_differing_fields_are_named_with_both_values() -> None:
    one = tiny()
    other = replace(one, training=replace(one.training, seed=7, stages=(*one.training.stages, *one.training.stages)))

    differences = differing_fields(one, other)

    assert "training.seed is 0, expected 7" in differences
    assert "training.stages[1].name is None, expected 'joint'" in differences
    assert not differing_fields(one, tiny())
