"""`prove-backbone` as a command on the few clips of a proof, which it takes instead of curating others."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modeling.model.lora import plain_name
from modeling.model.parts import Trainable
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.pipeline import Pipeline
from pipelines.__main__ import main
from pipelines.proof.held_out import read_held_out
from pipelines.proof.prove_backbone import BACKBONE_PRESET
from pipelines.proof.scores import Condition
from tests.modeling.backbones.small_wan import published
from tests.pipelines.proof.small_proof import BUCKET, SEED, TINY, Proof

SHORTER = {
    "steps = 1800": "steps = 2",
    "cooldown_steps = 600": "cooldown_steps = 1",
    "steps = 400": "steps = 1",
    "steps = 2800": "steps = 2",
    "cooldown_steps = 2400": "cooldown_steps = 1",
    "warmup_steps = 20": "warmup_steps = 1",
    "tokens_per_device = 1728": "tokens_per_device = 216",
    "reference_gain_every_steps = 50": "reference_gain_every_steps = 1",
}


def tiny(folder: Path) -> list[str]:
    """The options of a proof of seconds, as of the proof whose clips it takes."""
    text = BACKBONE_PRESET.read_text()
    for old, new in SHORTER.items():
        assert old in text
        text = text.replace(old, new)
    preset = folder / "tiny.toml"
    preset.write_text(text)
    return ["--config", str(preset), *TINY]


@pytest.fixture(scope="module")
def on_backbone(proof: Proof, tmp_path_factory: pytest.TempPathFactory) -> Proof:
    folder = tmp_path_factory.mktemp("backbone")
    output, options = folder / "small", [*tiny(folder), "--dataset", str(proof.output)]
    return Proof(output, options, main(["prove-backbone", "--output", str(output), *options]))


def test_the_base_is_a_checkpoint_of_diffusers_and_stays_as_it_was_published(on_backbone: Proof) -> None:
    base, adapted = on_backbone.output / "base", on_backbone.output / "personalized" / "pipeline"

    network = published(base)
    pipeline = Pipeline.from_pretrained(adapted)

    own = {plain_name(name): weight for name, weight in pipeline.model.named_parameters()}
    assert all(torch.equal(own[name], weight) for name, weight in network.named_parameters())
    written = load_file(adapted / "model.safetensors")
    assert written
    assert all(Trainable.NEW_LAYERS.admits(name) for name in written)
    assert any(name.endswith("to_out.weight") and weight.any() for name, weight in written.items())
    adapters = load_file(adapted / "lora" / "lora.safetensors")
    assert any("lora_B" in name and weight.any() for name, weight in adapters.items())


def test_without_references_the_base_itself_is_judged(proof: Proof, on_backbone: Proof) -> None:
    world, dataset = proof.output / "held_out" / "world", proof.output / "held_out" / "dataset"
    base = Pipeline.from_pretrained(on_backbone.output / "text" / "pipeline")
    clip = read_held_out(world / "manifest.csv", dataset, BUCKET, fps=16)[0]
    sampling = SamplingConfig(bucket=BUCKET, steps=2, text_scale=0.5, image_scale=0.5, seed=clip.number)

    video = base(clip.caption, sampling=sampling)

    with np.load(on_backbone.output / "videos" / "without.npz") as kept:
        (shown,) = kept["videos"][kept["numbers"] == clip.number]
    assert np.array_equal(shown, video)


def test_the_base_was_trained_without_references_and_the_new_layers_with_them(on_backbone: Proof) -> None:
    def lines(name: str) -> list[dict[str, object]]:
        return [json.loads(line) for line in (on_backbone.output / name / "metrics.jsonl").read_text().splitlines()]

    first = load_file(on_backbone.output / "first_weights" / "model.safetensors")
    taught = load_file(on_backbone.output / "text" / "pipeline" / "model.safetensors")
    moved = {name for name, weight in taught.items() if not torch.equal(weight, first[name])}
    assert {Trainable.NEW_LAYERS.admits(name) for name in moved} == {False}
    assert "proj_out.weight" in moved
    assert {line["training_phase"] for line in lines("text")} == {"base"}
    assert not any(line["reference_gain"] for line in lines("text"))
    assert all(line["reference_gain"] for line in lines("personalized"))


def test_a_base_that_was_not_yet_written_is_trained_to_its_end(on_backbone: Proof) -> None:
    trained = on_backbone.output / "text" / "pipeline" / "model.safetensors"
    published = on_backbone.output / "base" / "transformer" / "diffusion_pytorch_model.safetensors"
    before = trained.read_bytes(), published.read_bytes()
    trained.unlink()
    shutil.rmtree(on_backbone.output / "base")

    main(["prove-backbone", "--output", str(on_backbone.output), *on_backbone.options])

    assert (trained.read_bytes(), published.read_bytes()) == before


def test_it_takes_the_clips_of_another_proof_and_judges_them_alike(proof: Proof, on_backbone: Proof) -> None:
    def of_real_clips(figures: list[dict[str, object]]) -> dict[tuple[object, object], object]:
        return {(each["name"], each["clips"]): each["value"] for each in figures if each["condition"] == Condition.REAL}

    assert of_real_clips(on_backbone.figures()) == of_real_clips(proof.figures())
    assert not (on_backbone.output / "training").exists()
    assert (on_backbone.output / "proof.png").is_file()
    goals = {(each["name"], each["goal"]) for each in on_backbone.figures() if each["goal"] is not None}
    assert {("retrieval", 0.7), ("look follows word", 0.9)} <= goals
    assert on_backbone.status == 1  # after four steps


def test_an_ablation_trains_other_layers_on_the_same_base(on_backbone: Proof) -> None:
    before = on_backbone.written()

    assert main(["ablate", "--output", str(on_backbone.output), *on_backbone.options, "--only", "no word binding"]) == 0

    folder = on_backbone.output / "ablations" / "no-word-binding"
    configs = [
        json.loads((each / "personalized" / "pipeline" / "config.json").read_text())["model"]
        for each in (on_backbone.output, folder)
    ]
    assert [config["binds_words"] for config in configs] == [True, False]
    assert configs[0]["digest"] == configs[1]["digest"]
    assert not (folder / "base").exists()
    assert {name for name in before if before[name] != on_backbone.written().get(name)} == set()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--world.clips", "7"], "was curated with another world"),
        (["--sampling.bucket", "5x48x96"], "was curated with another sampling.bucket"),
        (["--dataset", "nowhere"], "dataset nowhere is no output of a proof"),
    ],
)
def test_clips_of_another_world_are_refused(
    on_backbone: Proof, option: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "other"

    assert main(["prove-backbone", "--output", str(output), *on_backbone.options, *option]) == 2

    assert message in capsys.readouterr().err
    assert not output.exists()


def test_a_base_without_a_published_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preset = tmp_path / "no-base.toml"
    before, base = BACKBONE_PRESET.read_text().split("[[base]]")
    preset.write_text(before + base[base.index("[[run.training.phases]]") :])

    assert main(["prove-backbone", "--config", str(preset), "--output", str(tmp_path / "out"), "--seed", SEED]) == 2

    assert "base has 0 training phases, and run.pipeline.model is of profile wan" in capsys.readouterr().err
