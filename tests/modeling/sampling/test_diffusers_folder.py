"""A pipeline as a folder for diffusers: `WanPipeline` loads it, and gives what it and our pipeline give."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline
from diffusers.utils import dynamic_modules_utils
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from modeling.encoders import EmbeddedEncoders
from modeling.model.dit import DiTConfig
from modeling.model.precision import Precision, computing_in
from modeling.model.weights import build_model
from modeling.randomness import torch_generator
from modeling.sampling import diffusers_folder
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.diffusers_folder import reference_tokens, write_diffusers
from modeling.sampling.flow import FlowConfig, timestep_schedule
from modeling.sampling.pipeline import Pipeline, PipelineConfig, write_pipeline
from modeling.sampling.prompt import Prompt
from pipelines.__main__ import main
from tests.modeling.backbones.families import ti2v_config
from tests.modeling.backbones.small_wan import TEXT_TOKENS, draw_conditions, draw_latents, wan_config, wan_model
from tests.modeling.encoders.tiny_checkpoints import TinyCheckpoints
from tests.modeling.encoders.tiny_wan import wan_encoders
from tests.modeling.training.small_runs import SMALL

PROMPT = "A red ball moves right over the meadow."
SIZE = {"height": SMALL.height, "width": SMALL.width, "num_frames": SMALL.frames}


@pytest.fixture(scope="module")
def saved(tiny_wan: Path, paper_checkpoints: TinyCheckpoints, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose new layers training moved, in every second block."""
    config = wan_config(tiny_wan, every_nth_block=2)
    pipeline = PipelineConfig(model=config, encoders=wan_encoders(tiny_wan, paper_checkpoints))
    weights = wan_model(config, is_trained=True).named_parameters()
    return write_pipeline(tmp_path_factory.mktemp("wan") / "pipeline", pipeline, weights)


@pytest.fixture(scope="module")
def folder(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `to-diffusers` makes of it."""
    return write_diffusers(saved, tmp_path_factory.mktemp("diffusers") / "folder")


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Loads a folder as diffusers does; the code that it runs is copied to a place of the test's own."""
    monkeypatch.setattr(dynamic_modules_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")

    def loaded(folder: Path, **options: Any) -> Any:
        kind: Any = WanPipeline
        pipeline = kind.from_pretrained(folder, local_files_only=True, **options)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    return loaded


def tokens_of(conditions: Any) -> dict[str, Tensor]:
    return {name: getattr(conditions.references, name) for name in ("image_tokens", "word_tokens", "is_present")}


def velocity(network: Any, latents: Tensor, timesteps: Tensor, text: Tensor, references: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = network(
            hidden_states=latents.to(network.dtype),
            timestep=timesteps * 1000,
            encoder_hidden_states=pad(text, (0, 0, 0, TEXT_TOKENS - text.shape[1])).to(network.dtype),
            attention_kwargs={"references": references},
            return_dict=False,
        )[0]
    return found.float()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_with_references_its_transformer_is_bitwise_our_model(
    saved: Path, folder: Path, load: Callable[..., Any], dtype: torch.dtype
) -> None:
    (latents, timesteps), conditions = draw_latents(), draw_conditions()  # of the last clip one image is absent
    ours = Pipeline.from_pretrained(saved, dtype=dtype)
    with torch.no_grad(), computing_in(Precision(str(dtype).removeprefix("torch.")), latents.device):
        expected = ours.model(latents, timesteps, conditions)
        without = ours.model(latents, timesteps, conditions.without_references())

    network = load(folder, trust_remote_code=True, dtype=dtype).transformer

    text = torch.where(conditions.is_text[..., None], conditions.text, 0.0)
    found = velocity(network, latents, timesteps, text, tokens_of(conditions))
    assert torch.equal(found, expected)
    assert (found - without).abs().max() > 0.1
    assert torch.equal(velocity(network, latents, timesteps, text, None), without)


@pytest.mark.slow  # as above, of the Wan that expands timesteps
def test_a_timestep_for_every_token_is_read_by_the_folder_too(
    tiny_ti2v: Path, paper_checkpoints: TinyCheckpoints, load: Callable[..., Any], tmp_path: Path
) -> None:
    config, encoders = ti2v_config(tiny_ti2v), wan_encoders(tiny_ti2v, paper_checkpoints, latent_channels=48)
    model, conditions = wan_model(config, is_trained=True), draw_conditions()
    pipeline = PipelineConfig(model=config, encoders=encoders)
    saved = write_pipeline(tmp_path / "pipeline", pipeline, model.named_parameters())
    latents = torch.randn(2, 48, 3, 4, 6, generator=torch.Generator().manual_seed(3))
    times = torch.tensor([[0.0, 0.3, 0.3], [0.8, 0.8, 0.8]])

    theirs = load(write_diffusers(saved, tmp_path / "folder"), trust_remote_code=True)

    text = torch.where(conditions.is_text[..., None], conditions.text, 0.0)
    of_tokens = times.repeat_interleave(6, dim=1)
    found = velocity(theirs.transformer, latents, of_tokens, text, tokens_of(conditions))
    with torch.no_grad():
        expected = model(latents, times, conditions)
    assert theirs.config.expand_timesteps
    assert torch.equal(found, expected)


def test_without_references_the_video_is_bitwise_that_of_the_published_pipeline(
    tiny_wan: Path, folder: Path, load: Callable[..., Any]
) -> None:
    videos = [
        load(place, trust_remote_code=True)(
            PROMPT, num_inference_steps=3, generator=torch.Generator().manual_seed(1), **SIZE
        ).frames
        for place in (folder, tiny_wan)
    ]

    assert np.array_equal(*videos)
    assert videos[0].std() > 0.01


class OurSchedule(FlowMatchEulerDiscreteScheduler):
    """Euler's method at the timesteps of our flow."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        timesteps = timestep_schedule(steps, shift=FlowConfig().shift(SMALL))[:-1]
        super().set_timesteps(sigmas=timesteps.tolist(), device=device)  # type: ignore[misc]


def test_the_video_with_references_is_our_pipelines_without_image_guidance(
    saved: Path, folder: Path, load: Callable[..., Any]
) -> None:
    given = Prompt(text=PROMPT, references={"ball": Image.new("RGBA", (30, 20), "red")})
    sampling = SamplingConfig(bucket=SMALL, steps=4, text_scale=4.0, image_scale=0.0)
    theirs = load(folder, trust_remote_code=True)
    theirs.scheduler = OurSchedule(shift=1.0)  # type: ignore[no-untyped-call]

    videos = [
        theirs(
            PROMPT,
            num_inference_steps=4,
            guidance_scale=5.0,
            latents=torch.randn(1, 16, 2, 4, 6, generator=torch_generator("sample", 0)),
            max_sequence_length=TEXT_TOKENS,
            attention_kwargs=told,
            **SIZE,
        ).frames[0]
        for told in ({"references": reference_tokens(saved, given)}, None)
    ]

    expected = Pipeline.from_pretrained(saved).sample_batch([given], sampling=sampling)[0] / 255
    assert np.abs(videos[0] - expected).max() < 0.01
    assert np.abs(videos[1] - expected).max() > 0.05


def test_several_videos_of_a_prompt_have_its_references(folder: Path, load: Callable[..., Any]) -> None:
    latents, timesteps = draw_latents(clips=1)
    conditions = draw_conditions(clips=1, images=2)
    network = load(folder, trust_remote_code=True).transformer

    one, two = (
        velocity(
            network,
            latents.repeat(count, 1, 1, 1, 1),
            timesteps.repeat(count),
            conditions.text.repeat(count, 1, 1),
            tokens_of(conditions),
        )
        for count in (1, 2)
    )

    torch.testing.assert_close(two, one.repeat(2, 1, 1, 1, 1))


def test_its_code_runs_only_where_it_is_trusted(folder: Path, load: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"contains custom code in personalized_wan\.py"):
        load(folder)


def test_what_diffusers_saves_of_it_is_the_same_model(folder: Path, load: Callable[..., Any], tmp_path: Path) -> None:
    network = load(folder, trust_remote_code=True).transformer

    network.save_pretrained(tmp_path / "again")

    again = type(network).from_pretrained(tmp_path / "again")
    first, second = (dict(each.named_parameters()) for each in (network, again))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    shapes = [{name: value for name, value in each.config.items() if name[0] != "_"} for each in (network, again)]
    assert shapes[0] == shapes[1]


def test_large_weights_are_several_files_that_diffusers_reads(
    saved: Path, load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusers_folder, "MAX_FILE_BYTES", 20_000)

    folder = write_diffusers(saved, tmp_path / "folder")

    files = sorted(path.name for path in (folder / "transformer").glob("*.safetensors"))
    assert len(files) > 2
    assert files[0].startswith("diffusion_pytorch_model-00001-of-")
    own = dict(Pipeline.from_pretrained(saved).model.named_parameters())
    read = dict(load(folder, trust_remote_code=True).transformer.named_parameters())
    assert own.keys() == read.keys()
    assert all(torch.equal(own[name], read[name]) for name in own)


def test_a_folder_that_exists_is_refused_and_stays(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    with pytest.raises(FileExistsError, match=r"mine exists already; name another folder"):
        write_diffusers(saved, tmp_path / "mine")

    assert list((tmp_path / "mine").iterdir()) == []


def test_what_breaks_off_leaves_nothing(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)

    with pytest.raises(OSError, match="No space left"):
        write_diffusers(saved, tmp_path / "folder")

    assert list(tmp_path.iterdir()) == []


def test_a_model_with_weights_of_its_own_is_refused(tmp_path: Path) -> None:
    encoders = EmbeddedEncoders(text_channels=64, image_channels=64)
    config = PipelineConfig(
        model=DiTConfig(width=32, blocks=1, heads=2, text_channels=64, image_channels=64), encoders=encoders
    )
    saved = write_pipeline(tmp_path / "dit", config, build_model(config.model, seed=0).named_parameters())

    with pytest.raises(ValueError, match="has a model of profile dit, expected wan: of other models diffusers has no"):
        write_diffusers(saved, tmp_path / "folder")


def test_the_verb_writes_it_and_says_how_it_is_loaded(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "folder"

    assert main(["to-diffusers", "--model", str(saved), "--output", str(output)]) == 0

    assert f"WanPipeline.from_pretrained('{output}', trust_remote_code=True)" in capsys.readouterr().out
    assert json.loads((output / "model_index.json").read_text())["transformer"][0] == "personalized_wan"
    assert main(["to-diffusers", "--model", str(saved), "--output", str(output)]) != 0
