"""`train` and `sample` as commands, on a few drawn clips."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from safetensors.torch import load_file

from dataset_schema import Bucket, Sample, write_shard
from modeling import Pipeline, SamplingConfig, write_video
from picture_reading.opening import PictureSource
from pipelines.__main__ import main

QUICK = ["--run.training.phases.0.steps", "2", "--run.training.reference-gain-every-steps", "1"]


@pytest.fixture(scope="module")
def model(make_sample: Callable[[int], Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline after two steps."""
    folder = tmp_path_factory.mktemp("trained")
    samples = [replace(make_sample(index), bucket="9x64x112") for index in range(3)]
    write_shard(folder / "dataset" / "samples" / "part.parquet", samples)
    assert main(["train", "--dataset", str(folder / "dataset"), "--output", str(folder / "model"), *QUICK]) == 0
    return folder / "model" / "pipeline"


def sample(model: Path, output: Path, *options: str) -> int:
    where = ["--model", str(model), "--output", str(output), "--sampling.bucket", "9x64x112", "--sampling.steps", "2"]
    return main(["sample", *where, "--prompt", "A cat runs across a meadow.", *options])


def first_frame(video: Path) -> npt.NDArray[np.int64]:
    with av.open(str(video)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(np.int64)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "cat.png"
    Image.new("RGBA", (40, 30), (200, 30, 30, 255)).save(path)
    return str(path)


def test_a_sampled_video_has_the_size_that_was_asked_for(model: Path, tmp_path: Path, picture: str) -> None:
    status = sample(model, tmp_path / "v.mp4", "--reference", f"cat={picture}", "--background", f"meadow={picture}")

    assert status == 0
    with av.open(str(tmp_path / "v.mp4")) as container:
        rate = container.streams.video[0].average_rate
        frames = list(container.decode(video=0))
    assert [(frame.height, frame.width) for frame in frames] == [(64, 112)] * 9
    assert rate == 24


def test_a_video_begins_with_the_frame_that_was_given(model: Path, tmp_path: Path, picture: str) -> None:
    frames = {}
    for name, options in (("given", ["--first-frame", picture, "--sampling.solver", "unipc"]), ("free", [])):
        assert sample(model, tmp_path / f"{name}.mp4", *options) == 0
        frames[name] = first_frame(tmp_path / f"{name}.mp4")

    assert np.abs(frames["given"] - (200, 30, 30)).max() < 8  # of 255: what H.264 loses of one color
    assert np.abs(frames["free"] - (200, 30, 30)).mean() > 30


def test_both_commands_run_on_a_device(model: Path, tmp_path: Path, device: str) -> None:
    dataset = model.parents[1] / "dataset"
    where = ["--device", device]

    assert main(["train", "--dataset", str(dataset), "--output", str(tmp_path / "there"), *QUICK, *where]) == 0
    for name, output in (("there", tmp_path / "there" / "pipeline"), ("here", model)):
        assert sample(output, tmp_path / f"{name}.mp4", *where, "--sampling.precision", "float32") == 0

    # Two steps of training in float32 on either end in nearly the same weights.
    there, here = (first_frame(tmp_path / f"{name}.mp4") for name in ("there", "here"))
    assert np.abs(there - here).mean() < 2


def test_the_same_command_writes_the_same_video_and_another_seed_another(model: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert sample(model, tmp_path / name, "--sampling.seed", seed) == 2  # a name without an ending is no video
        assert sample(model, tmp_path / f"{name}.mp4", "--sampling.seed", seed) == 0

    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--reference", "dog={}"], "'dog' is not in the prompt"),
        (["--reference", "cat"], "expected WORD=PICTURE"),
        (["--reference", "cat=nothing.png"], "--reference 'cat=nothing.png': nothing.png does not exist, expected a"),
        (["--background", "meadow=/"], "--background 'meadow=/': / is a folder, expected a picture"),
        (["--first-frame", "nothing.png"], "--first-frame: nothing.png does not exist, expected a picture such as"),
        (["--first-frame", "{}", "--sampling.bucket", "1x64x112"], "a video of 1x64x112 is its first frame, which is"),
        (["--reference", *["cat={}"] * 7], "7 reference images, expected at most 6"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2(
    model: Path, tmp_path: Path, picture: str, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    status = sample(model, tmp_path / "v.mp4", *(option.format(picture) for option in options))

    assert status == 2
    message = capsys.readouterr().err
    assert problem in message
    assert message.count("\n") == 1


def test_a_picture_samples_the_same_from_the_command_line_and_the_library(model: Path, tmp_path: Path) -> None:
    upright = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    upright.paste((200, 30, 30, 255), (0, 0, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).quantize(4).save(tmp_path / "cat.png", exif=exif)
    sampling = SamplingConfig(bucket=Bucket(9, 64, 112), steps=2)

    assert sample(model, tmp_path / "v.mp4", "--reference", f"cat={tmp_path / 'cat.png'}") == 0

    pipeline = Pipeline.from_pretrained(model)
    given: dict[str, PictureSource] = {"a": upright, "b": tmp_path / "cat.png"}
    for name, picture in given.items():
        video = pipeline("A cat runs across a meadow.", references={"cat": picture}, sampling=sampling)
        write_video(tmp_path / f"{name}.mp4", video)
    assert len({(tmp_path / f"{name}.mp4").read_bytes() for name in "vab"}) == 1


@pytest.mark.parametrize(("pixels", "status"), [(601, 0), (599, 2)])
def test_a_large_picture_is_taken_without_a_word_and_one_of_twice_the_size_refused(
    model: Path, tmp_path: Path, picture: str, monkeypatch: pytest.MonkeyPatch, pixels: int, status: int
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)  # the picture has 1200

    assert sample(model, tmp_path / "v.mp4", "--reference", f"cat={picture}") == status


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--sampling.steps", "0", "sampling has steps 0, expected at least 1"),
        ("--sampling.bucket", "9x65x112", "--sampling.bucket: bucket has height 65, expected a"),
        ("--sampling.solver", "rk4", "--sampling.solver: solver is 'rk4', expected euler, heun,"),
    ],
)
def test_a_wrong_option_is_told_with_its_place_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, problem: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        sample(tmp_path, tmp_path / "v.mp4", option, value)

    assert stop.value.code == 2
    assert problem in capsys.readouterr().err


def test_a_directory_without_a_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sample(tmp_path, tmp_path / "v.mp4") == 2

    assert "does not exist; expected a directory that save_pretrained or training wrote" in capsys.readouterr().err


def test_who_watches_training_sees_the_newest_reference_gain(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seldom = ["--run.training.phases.0.steps", "3", "--run.training.reference-gain-every-steps", "2"]
    dataset, output = model.parents[1] / "dataset", tmp_path / "model"

    assert main(["train", "--dataset", str(dataset), "--output", str(output), *seldom]) == 0

    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [bool(line["reference_losses"]) for line in lines] == [True, True, False]
    shares = [100 * (1 - given / without) for without, given in lines[1]["reference_losses"].values()]
    gain = f"gain {shares[0]:.1f}/{shares[1]:.1f}/{shares[2]:.1f} %"
    assert f"joint: loss {lines[2]['loss']:.3f}, {gain}" in capsys.readouterr().err


def test_training_on_an_empty_dataset_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", str(tmp_path), "--output", str(tmp_path / "model")]) == 2

    assert "has no samples" in capsys.readouterr().err


@pytest.mark.slow
def test_torchrun_trains_the_same_model_on_two_processes(model: Path, tmp_path: Path) -> None:
    """Twice the batch group on two processes, the same in two turns on one."""
    dataset = model.parents[1] / "dataset"
    group = [*QUICK, "--run.training.data.batching.devices-per-group", "2"]
    group += ["--run.training.optimizer.learning-rate", "1e-3"]
    alone = ["train", "--dataset", str(dataset), "--output", str(tmp_path / "alone"), *group]
    together = ["train", "--dataset", str(dataset), "--output", str(tmp_path / "together"), *group]

    assert main(alone) == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launcher, "-m", "pipelines", *together], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pipeline: ") == 1
    weights = [load_file(tmp_path / name / "pipeline" / "model.safetensors") for name in ("alone", "together")]
    assert max((weights[0][name] - weights[1][name]).abs().max().item() for name in weights[0]) < 5e-6


def test_a_personal_fine_tune_starts_from_a_pipeline_and_ends_as_one(model: Path, tmp_path: Path) -> None:
    preset = tmp_path / "personal.toml"
    tiny = (Path(__file__).parents[3] / "configs" / "train_tiny.toml").read_text()
    preset.write_text(tiny.replace('trainable = "all"', 'trainable = "adapters"') + "\n[run.training.lora]\nrank = 4\n")
    arguments = ["train", "--config", str(preset), "--dataset", str(model.parents[1] / "dataset"), *QUICK]

    assert main([*arguments, "--output", str(tmp_path / "tuned")]) == 2  # without a pipeline to start from
    assert main([*arguments, "--output", str(tmp_path / "tuned"), "--start", str(model)]) == 0

    tuned, adapters = tmp_path / "tuned" / "pipeline", tmp_path / "tuned" / "pipeline" / "lora"
    assert sample(tuned, tmp_path / "tuned.mp4") == 0
    assert sample(model, tmp_path / "base.mp4") == 0
    assert sample(model, tmp_path / "adapted.mp4", "--lora", str(adapters)) == 0
    videos = {name: (tmp_path / f"{name}.mp4").read_bytes() for name in ("tuned", "base", "adapted")}
    assert videos["adapted"] == videos["tuned"] != videos["base"]
    assert sample(tuned, tmp_path / "no.mp4", "--lora", str(adapters)) == 2  # they were trained on another


def test_a_checkpoint_is_exported_as_a_pipeline_that_samples(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = model.parent / "checkpoints" / "step-00000002"

    assert main(["to-pipeline", "--checkpoint", str(checkpoint), "--output", str(tmp_path / "early")]) == 0

    assert (tmp_path / "early" / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert sample(tmp_path / "early", tmp_path / "v.mp4") == 0
    assert main(["to-pipeline", "--checkpoint", str(tmp_path), "--output", str(tmp_path / "none")]) == 2
    assert "expected a directory such as .../checkpoints/step-00000400" in capsys.readouterr().err
