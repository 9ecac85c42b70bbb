"""The files in configs/ are read strictly, and say what they claim to say."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from curation.annotators.language.transformers_chat import TransformersChatConfig
from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.profiles import CurationConfig, PaperAnnotators, build_stages
from curation.stages.decode import ReferenceTimes
from dataset_schema import FRAMES_PER_SECOND, TABLE_6_BUCKETS
from modeling.encoders import EmbeddedEncoders
from modeling.model.parts import Trainable
from modeling.model.weights import empty_model
from modeling.sampling.solvers import Heun
from modeling.training.config import RunConfig
from modeling.training.presets import cogvideox_2b, hunyuan, ltx_2b, one_gpu, paper, tiny, wan_1_3b, wan_5b, wan_14b
from modeling.training.run_costs import Devices, fits, run_buckets
from pipelines.config import parse, read_preset
from pipelines.proof.prove import PRESET, Prove
from pipelines.verbs.curate import Curate
from pipelines.verbs.demo import Demo
from pipelines.verbs.sample import Sample
from pipelines.verbs.train import Train
from worlds.sprites import Change

CONFIGS = Path(__file__).parents[2] / "configs"


def test_the_tiny_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_tiny.toml")["run"] == tiny()


def test_the_papers_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_paper.toml")["run"] == paper()


def test_the_one_gpu_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_one_gpu.toml")["run"] == one_gpu()


def test_the_wan_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_wan_1_3b.toml")["run"] == wan_1_3b()


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("train_wan_5b.toml", wan_5b),
        ("train_cogvideox_2b.toml", cogvideox_2b),
        ("train_ltx_2b.toml", ltx_2b),
        ("train_hunyuan.toml", hunyuan),
    ],
)
def test_presets_of_other_published_models_are_the_same_from_the_file_and_from_python(
    name: str, preset: Callable[[], RunConfig]
) -> None:
    assert read_preset(Train, CONFIGS / name)["run"] == preset()


@pytest.mark.parametrize(("preset", "memory_gib"), [(wan_5b, 48), (cogvideox_2b, 24), (ltx_2b, 16), (hunyuan, 80)])
def test_presets_of_other_published_models_fit_the_gpu_that_they_name(
    preset: Callable[[], RunConfig], memory_gib: int
) -> None:
    run = preset()

    assert fits(run, run_buckets(run), Devices(count=1, memory_bytes=memory_gib * 2**30))


def test_the_larger_wan_preset_is_the_same_from_the_file_and_from_python() -> None:
    assert read_preset(Train, CONFIGS / "train_wan_14b.toml")["run"] == wan_14b()


def test_the_larger_wan_preset_fits_eight_gpus_of_80_gib_and_not_one() -> None:
    run = wan_14b()

    assert fits(run, run_buckets(run), Devices(count=8, memory_bytes=80 * 2**30))
    assert not fits(run, run_buckets(run), Devices(count=1, memory_bytes=80 * 2**30))


def test_the_wan_preset_fits_one_gpu_of_24_gib() -> None:
    run = wan_1_3b()

    assert fits(run, run_buckets(run), Devices(count=1, memory_bytes=24 * 2**30))


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

    assert demo.curation.buckets == (str(demo.sampling.bucket),)


PROOFS = {"prove_cpu.toml": 54, "prove_gpu.toml": 540}  # and the tokens of one of its clips


@pytest.fixture(params=PROOFS)
def proof(request: pytest.FixtureRequest) -> tuple[Path, Prove]:
    path = CONFIGS / str(request.param)
    return path, parse(Prove, [], verb="prove", preset=path)


def test_the_proof_on_a_cpu_is_what_the_command_does() -> None:
    assert (CONFIGS / "prove_cpu.toml").samefile(PRESET)


def test_a_proof_trains_on_the_whole_frame_of_its_stage(proof: tuple[Path, Prove]) -> None:
    _, command = proof
    bucket, stage = command.sampling.bucket, command.world

    assert stage.width * bucket.height == stage.height * bucket.width
    assert stage.height > bucket.height
    assert stage.frames >= bucket.frames
    assert stage.fps == 24
    # A subject's cell, two thirds of a frame's height, is as many tokens as a reference picture has.
    assert isinstance(command.run.pipeline.encoders, EmbeddedEncoders)
    assert bucket.height * 2 // 3 == command.run.pipeline.encoders.image_side


def test_a_proof_says_how_many_tokens_a_clip_has(proof: tuple[Path, Prove]) -> None:
    path, command = proof
    bucket, batching = command.sampling.bucket, command.run.training.data.batching

    per_clip = (1 + (bucket.frames - 1) // 4) * (bucket.height // 16) * (bucket.width // 16)  # 4 x 8 x 8, 2 x 2

    assert per_clip == PROOFS[path.name]
    clips = batching.tokens_per_device // per_clip
    assert f"# {clips} clips of {per_clip} tokens." in path.read_text().splitlines()


def test_a_proof_measures_two_hundred_clips_after_training_with_and_without_references(
    proof: tuple[Path, Prove],
) -> None:
    _, command = proof
    stages = command.run.training.phases

    assert command.held_out >= 200
    assert {1, 2} <= set(command.world.subjects)
    assert 0 < command.world.same_word_share < 1
    assert [stage.uses_references for stage in stages] == sorted(stage.uses_references for stage in stages)
    assert {stage.uses_references for stage in stages} == {False, True}
    assert command.run.training.reference_gain_every_steps > 0


def test_the_model_of_a_proof_can_be_built_and_takes_the_pictures_of_a_clip(proof: tuple[Path, Prove]) -> None:
    _, command = proof
    pipeline = command.run.pipeline

    model = empty_model(pipeline.model)

    assert 1e6 < sum(parameter.numel() for parameter in model.parameters()) < 1e8
    assert max(command.world.subjects) * command.pictures <= pipeline.model.max_images


def test_the_proof_on_a_gpu_is_the_larger_one() -> None:
    small, large = (parse(Prove, [], verb="prove", preset=CONFIGS / name) for name in PROOFS)

    assert (small.candidates, large.candidates) == (16, 64)
    assert (small.world.jitter, large.world.jitter) == (0.0, 1.0)
    assert set(small.world.words) < set(large.world.words)
    assert set(small.world.places) < set(large.world.places)


def test_the_proof_on_a_frozen_base_is_of_the_same_clips_and_judged_alike() -> None:
    own = parse(Prove, [], verb="prove-backbone", preset=CONFIGS / "prove_backbone_cpu.toml")
    proof = parse(Prove, [], verb="prove", preset=PRESET)

    for same in ("world", "held_out", "curation", "sampling", "pictures", "candidates", "run.training.data"):
        assert attrgetter(same)(own) == attrgetter(same)(proof)
    assert [phase.trainable for phase in own.base] == [Trainable.BACKBONE]
    assert [phase.trainable for phase in own.run.training.phases] == [
        Trainable.NEW_LAYERS,
        Trainable.NEW_LAYERS_AND_ADAPTERS,
    ]
    assert own.run.pipeline.model.is_published
    assert (own.retrieval_goal, own.following_goal) == (0.70, 0.90)
    assert max(own.world.subjects) * own.pictures <= own.run.pipeline.model.max_images


def test_in_the_proof_of_copying_clip_and_pictures_show_one_state_each() -> None:
    command = parse(Prove, [], verb="prove", preset=CONFIGS / "prove_copying_cpu.toml")

    assert command.world.changes.kinds == tuple(Change)
    assert command.curation.decode.reference_times is ReferenceTimes.AFTER
    assert command.curation.decode.reference_gap_s == 0
    frames = command.sampling.bucket.frames
    assert command.world.fps == FRAMES_PER_SECOND
    assert (command.world.changes.every_frames, command.world.frames) == (frames, 2 * frames)
    assert command.run.training.data.augments_references
    assert max(command.world.subjects) * command.pictures <= command.run.pipeline.model.max_images


def test_the_small_model_is_sampled_as_the_proof_samples_it() -> None:
    arguments = ["--prompt", "A cat moves left on the beach.", "--output", "cat.mp4"]
    proof = parse(Prove, [], verb="prove", preset=PRESET).sampling

    command = parse(Sample, arguments, verb="sample", preset=CONFIGS / "sample_small_world.toml")

    assert command.sampling == proof


@pytest.mark.parametrize(
    ("command", "place", "needed"),
    [
        (Sample, "sampling", ("--model", "m", "--prompt", "A cat.", "--output", "v.mp4")),
        (Demo, "sampling", ()),
        (Prove, "sampling", ()),
        (Train, "run.training.validation.sampling", ("--dataset", "d", "--output", "o")),
    ],
)
def test_whatever_samples_chooses_a_solver_by_the_same_setting(
    command: type[Any], place: str, needed: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "heun.toml").write_text(f'[{place}]\nsolver = "heun"\n')

    from_flag = parse(command, [*needed, f"--{place}.solver", "heun"], verb="any")
    from_preset = parse(command, needed, verb="any", preset=tmp_path / "heun.toml")

    assert [attrgetter(f"{place}.solver")(each) for each in (from_flag, from_preset)] == [Heun(), Heun()]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_preset_is_tested_here(path: Path) -> None:
    assert path.name in Path(__file__).read_text()
