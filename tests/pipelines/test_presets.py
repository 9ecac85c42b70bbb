"""The files in configs/ are read strictly, and say what they claim to say."""

from pathlib import Path

import pytest

from dataset_schema import TABLE_6_BUCKETS
from modeling.presets import one_gpu, paper, tiny
from modeling.run_costs import Devices, fits
from pipelines.config import parse, read_preset
from pipelines.curate import Curate
from pipelines.demo import Demo
from pipelines.train import Train

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_tiny_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_tiny.toml")["run"] == tiny()


def test_the_papers_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_paper.toml")["run"] == paper()


def test_the_one_gpu_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_one_gpu.toml")["run"] == one_gpu()


def test_the_one_gpu_preset_fits_one_gpu() -> None:
    gpu = Devices(count=1, memory_bytes=139 * 2**30)

    assert fits(one_gpu(), TABLE_6_BUCKETS, gpu)


def test_the_curation_preset_states_the_defaults() -> None:
    arguments = ["--input", "videos", "--output", "dataset"]

    assert parse(Curate, arguments, verb="curate", preset=CONFIGS / "curate.toml") == parse(
        Curate, arguments, verb="curate"
    )


def test_choices_on_the_command_line_are_the_words_of_a_preset() -> None:
    arguments = [
        "--input",
        "videos",
        "--output",
        "dataset",
        "--curation.shots",
        "scenedetect",
        "--retry",
        "io",
        "timeout",
    ]

    command = parse(Curate, arguments, verb="curate")

    assert (command.curation.shots, command.retry) == ("scenedetect", ("io", "timeout"))


def test_the_demo_samples_a_size_that_it_curates() -> None:
    demo = parse(Demo, [], verb="demo", preset=CONFIGS / "demo.toml")

    assert demo.curation.buckets == (demo.bucket,)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_preset_is_tested_here(path: Path) -> None:
    assert path.name in Path(__file__).read_text()
