"""The files in configs/ are read strictly, and say what they claim to say."""

from pathlib import Path

import pytest

from curation.annotators.language.transformers_chat import TransformersChatConfig
from curation.annotators.moving_object import MovingObjectConfig
from curation.profiles import CurationConfig, PaperAnnotators, build_stages
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


def test_the_papers_preset_names_the_papers_networks_and_nothing_else() -> None:
    arguments = ["--input", "videos", "--output", "dataset"]

    command = parse(Curate, arguments, verb="curate", preset=CONFIGS / "paper.toml")

    assert command.curation.annotators == PaperAnnotators()
    assert command.curation.instruction.cache is not None


def test_the_papers_networks_fit_one_gpu() -> None:
    shares = [stage.resources.gpus for stage in build_stages(CurationConfig(annotators=PaperAnnotators()))]

    assert sum(shares) == pytest.approx(1.0)


def test_another_profile_brings_its_own_networks() -> None:
    arguments = ["--input", "videos", "--output", "dataset", "--curation.annotators.profile", "paper"]

    chosen = parse(Curate, [*arguments, "--curation.annotators.words.profile", "transformers"], verb="curate")

    assert chosen.curation.annotators == PaperAnnotators(words=TransformersChatConfig())


def test_a_detector_that_sees_motion_cannot_look_for_leaks() -> None:
    with pytest.raises(ValueError, match="leaks has profile detector and masks moving_object"):
        PaperAnnotators(masks=MovingObjectConfig())


def test_choices_on_the_command_line_are_the_words_of_a_preset() -> None:
    arguments = [
        "--input",
        "videos",
        "--output",
        "dataset",
        "--curation.annotators.shots.profile",
        "scenedetect",
        "--retry",
        "io",
        "timeout",
    ]

    command = parse(Curate, arguments, verb="curate")

    assert (command.curation.annotators.shots.profile, command.retry) == ("scenedetect", ("io", "timeout"))


def test_the_demo_samples_a_size_that_it_curates() -> None:
    demo = parse(Demo, [], verb="demo", preset=CONFIGS / "demo.toml")

    assert demo.curation.buckets == (demo.bucket,)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_preset_is_tested_here(path: Path) -> None:
    assert path.name in Path(__file__).read_text()
