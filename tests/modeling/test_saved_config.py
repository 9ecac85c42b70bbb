from dataclasses import replace
from pathlib import Path

import pytest

from modeling.encoders import EmbeddedEncoders, PaperEncoders
from modeling.sampling.pipeline import PipelineConfig
from modeling.saved_config import differing_fields, read_config, write_config
from modeling.training.config import RunConfig
from modeling.training.presets import paper, tiny


@pytest.mark.parametrize("config", [paper(), tiny()])
def test_what_was_written_is_read_back_equal(config: RunConfig, tmp_path: Path) -> None:
    write_config(tmp_path / "run.json", config)

    assert read_config(tmp_path / "run.json", RunConfig) == config


def test_an_unknown_field_is_an_error_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"training": {"phases": [{"name": "I", "stepz": 3}]}}')

    with pytest.raises(
        ValueError, match=r"run\.json: training: phases\[0\] has the fields stepz, expected only .*steps"
    ):
        read_config(tmp_path / "run.json", RunConfig)


def test_the_profile_says_which_config_stands_there_and_without_one_it_is_the_first(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    encoders = []
    for content in ('{"profile": "paper"}', '{"profile": "embedded"}', "{}"):
        path.write_text(f'{{"encoders": {content}}}')
        encoders.append(read_config(path, PipelineConfig).encoders)

    assert encoders == [PaperEncoders(), EmbeddedEncoders(), EmbeddedEncoders()]


def test_an_unknown_profile_and_a_field_of_the_other_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"

    path.write_text('{"encoders": {"profile": "papper"}}')
    with pytest.raises(ValueError, match=r"encoders has the profile 'papper', expected 'embedded' or 'paper'"):
        read_config(path, PipelineConfig)
    path.write_text('{"encoders": {"text_encoder": "t5"}}')
    with pytest.raises(ValueError, match="encoders has the fields text_encoder, expected only image_channels"):
        read_config(path, PipelineConfig)


def test_differing_fields_are_named_with_both_values() -> None:
    one = tiny()
    other = replace(one, training=replace(one.training, seed=7, phases=(*one.training.phases, *one.training.phases)))

    differences = differing_fields(one, other)

    assert "training.seed is 0, expected 7" in differences
    assert "training.phases[1].name is None, expected 'joint'" in differences
    assert not differing_fields(one, tiny())
