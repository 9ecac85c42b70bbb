"""Encoders of one's own: what is trained with them loads, resumes and is exported; untrusted code does not run."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from examples.own_encoders import ColorEncoders
from modeling.encoders import EmbeddedEncoders, EncodersConfig, PaperEncoders
from modeling.model.dit import DiTConfig
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.config import RunConfig
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from tests.modeling.training.small_runs import SMALL, checkpoint, run_config

MakeDataset = Callable[..., Path]
NAME = "examples.own_encoders:ColorEncoders"
SAMPLING = SamplingConfig(bucket=SMALL, steps=2)


def own_run(*, steps: int) -> RunConfig:
    run = run_config(checkpoint_every_steps=2)
    model = replace(run.pipeline.model, image_channels=3)
    phase = replace(run.training.phases[0], steps=steps)
    return replace(
        run,
        pipeline=replace(run.pipeline, model=model, encoders=ColorEncoders(max_text_tokens=32)),
        training=replace(run.training, phases=(phase,)),
    )


@pytest.fixture
def trained(make_dataset: MakeDataset, tmp_path: Path) -> Path:
    return train(own_run(steps=4), dataset=make_dataset({SMALL: 5}), output=tmp_path / "run")


def test_the_profiles_of_the_library_have_what_a_config_of_encoders_must_have() -> None:
    assert isinstance(EmbeddedEncoders(), EncodersConfig)
    assert isinstance(PaperEncoders(), EncodersConfig)
    assert isinstance(ColorEncoders(), EncodersConfig)


def test_a_pipeline_of_own_encoders_loads_and_samples_as_before(trained: Path, tmp_path: Path) -> None:
    pipeline = Pipeline.from_pretrained(trained)
    pipeline.save_pretrained(tmp_path / "again")

    first = pipeline("A ball moves.", sampling=SAMPLING)
    again = Pipeline.from_pretrained(tmp_path / "again")("A ball moves.", sampling=SAMPLING)

    assert pipeline.config.encoders == ColorEncoders(max_text_tokens=32)
    assert np.array_equal(first, again)


def test_a_run_with_own_encoders_resumes_bitwise(trained: Path, make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset({SMALL: 5})
    train(own_run(steps=2), dataset=dataset, output=tmp_path / "resumed")

    resumed = train(own_run(steps=4), dataset=dataset, output=tmp_path / "resumed")

    whole, parts = (load_file(folder / "model.safetensors") for folder in (trained, resumed))
    assert all((whole[name] == parts[name]).all() for name in whole)


def test_a_checkpoint_with_own_encoders_is_exported_as_the_pipeline_of_the_run(trained: Path, tmp_path: Path) -> None:
    exported = export_checkpoint(checkpoint(trained.parent, 4), tmp_path / "exported")

    assert (exported / "config.json").read_text() == (trained / "config.json").read_text()
    left, right = (load_file(folder / "model.safetensors") for folder in (trained, exported))
    assert all((left[name] == right[name]).all() for name in left)


def test_a_run_starts_from_a_pipeline_with_the_same_own_encoders_alone(
    trained: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, run = make_dataset({SMALL: 5}), own_run(steps=2)

    train(run, dataset=dataset, output=tmp_path / "second", start=trained)
    other = replace(run, pipeline=replace(run.pipeline, encoders=ColorEncoders(max_text_tokens=16)))
    with pytest.raises(ValueError, match=r"encoders\.max_text_tokens is 16, expected 32"):
        train(other, dataset=dataset, output=tmp_path / "third", start=trained)


def test_a_strangers_pipeline_runs_no_code_unless_it_is_trusted(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path("examples/own_encoders.py")
    code = (Path(__file__).parents[3] / source).read_text(encoding="utf-8")
    (tmp_path / "stranger.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n{code}", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for folder, name in ((trained, "config.json"), (checkpoint(trained.parent, 4), "run.json")):
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(NAME, "stranger:ColorEncoders"), encoding="utf-8")

    with pytest.raises(ValueError, match="code of the module stranger would run"):
        Pipeline.from_pretrained(trained)
    with pytest.raises(ValueError, match="code of the module stranger would run"):
        export_checkpoint(checkpoint(trained.parent, 4), tmp_path / "exported")
    assert not (tmp_path / "ran").exists()

    try:
        pipeline = Pipeline.from_pretrained(trained, trusts_code=True)
        export_checkpoint(checkpoint(trained.parent, 4), tmp_path / "exported")  # it is imported now
    finally:
        sys.modules.pop("stranger", None)
    assert (tmp_path / "ran").exists()
    assert pipeline("A ball moves.", sampling=SAMPLING).shape == (5, 32, 48, 3)


def test_what_is_no_config_of_encoders_is_refused_with_what_it_lacks() -> None:
    with pytest.raises(ValueError, match=r"encoders is DiTConfig.* it lacks max_text_tokens, image_tokens, latents"):
        PipelineConfig(encoders=DiTConfig())  # type: ignore[arg-type]


def test_own_encoders_need_the_models_channels() -> None:
    with pytest.raises(ValueError, match="model has image_channels 1024, expected the encoders' 3"):
        PipelineConfig(encoders=ColorEncoders(text_channels=1024))
