import inspect
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dataset_schema import Bucket
from modeling.model.conditions import Conditions
from modeling.model.dit import DiTConfig
from modeling.model.lora import LoraConfig, add_lora, write_lora
from modeling.model.precision import Precision
from modeling.model.weight_files import weights_sha256
from modeling.model.weights import build_model
from modeling.sampling.denoising import SamplingConfig, sample_latents, steps_for
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline, PipelineConfig
from modeling.sampling.prompt import Prompt, reference_images
from modeling.sampling.solvers import Euler, Heun, Solver, UniPC
from modeling.training.presets import tiny

BUCKET = Bucket(5, 32, 48)
PROMPT = "A red ball moves over the meadow."
SAMPLING = SamplingConfig(bucket=BUCKET, steps=2)


def picture(color: str = "red") -> Image.Image:
    return Image.new("RGBA", (30, 20), color)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    config = PipelineConfig(
        model=DiTConfig(width=32, blocks=1, heads=2, text_channels=64, image_channels=64, dropout=0.1),
        encoders=tiny().pipeline.encoders,
    )
    model = build_model(config.model, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return Pipeline(config, model, device=torch.device("cpu"))


@pytest.mark.parametrize("solver", [Euler(), Heun(), UniPC()], ids=str)
def test_equal_seeds_give_equal_videos_and_others_do_not(pipeline: Pipeline, solver: Solver) -> None:
    sampling = replace(SAMPLING, solver=solver)
    first, again = (pipeline(PROMPT, references={"ball": [picture()]}, sampling=sampling) for _ in range(2))
    other = pipeline(PROMPT, references={"ball": [picture()]}, sampling=replace(sampling, seed=1))

    assert first.shape == (5, 32, 48, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_prompts_together_give_what_each_gives_alone(pipeline: Pipeline) -> None:
    prompts = [
        Prompt(text=PROMPT, references={"ball": picture("red")}, background=picture("green"), background_word="meadow"),
        Prompt(
            text="A blue cat, seen from far away, sits on a wall and looks at a small bird.",
            references={"cat": [picture("blue")] * 2},
        ),
        Prompt(text="Rain."),
    ]

    together = pipeline.sample_batch(prompts, sampling=SAMPLING)

    for prompt, video in zip(prompts, together, strict=True):
        alone = pipeline(
            prompt.text,
            references=prompt.references,
            background=prompt.background,
            background_word=prompt.background_word,
            sampling=SAMPLING,
        )
        assert np.abs(video.astype(int) - alone).max() <= 1
    assert not np.array_equal(together[0], together[1])


def test_several_prompts_in_the_place_of_one_are_told_where_they_belong(pipeline: Pipeline) -> None:
    with pytest.raises(TypeError, match="prompt is a list, expected a text; for several videos: sample_batch"):
        inspect.unwrap(Pipeline.__call__)(pipeline, [PROMPT, PROMPT], sampling=SAMPLING)
    with pytest.raises(ValueError, match="there are no prompts"):
        pipeline.sample_batch([], sampling=SAMPLING)
    with pytest.raises(TypeError, match=r"one of the prompts is a str, expected Prompt\(text=\.\.\.\)"):
        inspect.unwrap(Pipeline.sample_batch)(pipeline, [PROMPT], sampling=SAMPLING)


def test_weights_of_half_the_size_give_nearly_the_same_video(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    small = Pipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)

    video = small(PROMPT, references={"ball": picture()}, sampling=SAMPLING)

    assert {parameter.dtype for parameter in small.model.parameters()} == {torch.bfloat16}
    exact = pipeline(PROMPT, references={"ball": picture()}, sampling=SAMPLING)
    assert 0 < np.abs(video.astype(int) - exact).mean() < 4
    rounded = pipeline(PROMPT, references={"ball": picture()}, sampling=replace(SAMPLING, precision=Precision.BFLOAT16))
    assert np.abs(video.astype(int) - rounded).mean() < 1  # products round the weights anyway
    with pytest.raises(ValueError, match=r"precision float32, but the pipeline's weights are bfloat16; read it with"):
        small(PROMPT, sampling=replace(SAMPLING, precision=Precision.FLOAT32))
    with pytest.raises(ValueError, match=r"dtype is torch.float16, expected torch.float32 or torch.bfloat16"):
        Pipeline.from_pretrained(tmp_path, dtype=torch.float16)


def test_solver_and_form_of_guidance_change_the_video_and_the_batching_of_branches_does_not(pipeline: Pipeline) -> None:
    def sampled(sampling: SamplingConfig) -> npt.NDArray[np.int16]:
        return pipeline(PROMPT, references={"ball": [picture()]}, sampling=sampling).astype(np.int16)

    usual = sampled(SAMPLING)
    others = [replace(SAMPLING, solver=Heun()), replace(SAMPLING, guidance=GuidanceForm.CHAINED)]

    assert all(np.abs(sampled(other) - usual).max() > 10 for other in others)
    assert np.abs(sampled(replace(SAMPLING, batches_branches=False)) - usual).max() <= 1  # of 255: rounding


def test_bfloat16_samples_nearly_the_same_video_as_float32(pipeline: Pipeline) -> None:
    gentle = replace(SAMPLING, text_scale=1.0, image_scale=1.0)

    exact, rounded = (
        pipeline(PROMPT, references={"ball": [picture()]}, sampling=replace(gentle, precision=precision)).astype(int)
        for precision in (Precision.FLOAT32, Precision.BFLOAT16)
    )

    assert 0 < np.abs(exact - rounded).mean() < 1  # of 255


def test_what_was_saved_samples_the_same_video(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)

    loaded = Pipeline.from_pretrained(tmp_path)

    assert loaded.config == pipeline.config
    assert np.array_equal(loaded(PROMPT, sampling=SAMPLING), pipeline(PROMPT, sampling=SAMPLING))


def test_references_background_and_their_words_change_the_video(pipeline: Pipeline) -> None:
    videos = [
        pipeline(PROMPT, sampling=SAMPLING),
        pipeline(PROMPT, references={"ball": [picture()]}, sampling=SAMPLING),
        pipeline(PROMPT, references={"meadow": [picture()]}, sampling=SAMPLING),
        pipeline(PROMPT, background=picture(), sampling=SAMPLING),
        pipeline(PROMPT, background=picture(), background_word="meadow", sampling=SAMPLING),
    ]

    assert len({video.tobytes() for video in videos}) == 4
    assert np.array_equal(videos[2], videos[4])


def test_a_picture_is_the_same_however_it_is_given(pipeline: Pipeline, tmp_path: Path) -> None:
    cutout = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    cutout.paste((200, 40, 40, 255), (5, 5, 20, 15))
    cutout.quantize(8).save(tmp_path / "ball.png")  # its transparency is one of the palette

    videos = {
        pipeline(PROMPT, references={"ball": given}, background=given, sampling=SAMPLING).tobytes()
        for given in (cutout, str(tmp_path / "ball.png"), tmp_path / "ball.png", np.asarray(cutout))
    }
    listed = {
        pipeline(PROMPT, references={"ball": given}, background=cutout, sampling=SAMPLING).tobytes()
        for given in ([cutout], (tmp_path / "ball.png",), [Image.open(tmp_path / "ball.png")])
    }

    assert videos == listed
    assert len(videos) == 1


def test_a_picture_that_cannot_be_opened_is_named(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"picture 2 of 'ball': .*none\.png does not exist, expected a picture such as"
    ):
        pipeline(PROMPT, references={"ball": [picture(), tmp_path / "none.png"]}, sampling=SAMPLING)
    with pytest.raises(ValueError, match=r"the background: the picture is transparent everywhere"):
        pipeline(PROMPT, background=Image.new("RGBA", (4, 4)), sampling=SAMPLING)


def test_pictures_without_a_word_are_refused() -> None:
    choose = inspect.unwrap(reference_images)  # without the check of types that all tests here have

    with pytest.raises(TypeError, match=r"references is a list, expected pictures by word: \{'cat': picture\}"):
        choose(SimpleNamespace(references=[picture()], background=None, background_word=None), most=6)


def test_a_word_that_is_not_in_the_prompt_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match=r"reference word 'dog' is not in the prompt .* copy the word from the prompt"):
        pipeline(PROMPT, references={"dog": [picture()]}, sampling=SAMPLING)


def test_two_of_one_word_get_their_own_pictures(pipeline: Pipeline) -> None:
    prompt = "A cat and a cat."
    red, blue = picture("red"), picture("blue")

    first, second, swapped = (
        pipeline(prompt, references=references, sampling=SAMPLING)
        for references in ({"cat": [red]}, {"cat#2": [red]}, {"cat": [blue], "cat#2": [red]})
    )
    turned = pipeline(prompt, references={"cat": [red], "cat#2": [blue]}, sampling=SAMPLING)

    assert not np.array_equal(first, second)
    assert not np.array_equal(turned, swapped)


def test_a_video_is_reconstructed_nearly_as_it_was(pipeline: Pipeline) -> None:
    rows, columns = np.mgrid[0:32, 0:48] / 48
    ramp = np.stack([255 * columns, 255 * rows, 255 * (1 - columns)], axis=-1)
    video = np.stack([ramp * (0.6 + 0.1 * frame) for frame in range(5)]).astype(np.uint8)

    found = pipeline.reconstruct(video)

    assert found.shape == video.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - video).mean() < 4
    assert not np.array_equal(found, video)


def test_a_video_that_the_autoencoder_cannot_take_is_not_reconstructed(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="frames"):
        pipeline.reconstruct(np.zeros((6, 32, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="50"):
        pipeline.reconstruct(np.zeros((5, 32, 50, 3), np.uint8))


def test_a_seventh_image_is_refused_and_named(pipeline: Pipeline) -> None:
    with pytest.raises(
        ValueError, match=r"7 reference images, expected at most 6; leave out 1: .* come the background"
    ):
        pipeline(PROMPT, references={"ball": [picture()] * 6}, background=picture(), sampling=SAMPLING)
    with pytest.raises(ValueError, match=r"leave out 2: .* come picture 5 of 'meadow', picture 6 of 'meadow'"):
        pipeline(PROMPT, references={"ball": [picture()] * 2, "meadow": [picture()] * 6}, sampling=SAMPLING)


def test_words_without_pictures_are_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="reference word 'ball' has no picture"):
        pipeline(PROMPT, references={"ball": []}, sampling=SAMPLING)
    with pytest.raises(ValueError, match="background word is 'meadow', but there is no background"):
        pipeline(PROMPT, background_word="meadow", sampling=SAMPLING)
    with pytest.raises(ValueError, match="reference word '' is not in the prompt"):
        pipeline(PROMPT, background=picture(), background_word="", sampling=SAMPLING)


def test_a_prompt_that_is_too_long_or_empty_is_refused(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="more than the 64 tokens"):
        pipeline("ball " * 65, sampling=SAMPLING)
    with pytest.raises(ValueError, match="expected at least one word"):
        pipeline("", sampling=SAMPLING)


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="bucket has width 50, expected a positive multiple of 16"):
        SamplingConfig(bucket=Bucket(5, 32, 50))
    with pytest.raises(ValueError, match=r"bucket has 6 frames, expected 4k \+ 1"):
        SamplingConfig(bucket=Bucket(6, 32, 48))


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_a_scale_that_pushes_nowhere_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"image_scale .*, expected (a number|0 .* or more)"):
        SamplingConfig(image_scale=scale)


@pytest.mark.parametrize(
    ("batches_branches", "remedy"), [(True, "set batches_branches to False, or take"), (False, "take")]
)
def test_out_of_memory_says_what_takes_less(pipeline: Pipeline, batches_branches: bool, remedy: str) -> None:
    sampling = replace(SAMPLING, batches_branches=batches_branches)

    def run_out(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    hook = pipeline.model.blocks[0].register_forward_pre_hook(run_out)

    with pytest.raises(torch.OutOfMemoryError, match=f"while sampling 5x32x48: {remedy} a smaller bucket"):
        pipeline(PROMPT, sampling=sampling)
    hook.remove()


def test_a_directory_without_a_pipeline_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.json does not exist"):
        Pipeline.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="hf download someone/some-pipeline --local-dir"):
        Pipeline.from_pretrained("someone/some-pipeline")
    pipeline.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors does not exist, nor does .*copy the weights there"
    ):
        Pipeline.from_pretrained(tmp_path)


def test_damaged_weights_are_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        Pipeline.from_pretrained(tmp_path)


def test_a_pipeline_in_several_files_is_the_same_and_one_without_a_file_of_them_is_refused(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.save_pretrained(tmp_path, max_file_bytes=50_000)

    read = Pipeline.from_pretrained(tmp_path)

    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert len(files) > 2
    assert np.array_equal(read(PROMPT, sampling=SAMPLING), pipeline(PROMPT, sampling=SAMPLING))
    (tmp_path / files[1]).unlink()
    with pytest.raises(FileNotFoundError, match=rf"lacks {files[1]}, 1 of the {len(files)} files of weights"):
        Pipeline.from_pretrained(tmp_path)


def test_weights_of_another_model_are_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    wider = replace(pipeline.config.model, width=64)
    pipeline.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"width": 32', '"width": 64'))

    with pytest.raises(ValueError, match=r"pipeline .* has .* of shape .*, expected"):
        Pipeline.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="the model is not the pipeline's: width is 64, expected 32"):
        Pipeline(pipeline.config, build_model(wider, seed=0), device=torch.device("cpu"))


def test_a_config_with_unknown_fields_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"words_per_image"', '"tokens_per_image"'))

    with pytest.raises(ValueError, match=r"config\.json: model\.tokens_per_image is unknown"):
        Pipeline.from_pretrained(tmp_path)


def test_encoders_that_do_not_fit_the_model_are_refused() -> None:
    with pytest.raises(ValueError, match="model has text_channels 1024, expected the encoders' 64"):
        PipelineConfig(encoders=tiny().pipeline.encoders)


@pytest.mark.parametrize(
    ("batches_branches", "solver", "calls"),
    [(True, Euler(), 4), (False, Euler(), 12), (True, Heun(), 7), (False, Heun(), 21), (True, UniPC(), 4)],
)
def test_the_model_is_called_as_often_as_solver_and_branches_ask(
    pipeline: Pipeline, batches_branches: bool, solver: Solver, calls: int
) -> None:
    seen: list[None] = []
    steps: list[None] = []
    hook = pipeline.model.register_forward_pre_hook(lambda *_: seen.append(None))
    sampling = replace(SAMPLING, steps=4, batches_branches=batches_branches, solver=solver)

    pipeline(PROMPT, references={"ball": [picture()]}, sampling=sampling, on_step=lambda: steps.append(None))
    hook.remove()

    assert (len(seen), len(steps)) == (calls, 4)


def test_sampling_a_bare_model_keeps_no_step_for_a_backward_pass(pipeline: Pipeline) -> None:
    latents = sample_latents(
        pipeline.model,
        Conditions(text=torch.randn(1, 3, 64), is_text=torch.ones(1, 3, dtype=torch.bool), references=None),
        torch.randn(1, 16, 1, 4, 4),
        sampling=SamplingConfig(bucket=Bucket(1, 32, 32), steps=2),
        flow=pipeline.config.flow,
    )

    assert next(pipeline.model.parameters()).requires_grad
    assert not latents.requires_grad


def test_steps_are_the_papers_for_each_resolution() -> None:
    sizes = [Bucket(17, height, height * 16 // 9) for height in (144, 288, 576)]

    assert [steps_for(size) for size in sizes] == [256, 128, 64]


@pytest.fixture
def base(pipeline: Pipeline, tmp_path: Path) -> Path:
    """A pipeline on disk, in several files."""
    pipeline.save_pretrained(tmp_path / "base", max_file_bytes=50_000)
    return tmp_path / "base"


@pytest.fixture
def adapters(pipeline: Pipeline, base: Path, tmp_path: Path) -> Path:
    """Adapters that were trained on it."""
    model, config = build_model(pipeline.config.model, seed=0), LoraConfig(rank=2)
    add_lora(model, config)
    draw = torch.Generator().manual_seed(3)
    changed = {name: 0.1 * torch.randn(weight.shape, generator=draw) for name, weight in model.named_parameters()}
    write_lora(tmp_path / "lora", changed.items(), config, model.config, base_sha256=weights_sha256(base))
    return tmp_path / "lora"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_adapters_change_what_their_base_samples_the_same_merged_or_beside(
    dtype: torch.dtype, base: Path, adapters: Path
) -> None:
    plain, merged, beside = (Pipeline.from_pretrained(base, dtype=dtype) for _ in range(3))

    assert merged.load_lora(adapters) == LoraConfig(rank=2)
    beside.load_lora(adapters, merges=False)

    videos = [each(PROMPT, sampling=SAMPLING).astype(float) for each in (plain, merged, beside)]
    change = np.abs(videos[1] - videos[0]).mean()
    assert change > 5
    # Merged weights are rounded anew, to 8 bits of bfloat16.
    assert np.abs(videos[1] - videos[2]).mean() < (1e-5 if dtype is torch.float32 else 0.05) * change
    assert list(merged.model.state_dict()) == list(plain.model.state_dict())


def test_adapters_are_a_small_file_of_their_own(base: Path, adapters: Path) -> None:
    weights = load_file(adapters / "lora.safetensors")

    assert {path.name for path in adapters.iterdir()} == {"lora.json", "lora.safetensors"}
    assert all(".lora_A." in name or ".lora_B." in name for name in weights)
    of_base = sum(path.stat().st_size for path in base.glob("*.safetensors"))
    assert (adapters / "lora.safetensors").stat().st_size < 0.2 * of_base


def test_adapters_of_other_weights_are_refused(pipeline: Pipeline, base: Path, adapters: Path, tmp_path: Path) -> None:
    loaded = Pipeline.from_pretrained(base)
    loaded.load_lora(adapters)
    loaded.save_pretrained(tmp_path / "merged")
    other = Pipeline.from_pretrained(tmp_path / "merged")
    before = {name: weight.clone() for name, weight in other.model.state_dict().items()}

    with pytest.raises(ValueError, match=r"were trained on other weights \(sha256 \w{64}\) than those of .*merged"):
        other.load_lora(adapters)
    for without_files in (pipeline, loaded):  # made in memory; changed by adapters since it was read
        with pytest.raises(ValueError, match=r"not those of a directory, or not any more.*read it again"):
            without_files.load_lora(adapters)

    assert all(torch.equal(weight, before[name]) for name, weight in other.model.state_dict().items())


def test_wrong_adapters_are_told_before_the_weights_of_their_base_are_read(
    base: Path, adapters: Path, tmp_path: Path
) -> None:
    for weights in base.glob("*.safetensors"):
        weights.write_bytes(b"nobody could read these")
    config = json.loads((adapters / "lora.json").read_text())

    with pytest.raises(FileNotFoundError, match=r"nowhere/lora.json"):
        Pipeline.from_pretrained(base, lora=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="were trained on other weights"):
        Pipeline.from_pretrained(base, lora=adapters)
    config["model"]["blocks"] += 1
    (adapters / "lora.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="was trained on another model: blocks"):
        Pipeline.from_pretrained(base, lora=adapters)


def test_a_pipeline_with_adapters_beside_its_weights_is_not_written(base: Path, adapters: Path, tmp_path: Path) -> None:
    loaded = Pipeline.from_pretrained(base)
    loaded.load_lora(adapters, merges=False)

    with pytest.raises(ValueError, match="adapters beside its weights; save them alone"):
        loaded.save_pretrained(tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_what_training_writes_around_a_pipeline_is_told_from_one(tmp_path: Path) -> None:
    run, unfinished = tmp_path / "run", tmp_path / "unfinished"
    for folder in (run / "pipeline", unfinished / "checkpoints" / "step-00000003"):
        folder.mkdir(parents=True)
    (run / "pipeline" / "config.json").touch()
    (unfinished / "checkpoints" / "step-00000003" / "state.json").touch()

    with pytest.raises(
        FileNotFoundError, match=r"run is the output of a training run; give its pipeline: .*/pipeline$"
    ):
        Pipeline.from_pretrained(run)
    with pytest.raises(
        FileNotFoundError, match=r"unfinished is a training run that has no pipeline yet; .* to-pipeline"
    ):
        Pipeline.from_pretrained(unfinished)
    with pytest.raises(FileNotFoundError, match=r"step-00000003 is a checkpoint; .* to-pipeline"):
        Pipeline.from_pretrained(unfinished / "checkpoints" / "step-00000003")
