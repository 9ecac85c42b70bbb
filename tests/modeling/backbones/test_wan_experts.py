"""A tiny Wan 2.2 of two networks: the timestep chooses, each has layers of its own, and steps train one at a time."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import WanPipeline, WanTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor

from dataset_schema import write_shard
from modeling.backbones.wan import WanConfig
from modeling.data.schedule import BatchingConfig
from modeling.model.precision import Precision
from modeling.model.weights import fresh_weights
from modeling.randomness import torch_generator
from modeling.sampling import denoising
from modeling.sampling.denoising import DenoisingConfig, SamplingConfig
from modeling.sampling.diffusers_folder import write_diffusers
from modeling.sampling.flow import FlowConfig, TimestepDistribution, draw_timesteps
from modeling.sampling.guidance import GuidanceForm, GuidedVelocity, guidance_weights
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.training.checkpoint import read_tensors
from modeling.training.config import RunConfig, ValidationConfig
from modeling.training.loop import train
from modeling.training.objective import draw_batch_timesteps
from tests.modeling.backbones.small_wan import TEXT_TOKENS, draw_conditions, draw_latents, theirs, wan_config, wan_model
from tests.modeling.backbones.test_negative_prompt import SAMPLING, FractionalUniPC
from tests.modeling.backbones.test_wan_network import texts_of
from tests.modeling.backbones.test_wan_training import PHASES, PROMPT, KilledError, is_new, kill_after, wan_run
from tests.modeling.conftest import build_sample
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import save_tiny_experts, wan_encoders
from tests.modeling.training.small_runs import (
    LONG,
    SMALL,
    checkpoint,
    largest_difference,
    metrics,
    same,
    weights,
)
from tests.modeling.training.test_parallel import Run, train_together

BOUNDARY = 0.6  # the timesteps of `draw_latents` are 0.3 and 0.8


@pytest.fixture(scope="module")
def experts(tiny_wan: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one."""
    return save_tiny_experts(tmp_path_factory.mktemp("experts") / "wan", tiny_wan, boundary=BOUNDARY)


@pytest.fixture(scope="module")
def run(experts: Path, paper_checkpoints: TinyCheckpoints) -> RunConfig:
    """On it, with about as many timesteps above the boundary as below."""
    run = wan_run(experts, paper_checkpoints)
    model, flow = wan_config(experts, boundary=BOUNDARY), FlowConfig(base_shift=8.0)
    return replace(run, pipeline=replace(run.pipeline, model=model, flow=flow))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips."""
    folder = tmp_path_factory.mktemp("clips")
    samples = [build_sample(number, LONG, folder) for number in range(5)]
    write_shard(folder / "dataset" / "samples" / "part-00000.parquet", samples)
    return folder / "dataset"


def published(experts: Path, name: str) -> Any:
    network: Any = WanTransformer3DModel
    return network.from_pretrained(experts, subfolder=name, local_files_only=True).eval()


def test_with_fresh_layers_each_clip_gets_what_the_network_of_its_timestep_gives(experts: Path) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()
    model = wan_model(wan_config(experts, boundary=BOUNDARY))

    with torch.no_grad():
        mixed = model(latents, timesteps, conditions)
        high, low = (model(latents, torch.full((2,), timestep), conditions) for timestep in (BOUNDARY, 0.59))

    texts = texts_of(conditions)
    networks = published(experts, "transformer"), published(experts, "transformer_2")
    assert torch.equal(high, theirs(networks[0], latents, torch.full((2,), BOUNDARY), texts))
    assert torch.equal(low, theirs(networks[1], latents, torch.full((2,), 0.59), texts))
    assert torch.equal(mixed[0], theirs(networks[1], latents, timesteps, texts)[0])
    assert torch.equal(mixed[1], theirs(networks[0], latents, timesteps, texts)[1])
    assert (high - theirs(networks[1], latents, torch.full((2,), BOUNDARY), texts)).abs().max() > 0.1


@pytest.mark.parametrize("timestep", [0.3, 0.8])
def test_equation_2_with_cached_conditions_is_that_of_three_plain_calls(experts: Path, timestep: float) -> None:
    (latents, _), conditions = draw_latents(), draw_conditions(null_tokens=9)
    model = wan_model(wan_config(experts, boundary=BOUNDARY), is_trained=True)
    weights = guidance_weights(GuidanceForm.SEPARATE, text_scale=8.0, image_scale=3.0)

    with torch.no_grad():
        guided = GuidedVelocity(model, conditions, weights)(latents, timestep)
        full, no_text, no_images = (
            model(latents, torch.full((2,), timestep), told)
            for told in (conditions, conditions.without_text(), conditions.without_references())
        )

    torch.testing.assert_close(guided, 12 * full - 8 * no_text - 3 * no_images, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("low_noise_text_scale", [None, 0.5, 0.0])
def test_the_video_is_that_of_wan_pipeline(
    experts: Path,
    paper_checkpoints: TinyCheckpoints,
    monkeypatch: pytest.MonkeyPatch,
    low_noise_text_scale: float | None,
) -> None:
    model = wan_config(experts, boundary=BOUNDARY)
    config = PipelineConfig(model=model, encoders=wan_encoders(experts, paper_checkpoints))
    pipeline = Pipeline(config, wan_model(model), device=torch.device("cpu"))
    kind: Any = WanPipeline
    scheduler: Any = FractionalUniPC
    reference: Any = kind.from_pretrained(experts, local_files_only=True)
    reference.set_progress_bar_config(disable=True)
    reference.scheduler = scheduler.from_config(reference.scheduler.config)
    reference.scheduler.set_timesteps(SAMPLING.steps)
    schedule: Tensor = reference.scheduler.sigmas
    assert schedule[0] > BOUNDARY > schedule[-2]
    monkeypatch.setattr(denoising, "timestep_schedule", lambda steps, shift: schedule)

    expected = reference(
        PROMPT,
        num_inference_steps=SAMPLING.steps,
        guidance_scale=SAMPLING.text_scale + 1,
        guidance_scale_2=None if low_noise_text_scale is None else low_noise_text_scale + 1,
        latents=torch.randn(1, 16, 2, 4, 6, generator=torch_generator("sample", SAMPLING.seed)),
        max_sequence_length=TEXT_TOKENS,
        height=SMALL.height,
        width=SMALL.width,
        num_frames=SMALL.frames,
    ).frames[0]

    found, other = (
        pipeline(PROMPT, sampling=replace(SAMPLING, low_noise_text_scale=scale)) / 255
        for scale in (low_noise_text_scale, 9.0)
    )
    assert np.abs(found - expected).max() < 0.6 / 255
    assert np.abs(other - expected).max() > 2 / 255


def test_a_scale_for_a_second_network_is_refused_where_there_is_none(
    tiny_wan: Path, paper_checkpoints: TinyCheckpoints
) -> None:
    model = wan_config(tiny_wan)
    config = PipelineConfig(model=model, encoders=wan_encoders(tiny_wan, paper_checkpoints))
    sampling = replace(SAMPLING, low_noise_text_scale=3.0)
    validation = ValidationConfig(sampling=DenoisingConfig(low_noise_text_scale=3.0))
    message = r"low_noise_text_scale 3\.0, but the model has one network for all timesteps; leave it out"

    with pytest.raises(ValueError, match=message):
        Pipeline(config, wan_model(model), device=torch.device("cpu"))(PROMPT, sampling=sampling)
    with pytest.raises(ValueError, match=message):
        RunConfig(
            pipeline=config, training=replace(wan_run(tiny_wan, paper_checkpoints).training, validation=validation)
        )


def test_a_scale_below_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sampling has low_noise_text_scale -1.0, expected 0 \(no guidance\) or more"):
        SamplingConfig(low_noise_text_scale=-1.0)


def test_a_step_draws_from_one_network_and_all_steps_from_the_distribution() -> None:
    shift, ranges = 3.0, WanConfig(boundary=0.875).timestep_ranges

    def draw(step: int) -> Tensor:
        return draw_batch_timesteps(
            (0, 1, 2, 3),
            distribution=TimestepDistribution.LOGIT_NORMAL,
            shift=shift,
            seed=0,
            step=step,
            ranges=ranges,
        )

    steps = torch.stack([draw(step) for step in range(1500)])

    is_high = steps >= 0.875
    assert torch.equal(is_high.all(dim=1), is_high.any(dim=1))
    expected = draw_timesteps(
        FlowConfig().distribution, shift=shift, count=100_000, generator=torch.Generator().manual_seed(0)
    )
    # The share varies with the steps, of which there are 1,500: its deviation is 0.012.
    assert is_high.float().mean() == pytest.approx((expected >= 0.875).float().mean().item(), abs=0.05)
    for part, whole in ((steps[~is_high], expected[expected < 0.875]), (steps[is_high], expected[expected >= 0.875])):
        quantiles = torch.tensor([0.1, 0.5, 0.9])
        torch.testing.assert_close(part.quantile(quantiles), whole.quantile(quantiles), atol=0.03, rtol=0)


def test_a_killed_run_ends_bitwise_like_another_and_trains_the_layers_of_both(
    run: RunConfig, dataset: Path, tmp_path: Path
) -> None:
    whole = train(run, dataset=dataset, output=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(run, dataset=dataset, output=tmp_path / "killed", on_step=kill_after(PHASES[0].steps + 2))
    resumed = train(run, dataset=dataset, output=tmp_path / "killed")

    written = load_file(whole / "model.safetensors")
    assert same(written, load_file(resumed / "model.safetensors"))
    assert same(*(read_tensors(checkpoint(tmp_path / name, 6)) for name in ("whole", "killed")))
    assert all(is_new(name.split(".", 1)[1]) for name in written)
    outputs = {name: weight for name, weight in written.items() if name.endswith("attention.to_out.weight")}
    assert len(outputs) == 2 * 3
    for expert in ("high.", "low."):
        assert any(torch.count_nonzero(weight) for name, weight in outputs.items() if name.startswith(expert))
    assert Pipeline.from_pretrained(whole)(PROMPT, sampling=SAMPLING).shape == (5, 32, 48, 3)


@pytest.mark.slow  # processes that load torch and diffusers; those of the paper's model are in the default suite
def test_two_processes_that_share_the_weights_end_like_one(run: RunConfig, dataset: Path, tmp_path: Path) -> None:
    data = replace(run.training.data, batching=BatchingConfig(tokens_per_device=12, devices_per_group=2))
    execution = replace(run.training.execution, precision=Precision.FLOAT32, recomputes_activations=True)
    run = replace(run, training=replace(run.training, data=data, execution=execution))

    train(run, dataset=dataset, output=tmp_path / "one")
    train_together([Run(run, tmp_path / "two")], dataset, tmp_path)

    losses = [[line["loss"] for line in metrics(tmp_path / output)] for output in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    ends = [load_file(tmp_path / output / "pipeline" / "model.safetensors") for output in ("one", "two")]
    moved = largest_difference(ends[0], weights(checkpoint(tmp_path / "one", 2)))
    assert largest_difference(*ends) < 0.01 * moved


def test_a_folder_for_diffusers_has_both(experts: Path, paper_checkpoints: TinyCheckpoints, tmp_path: Path) -> None:
    model = wan_config(experts, boundary=BOUNDARY)
    config = PipelineConfig(model=model, encoders=wan_encoders(experts, paper_checkpoints))
    ours = Pipeline(config, wan_model(model, is_trained=True), device=torch.device("cpu"))
    ours.save_pretrained(tmp_path / "pipeline")

    folder = write_diffusers(tmp_path / "pipeline", tmp_path / "folder")

    index = json.loads((folder / "model_index.json").read_text())
    assert index["transformer"] == index["transformer_2"] == ["personalized_wan", "PersonalizedWanTransformer3DModel"]
    assert index["boundary_ratio"] == BOUNDARY
    written = {
        f"{prefix}{name}": weight
        for prefix, part in (("high.", "transformer"), ("low.", "transformer_2"))
        for name, weight in load_file(folder / part / "diffusion_pytorch_model.safetensors").items()
    }
    assert same(written, {name: weight.detach() for name, weight in ours.model.named_parameters()})


def lose_second(base: Path) -> None:
    shutil.rmtree(base / "transformer_2")


@pytest.mark.parametrize(
    ("boundary", "change", "kind", "message"),
    [
        (None, None, ValueError, "base .*wan has boundary_ratio 0.6, expected None; give the model"),
        (0.5, None, ValueError, "has boundary_ratio 0.6, expected 0.5"),
        (BOUNDARY, lose_second, FileNotFoundError, "transformer_2|weights as"),
    ],
)
def test_a_base_of_other_networks_is_refused(
    experts: Path,
    tmp_path: Path,
    boundary: float | None,
    change: Callable[[Path], None] | None,
    kind: type[Exception],
    message: str,
) -> None:
    base = tmp_path / "wan"
    shutil.copytree(experts, base)
    if change is not None:
        change(base)

    with pytest.raises(kind, match=message):
        list(fresh_weights(wan_config(base, boundary=boundary), seed=0))


def in_the_hubs_cache(cache: Path, name: str, folder: Path) -> Path:
    """The folder's files as the hub's library keeps them; returns the snapshot."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(snapshot.name)
    shutil.copytree(folder, snapshot)
    return snapshot


def test_a_base_on_the_hub_is_held_to_its_own_boundary_too(
    experts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = in_the_hubs_cache(tmp_path, "somebody/wan", experts)
    right, wrong = (
        replace(wan_config(experts, boundary=boundary), checkpoint="somebody/wan") for boundary in (BOUNDARY, 0.5)
    )

    here, there = (dict(config.published_weights()) for config in (wan_config(experts, boundary=BOUNDARY), right))

    assert same(here, there)
    assert right.pinned().digest == wan_config(experts, boundary=BOUNDARY).pinned().digest
    with pytest.raises(ValueError, match=r"has boundary_ratio 0\.6, expected 0\.5"):
        list(wrong.published_weights())
    (snapshot / "model_index.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"'somebody/wan' is neither .* has no model_index\.json"):
        list(right.published_weights())


def test_a_boundary_that_is_no_timestep_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model has boundary 1\.5, expected a timestep between 0 and 1"):
        WanConfig(boundary=1.5)
