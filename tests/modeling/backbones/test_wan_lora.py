"""Adapters beside the frozen weights of a tiny Wan: what they compute, and a run that trains them with new layers."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dataset_schema import write_shard
from modeling.model.backbone import VideoBackbone
from modeling.model.dit import DiTConfig
from modeling.model.lora import LoraConfig, add_lora, lora_state, merge_lora
from modeling.model.parts import Trainable
from modeling.model.precision import Precision, computing_in
from modeling.sampling.diffusers_folder import write_diffusers
from modeling.sampling.pipeline import Pipeline
from modeling.training.checkpoint import read_tensors
from modeling.training.config import RunConfig, TrainingPhase
from modeling.training.export import export_checkpoint
from modeling.training.loop import train
from tests.modeling.backbones.small_wan import draw_conditions, draw_latents, published, theirs, wan_config, wan_model
from tests.modeling.backbones.test_wan_network import texts_of
from tests.modeling.backbones.test_wan_training import PROMPT, SAMPLING, KilledError, is_new, kill_after, wan_run
from tests.modeling.conftest import build_sample
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.training.small_runs import LONG, checkpoint, run_config, same

LORA = LoraConfig(rank=2, alpha=3.0)
PHASES = (
    TrainingPhase(name="II-a", steps=2, trainable=Trainable.NEW_LAYERS),
    TrainingPhase(name="II-b", steps=4, trainable=Trainable.NEW_LAYERS_AND_ADAPTERS),
)
DTYPES = [torch.float32, torch.bfloat16]


def adapted(checkpoint: Path, dtype: torch.dtype = torch.float32, *, is_trained: bool = False) -> VideoBackbone:
    model = wan_model(wan_config(checkpoint), dtype=dtype)
    torch.manual_seed(0)
    add_lora(model, LORA)
    if is_trained:
        for name, weight in lora_state(model).items():
            weight.add_(0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(len(name))))
    return model.eval()


@pytest.fixture(scope="module")
def run(tiny_wan: Path, paper_checkpoints: TinyCheckpoints) -> RunConfig:
    """Without adapters."""
    return wan_run(tiny_wan, paper_checkpoints)


@pytest.fixture(scope="module")
def with_lora(run: RunConfig) -> RunConfig:
    """New layers first, then adapters of the base beside them."""
    return replace(run, training=replace(run.training, phases=PHASES, lora=LORA))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips."""
    folder = tmp_path_factory.mktemp("clips")
    samples = [build_sample(number, LONG, folder) for number in range(5)]
    write_shard(folder / "dataset" / "samples" / "part-00000.parquet", samples)
    return folder / "dataset"


@pytest.fixture(scope="module")
def saved(with_lora: RunConfig, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline of a whole run; its checkpoints lie beside it."""
    return train(with_lora, dataset=dataset, output=tmp_path_factory.mktemp("lora") / "run")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_new_adapters_leave_bitwise_the_published_model(tiny_wan: Path, dtype: torch.dtype) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()
    model = adapted(tiny_wan, dtype)

    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        found = model(latents, timesteps, conditions)

    assert torch.equal(found, theirs(published(tiny_wan, dtype), latents, timesteps, texts_of(conditions)))


def test_adapters_are_those_of_attention_and_mlp_of_the_base(tiny_wan: Path) -> None:
    expected = {
        name.removesuffix(".weight")
        for name, weight in published(tiny_wan).named_parameters()
        if name.startswith("blocks.") and weight.ndim == 2
    }

    found = {name.partition(".lora_")[0] for name in lora_state(adapted(tiny_wan))}

    assert found == expected
    assert len(found) == 3 * (4 + 4 + 2)


def test_trained_adapters_give_what_diffusers_gives_with_their_products_added(tiny_wan: Path) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions(images=0)
    model = adapted(tiny_wan, is_trained=True)
    network, factors = published(tiny_wan), lora_state(model)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            layer = name.removesuffix(".weight")
            if f"{layer}.lora_A.weight" in factors:
                weight.add_(3.0 / 2 * factors[f"{layer}.lora_B.weight"] @ factors[f"{layer}.lora_A.weight"])

        found = model(latents, timesteps, conditions)

    expected = theirs(network, latents, timesteps, texts_of(conditions))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert (found - theirs(published(tiny_wan), latents, timesteps, texts_of(conditions))).abs().max() > 0.01


def test_they_are_not_merged_into_published_weights(tiny_wan: Path) -> None:
    with pytest.raises(ValueError, match="weights are published and stay as they are"):
        merge_lora(adapted(tiny_wan))


@pytest.mark.slow
def test_a_run_killed_in_both_phases_ends_bitwise_like_one_that_was_not(
    with_lora: RunConfig, dataset: Path, saved: Path, tmp_path: Path
) -> None:
    for step in (1, 5):
        with pytest.raises(KilledError):
            train(with_lora, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(step))
    resumed = train(with_lora, dataset=dataset, output=tmp_path / "killed")

    second, last = (read_tensors(checkpoint(saved.parent, step)) for step in (2, 6))
    assert same(last, read_tensors(checkpoint(tmp_path / "killed", 6)))
    assert all(is_new(name.split(".", 1)[1]) or ".lora_" in name for name in last)
    moved = {name for name in last if name in second and not torch.equal(last[name], second[name])}
    assert any(".lora_B." in name for name in moved)
    assert any("weights.binding" in name for name in moved)
    assert all(torch.count_nonzero(second[name]) == 0 for name in second if ".lora_B." in name)
    exported = export_checkpoint(checkpoint(saved.parent, 6), tmp_path / "exported")
    for part in ("model.safetensors", "lora/lora.safetensors"):
        assert same(load_file(saved / part), load_file(resumed / part))
        assert same(load_file(saved / part), load_file(exported / part))


def test_its_pipeline_is_new_layers_and_adapters_that_name_the_base_wherever_both_lie(
    saved: Path, tiny_wan: Path, tmp_path: Path
) -> None:
    given = {"ball": Image.new("RGBA", (30, 20), "red")}
    video = Pipeline.from_pretrained(saved)(PROMPT, references=given, sampling=SAMPLING)

    assert all(map(is_new, load_file(saved / "model.safetensors")))
    assert all(".lora_" in name for name in load_file(saved / "lora" / "lora.safetensors"))
    says = json.loads((saved / "lora" / "lora.json").read_text())
    assert says["model"]["checkpoint"] == str(tiny_wan)
    assert says["model"]["digest"] == wan_config(tiny_wan).pinned().digest

    moved, base = tmp_path / "moved", tmp_path / "wan"
    shutil.copytree(saved, moved)
    shutil.copytree(tiny_wan, base)
    config = json.loads((moved / "config.json").read_text())
    config["model"]["checkpoint"] = str(base)
    (moved / "config.json").write_text(json.dumps(config))
    assert np.array_equal(Pipeline.from_pretrained(moved)(PROMPT, references=given, sampling=SAMPLING), video)

    alone = tmp_path / "without"
    shutil.copytree(moved, alone, ignore=shutil.ignore_patterns("lora"))
    with pytest.raises(FileNotFoundError, match=r"lora\.json does not exist"):
        Pipeline.from_pretrained(alone)
    (alone / "config.json").write_text(json.dumps({**config, "has_adapters": False}))
    plain = Pipeline.from_pretrained(alone)
    assert not np.array_equal(plain(PROMPT, references=given, sampling=SAMPLING), video)
    plain.load_lora(saved / "lora")
    assert np.array_equal(plain(PROMPT, references=given, sampling=SAMPLING), video)


def test_adapters_of_another_base_are_refused(with_lora: RunConfig, saved: Path, dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "pipeline")
    path = tmp_path / "pipeline" / "lora" / "lora.json"
    says = json.loads(path.read_text())
    path.write_text(json.dumps({**says, "model": {**says["model"], "digest": "0" * 64}}))

    with pytest.raises(ValueError, match=r"was trained on another model: digest is '0{64}', expected"):
        Pipeline.from_pretrained(tmp_path / "pipeline")
    with pytest.raises(ValueError, match="has adapters beside its weights, and training would leave them out"):
        train(with_lora, dataset=dataset, output=tmp_path / "second", start=saved)


def test_a_personal_fine_tune_changes_the_adapters_alone_and_starts_from_new_layers(
    run: RunConfig, with_lora: RunConfig, dataset: Path, tmp_path: Path
) -> None:
    new_layers = replace(run, training=replace(run.training, phases=PHASES[:1]))
    first = train(new_layers, dataset=dataset, output=tmp_path / "first")
    phase = TrainingPhase(name="personal", steps=2, trainable=Trainable.ADAPTERS)

    tuned = train(
        replace(with_lora, training=replace(with_lora.training, phases=(phase,))),
        dataset=dataset,
        output=tmp_path / "tuned",
        start=first,
    )

    assert same(load_file(tuned / "model.safetensors"), load_file(first / "model.safetensors"))
    adapters = load_file(tuned / "lora" / "lora.safetensors")
    assert all(torch.count_nonzero(weight) for weight in adapters.values())


def test_a_folder_for_diffusers_has_them_merged(saved: Path, tmp_path: Path) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions(images=0)

    folder = write_diffusers(saved, tmp_path / "folder")

    network: Any = published(folder)  # without references the classes are one
    found = theirs(network, latents, timesteps, texts_of(conditions))
    with torch.no_grad():
        expected = Pipeline.from_pretrained(saved).model(latents, timesteps, conditions)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("trainable", "lora", "message"),
    [
        (Trainable.NEW_LAYERS_AND_ADAPTERS, None, "trains new_layers_and_adapters without lora"),
        (Trainable.ALL, LORA, "trains all with lora"),
    ],
)
def test_phases_that_do_not_suit_are_refused(
    run: RunConfig, trainable: Trainable, lora: LoraConfig | None, message: str
) -> None:
    phase = TrainingPhase(name="x", steps=1, trainable=trainable)

    with pytest.raises(ValueError, match=message):
        replace(run, training=replace(run.training, phases=(phase,), lora=lora))


def test_a_model_of_this_library_trains_adapters_alone() -> None:
    assert isinstance(run_config().pipeline.model, DiTConfig)

    with pytest.raises(ValueError, match="training has lora, expected phases that train adapters alone"):
        run_config(PHASES[0], lora=LORA)
