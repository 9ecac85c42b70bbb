"""`prove` and `ablate` as commands on a few clips, and what they read and sample."""

import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from dataset_schema import Bucket, EntityKind, Sample, read_shard, shard_paths, write_shard
from modeling.data.video import Video
from modeling.sampling.denoising import SamplingConfig
from modeling.sampling.guidance import GuidanceForm
from modeling.sampling.pipeline import Pipeline
from pipelines.__main__ import main
from pipelines.config import ConfigError, parse
from pipelines.proof import prove
from pipelines.proof.ablate import Ablate, with_change
from pipelines.proof.held_out import HeldOut, HeldOutSubject, read_held_out
from pipelines.proof.prove import PRESET, Ablation
from pipelines.proof.sampling import Sampler
from pipelines.proof.scores import Condition
from pipelines.verbs.curate import Curate
from pipelines.verbs.train import Train, train_with_bar
from storage.configs import to_plain
from worlds.sprites import ClipTruth, Texture, Way, draw_small_texture, read_truth

BUCKET = Bucket.parse("9x48x96")

# With this seed curation keeps all four held-out clips, and the last shows two subjects of one word.
SEED = "2"
TINY = [
    *("--seed", SEED, "--world.clips", "6", "--held-out", "4", "--candidates", "4", "--sampling.steps", "2"),
    *("--run.training.phases.0.steps", "2", "--run.training.phases.0.warmup-steps", "1"),
    *("--run.training.phases.1.steps", "1", "--run.training.phases.1.warmup-steps", "1"),
    *("--run.training.phases.2.steps", "2", "--run.training.phases.2.warmup-steps", "1"),
    *("--run.training.phases.2.cooldown-steps", "1", "--run.training.data.batching.tokens-per-device", "216"),
    *("--run.training.reference-gain-every-steps", "1"),
]


@dataclass(frozen=True)
class Proof:
    """A finished proof, and the exit status of the command."""

    output: Path
    status: int

    def written(self) -> dict[str, int]:
        """When every file was written last."""
        files = (path for path in self.output.rglob("*") if path.is_file())
        return {str(path.relative_to(self.output)): path.stat().st_mtime_ns for path in files}

    def figures(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", json.loads((self.output / "figures.json").read_text()))


@pytest.fixture(scope="module", autouse=True)
def without_ray() -> Iterator[None]:
    """Curation in this process: starting Ray takes longer than these clips."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "Curate", partial(Curate, executor="local"))
        yield


@pytest.fixture(scope="module", autouse=True)
def trained() -> Iterator[list[Train]]:
    """What has been trained so far."""
    commands: list[Train] = []

    def train(command: Train) -> Path:
        commands.append(command)
        return train_with_bar(command)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prove, "train_with_bar", train)
        yield commands


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Proof:
    output = tmp_path_factory.mktemp("proof") / "small"
    return Proof(output, main(["prove", "--output", str(output), *TINY]))


def truths(folder: Path) -> list[ClipTruth]:
    return [read_truth(path) for path in sorted((folder / "world" / "truth").glob("*.json"))]


def test_a_proof_writes_its_table_its_picture_and_its_curves(proof: Proof) -> None:
    table = (proof.output / "proof.md").read_text().splitlines()
    pictures = [Image.open(proof.output / name).convert("L") for name in ("proof.png", "curves.png")]

    assert len(table) == 2 + len({(figure["name"], figure["clips"]) for figure in proof.figures()})
    assert all(picture.width > 300 and np.asarray(picture).std() > 5 for picture in pictures)
    # Real clips are judged right, whatever the model does.
    real = [figure for figure in proof.figures() if figure["condition"] == Condition.REAL]
    assert {figure["name"] for figure in real} == {"retrieval", "way", "place", "look follows word"}
    assert all(figure["value"] == 1 for figure in real)


def test_a_model_of_five_steps_misses_its_goals_and_the_exit_status_says_so(proof: Proof) -> None:
    goals = [figure for figure in proof.figures() if figure["goal"] is not None]

    assert any(figure["value"] < figure["goal"] for figure in goals)
    assert proof.status == 1


def test_held_out_clips_wear_what_training_never_saw(proof: Proof) -> None:
    worn = [
        {json.dumps(subject.texture) for truth in truths(proof.output / name) for subject in truth.subjects}
        for name in ("training", "held_out")
    ]

    assert all(worn)
    assert worn[0].isdisjoint(worn[1])


def test_training_without_references_comes_first(proof: Proof, trained: list[Train]) -> None:
    def phases(name: str) -> list[str]:
        lines = (proof.output / name / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["training_phase"] for line in lines]

    assert set(phases("text")) == {"I"}
    assert set(phases("personalized")) == {"II-a", "II-b"}
    assert [command.start for command in trained[:2]] == [None, proof.output / "text" / "pipeline"]


def test_the_same_command_again_does_nothing_again(proof: Proof) -> None:
    before, figures = proof.written(), proof.figures()

    status = main(["prove", "--output", str(proof.output), *TINY])

    after = proof.written()
    results = {"proof.md", "proof.png", "curves.png", "figures.json"}
    assert {name for name in before | after if before.get(name) != after.get(name)} == results
    assert proof.figures() == figures
    assert status == proof.status


def test_other_settings_in_the_same_output_are_refused(proof: Proof, capsys: pytest.CaptureFixture[str]) -> None:
    before = proof.written()

    status = main(["prove", "--output", str(proof.output), *TINY, "--seed", "3"])

    assert status == 2
    assert "was begun with other settings" in (message := capsys.readouterr().err)
    assert "choose another --output" in message
    assert proof.written() == before


def test_a_run_without_a_text_model_to_go_on_from_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, output = tmp_path / "joint.toml", tmp_path / "proof"
    config.write_text('[[run.training.phases]]\nname = "joint"\nsteps = 2\ntrainable = "all"\n')

    assert main(["prove", "--config", str(config), "--output", str(output)]) == 2

    assert "run.training.phases has joint (uses_references = true), expected" in capsys.readouterr().err
    assert not output.exists()


def test_a_pipeline_whose_weights_were_not_yet_written_is_trained_to_its_end(proof: Proof) -> None:
    weights = proof.output / "personalized" / "pipeline" / "model.safetensors"
    finished = weights.read_bytes()
    weights.unlink()

    main(["prove", "--output", str(proof.output), *TINY])

    assert weights.read_bytes() == finished


def test_ablations_train_only_where_they_must_and_start_from_the_same_text_model(
    proof: Proof, trained: list[Train]
) -> None:
    before, trained_before = proof.written(), len(trained)

    status = main(["ablate", "--output", str(proof.output), *TINY, "--only", "image scale 8", "no word binding"])

    assert status == 0
    after = proof.written()
    assert {name for name in before if before[name] != after.get(name)} == set()
    folders = proof.output / "ablations"
    (ablated,) = trained[trained_before:]
    assert ablated.start == proof.output / "text" / "pipeline"
    assert ablated.output == folders / "no-word-binding" / "personalized"
    assert sorted(folder.name for folder in folders.iterdir()) == ["image-scale-8", "no-word-binding"]
    model = json.loads((ablated.output / "pipeline" / "config.json").read_text())["model"]
    assert model["binds_words"] is False
    assert not (folders / "image-scale-8" / "personalized").exists()
    scaled, whole = (np.load(folder / "videos" / "with.npz") for folder in (folders / "image-scale-8", proof.output))
    assert scaled["numbers"].tolist() == whole["numbers"].tolist()
    assert not np.array_equal(scaled["videos"], whole["videos"])
    rows = [line.split("|") for line in (proof.output / "ablations.md").read_text().splitlines()]
    assert [row[1].strip() for row in rows[2:]] == ["the whole method", "no word binding", "image scale 8"]
    by_key = {(row["name"], row["clips"], row["condition"]): row["value"] for row in proof.figures()}
    shown = {heading.strip(): cell for heading, cell in zip(rows[0], rows[2], strict=True)}
    assert float(shown["way, two"].split()[0]) == by_key["way", "two subjects", Condition.WITH]


def test_an_ablation_of_curation_trains_from_the_beginning_on_a_dataset_of_its_own(
    proof: Proof, trained: list[Train]
) -> None:
    before, trained_before = proof.written(), len(trained)

    assert main(["ablate", "--output", str(proof.output), *TINY, "--only", "references of another time"]) == 0

    after, folder = proof.written(), proof.output / "ablations" / "references-of-another-time"
    assert {name for name in before if before[name] != after.get(name)} <= {"ablations.md"}
    text, personalized = trained[trained_before:]
    assert (text.start, personalized.start) == (None, folder / "text" / "pipeline")
    assert {text.dataset, personalized.dataset} == {folder / "training" / "dataset"}
    of_proof, of_ablation = (samples(each) for each in (proof.output, folder))
    # Nine frames, of 24 in a second, are trained on.
    assert min(reference_times_s(of_proof)) < 9 / 24 - 1e-3 < min(reference_times_s(of_ablation))
    # What is drawn is the same, and so are the clips that both are judged on.
    drawn, redrawn = (truths(each / "training") for each in (proof.output, folder))
    assert [truth.subjects[0].texture for truth in redrawn] == [truth.subjects[0].texture for truth in drawn]
    ablated, whole = (np.load(each / "videos" / "with.npz")["numbers"] for each in (folder, proof.output))
    assert ablated.tolist() == whole.tolist()
    assert not (folder / "held_out").exists()


def samples(folder: Path) -> list[Sample]:
    """What was curated for training."""
    shards = shard_paths(folder / "training" / "dataset", Sample)
    return [sample for shard in shards for sample in read_shard(shard, Sample)]


def reference_times_s(found: Sequence[Sample]) -> list[float]:
    return [reference.time_s for sample in found for entity in sample.entities for reference in entity.references]


def test_an_ablation_whose_change_has_changed_is_not_taken_for_the_old_one(proof: Proof, tmp_path: Path) -> None:
    preset = tmp_path / "changed.toml"
    preset.write_text(PRESET.read_text().replace("sampling.image_scale = 8.0", "sampling.image_scale = 9.0"))
    arguments = ["--config", str(preset), "--output", str(proof.output), *TINY, "--only", "image scale 8"]
    main(["ablate", "--output", str(proof.output), *TINY, "--only", "image scale 8"])

    assert main(["ablate", *arguments]) == 2


def command(*arguments: str) -> Ablate:
    return parse(Ablate, arguments, verb="ablate", preset=PRESET)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("run.pipeline.model.binds_word = false", "run.*binds_word is unknown"),
        ("sampler.steps = 3", "sampler is unknown"),
        ("sampling.steps = 'many'", "steps is 'many', expected an integer"),
        ("run.training.phases.steps = 3", "phases"),
        ("seed.steps = 3", "seed"),
        ("binds_words off", "is no TOML"),
        ("", "expected one of world, curation, run, sampling, pictures"),
        ("sampling.steps = 12", "expected one of world, curation, run, sampling, pictures"),  # as the preset has it
        ("held_out = 3", "and of nothing else"),
        ("seed = 3", "and of nothing else"),
    ],
)
def test_an_ablation_that_changes_no_value_of_the_method_is_refused_before_anything_is_done(
    change: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset, output = tmp_path / "wrong.toml", tmp_path / "proof"
    preset.write_text(PRESET.read_text() + f'\n[[ablations]]\nname = "wrong"\nchange = "{change}"\n')

    with pytest.raises(ConfigError, match=f"ablation 'wrong' has the change .*{problem}"):
        with_change(command(), Ablation(name="wrong", change=change))

    assert main(["ablate", "--config", str(preset), "--output", str(output)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not output.exists()


def test_an_ablation_that_the_config_does_not_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ablate", "--output", str(tmp_path / "proof"), "--only", "no wrd binding"]) == 2

    assert "--only names no wrd binding, expected some of the config's ablations" in capsys.readouterr().err


def test_the_ablations_of_the_help_texts_example_are_there() -> None:
    named = re.findall(r'"([^"]+)"', Ablate.__doc__ or "")

    assert len(named) == 2
    assert set(named) <= {ablation.name for ablation in command().ablations}


def leaves(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= leaves(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return found


@pytest.mark.parametrize("ablation", command().ablations, ids=lambda ablation: ablation.name)
def test_every_ablation_changes_what_it_names_and_nothing_else(ablation: Ablation) -> None:
    usual = command()

    changed = with_change(usual, ablation)

    before, after = (leaves(to_plain(replace(each, output=Path("out")))) for each in (usual, changed))
    assert {name: after[name] for name in after if after[name] != before[name]} == leaves(
        tomllib.loads(ablation.change)
    )
    assert changed.output == usual.output / "ablations" / ablation.name.replace(" ", "-")


@pytest.fixture(scope="module")
def held_out(proof: Proof) -> list[HeldOut]:
    folder = proof.output / "held_out"
    return read_held_out(folder / "world" / "manifest.csv", folder / "dataset", BUCKET)


def test_held_out_clips_come_in_the_order_of_the_world_with_what_is_true_of_them(
    proof: Proof, held_out: list[HeldOut]
) -> None:
    expected = truths(proof.output / "held_out")

    assert [clip.number for clip in held_out] == [0, 1, 2, 3]
    for clip, truth in zip(held_out, expected, strict=True):
        assert clip.caption == truth.caption
        assert clip.place == truth.words[-1].word
        assert clip.place in clip.caption
        assert [subject.word for subject in clip.subjects] == [subject.word for subject in truth.subjects]
        plain = [json.loads(json.dumps(to_plain(subject.texture))) for subject in clip.subjects]
        assert plain == [subject.texture for subject in truth.subjects]
        assert clip.video.shape == (9, 48, 96, 3)


def test_ways_are_those_that_the_boxes_go(proof: Proof, held_out: list[HeldOut]) -> None:
    ways = {(1, 0): Way.RIGHT, (-1, 0): Way.LEFT, (0, 1): Way.DOWN, (0, -1): Way.UP}

    for clip, truth in zip(held_out, truths(proof.output / "held_out"), strict=True):
        for subject, told in zip(clip.subjects, truth.subjects, strict=True):
            first, last = told.boxes[0], told.boxes[-1]
            assert first is not None
            assert last is not None
            across, down = last.x0 - first.x0, last.y0 - first.y0
            is_sideways = abs(across) > abs(down)
            step = (int(np.sign(across)), 0) if is_sideways else (0, int(np.sign(down)))
            assert subject.way is ways[step]


def test_the_second_of_a_word_has_a_number(held_out: list[HeldOut]) -> None:
    names = [[subject.name for subject in clip.subjects] for clip in held_out]

    assert [clip.has_one_word for clip in held_out] == [True, False, True, True]
    assert names == [["elephant"], ["fish", "elephant"], ["cat"], ["elephant", "elephant#2"]]


def test_the_surest_picture_comes_first_and_whoever_has_none_is_left_out(proof: Proof, tmp_path: Path) -> None:
    folder = proof.output / "held_out"
    (shard,) = shard_paths(folder / "dataset", Sample)
    samples = {Path(sample.source.uri).stem: sample for sample in read_shard(shard, Sample)}

    def changed(sample: Sample) -> Sample:
        turned = [replace(each, references=tuple(reversed(each.references))) for each in sample.entities]
        if Path(sample.source.uri).stem == "0001":
            turned[0] = replace(turned[0], references=())
        return replace(sample, entities=tuple(turned))

    write_shard(tmp_path / "samples" / "part.parquet", [changed(sample) for sample in samples.values()])

    clips = read_held_out(folder / "world" / "manifest.csv", tmp_path, BUCKET)

    assert [clip.number for clip in clips] == [0, 2, 3]
    for clip in clips:
        entities = sorted(samples[f"{clip.number:04d}"].entities, key=lambda entity: entity.start)
        subjects = [entity for entity in entities if entity.kind is not EntityKind.BACKGROUND]
        for subject, entity in zip(clip.subjects, subjects, strict=True):
            surest = max(entity.references, key=lambda reference: reference.detection_score * reference.mask_score)
            shown = [picture.tobytes() for picture in subject.pictures]
            published = [Image.open(io.BytesIO(each.image.bytes or b"")).tobytes() for each in entity.references]
            assert shown[0] == published[entity.references.index(surest)]
            assert len(shown) > 1
            assert sorted(shown) == sorted(published)


def test_held_out_clips_without_any_picture_are_an_error(proof: Proof, tmp_path: Path) -> None:
    folder = proof.output / "held_out"
    (shard,) = shard_paths(folder / "dataset", Sample)
    bare = [
        replace(sample, entities=tuple(replace(entity, references=()) for entity in sample.entities))
        for sample in read_shard(shard, Sample)
    ]
    write_shard(tmp_path / "samples" / "part.parquet", bare)

    with pytest.raises(ValueError, match="no clip with pictures of all its subjects; draw more held-out clips"):
        read_held_out(folder / "world" / "manifest.csv", tmp_path, BUCKET)


@dataclass
class ScriptedPipeline:
    """Writes down what it is asked for; its videos are flat, of the number of the call."""

    calls: list[tuple[str, Any, SamplingConfig]] = field(default_factory=list)
    reconstructed: list[Video] = field(default_factory=list)

    def __call__(self, prompt: str, *, references: Any, sampling: SamplingConfig) -> Video:
        self.calls.append((prompt, references, sampling))
        return np.full((9, 48, 96, 3), len(self.calls), np.uint8)

    def reconstruct(self, video: Video) -> Video:
        self.reconstructed.append(video)
        return 255 - video


def made_up(number: int, names: Sequence[str]) -> HeldOut:
    rng = np.random.default_rng(number)
    texture: Texture = draw_small_texture(rng)
    return HeldOut(
        number=number,
        caption=f"caption {number}",
        place="sea",
        subjects=tuple(
            HeldOutSubject(
                word=name.split("#")[0],
                name=name,
                texture=texture,
                way=Way.UP,
                pictures=tuple(Image.new("RGB", (4, 4), (number, place, view)) for view in range(3)),
            )
            for place, name in enumerate(names)
        ),
        video=rng.integers(0, 256, (9, 48, 96, 3), np.uint8),
    )


def sampler(folder: Path, pipeline: ScriptedPipeline, pictures: int = 1) -> Sampler:
    sampling = SamplingConfig(bucket=BUCKET, steps=2, image_scale=5.0, guidance=GuidanceForm.CHAINED, seed=77)
    return Sampler(pipeline=cast("Pipeline", pipeline), sampling=sampling, folder=folder, pictures=pictures)


def test_conditions_differ_in_the_pictures_and_in_nothing_else(tmp_path: Path) -> None:
    clips = [made_up(3, ["cat"]), made_up(5, ["dog", "dog#2"])]
    pipeline = ScriptedPipeline()
    asked = sampler(tmp_path, pipeline)

    for condition in (Condition.WITHOUT, Condition.WITH, Condition.SWAPPED):
        asked.videos(clips, condition)

    prompts, references, samplings = zip(*pipeline.calls, strict=True)
    first, second = (subject.pictures[0] for subject in clips[1].subjects)
    alone = clips[0].subjects[0].pictures[0]
    given = [
        None if found is None else {name: list(pictures) for name, pictures in found.items()} for found in references
    ]
    assert given == [
        *(None, None),
        *({"cat": [alone]}, {"dog": [first], "dog#2": [second]}),
        {"dog": [second], "dog#2": [first]},
    ]
    assert prompts == ("caption 3", "caption 5", "caption 3", "caption 5", "caption 5")
    assert [sampling.seed for sampling in samplings] == [3, 5, 3, 5, 5]
    assert {replace(sampling, seed=77) for sampling in samplings} == {asked.sampling}


def test_as_many_pictures_are_given_as_there_should_be(tmp_path: Path) -> None:
    clip, pipeline = made_up(3, ["cat"]), ScriptedPipeline()

    sampler(tmp_path, pipeline, pictures=2).videos([clip], Condition.WITH)

    assert list(pipeline.calls[0][1]["cat"]) == list(clip.subjects[0].pictures[:2])


def test_real_clips_are_what_the_codec_makes_of_them(tmp_path: Path) -> None:
    clip, pipeline = made_up(3, ["cat"]), ScriptedPipeline()

    videos = sampler(tmp_path, pipeline).videos([clip], Condition.REAL)

    assert np.array_equal(videos[3], 255 - clip.video)
    assert pipeline.calls == []


def test_videos_that_are_there_are_not_sampled_again(tmp_path: Path) -> None:
    clips, pipeline = [made_up(3, ["cat"]), made_up(5, ["dog"])], ScriptedPipeline()
    told: list[None] = []

    first, again = (
        sampler(tmp_path, pipeline).videos(clips, Condition.WITH, on_clip=lambda: told.append(None)) for _ in range(2)
    )

    assert len(pipeline.calls) == len(told) == 2
    assert {number: int(video.max()) for number, video in first.items()} == {3: 1, 5: 2}
    assert all(np.array_equal(first[number], again[number]) for number in (3, 5))


def test_pictures_cannot_change_places_where_nobody_is_beside(tmp_path: Path) -> None:
    assert sampler(tmp_path, ScriptedPipeline()).videos([made_up(3, ["cat"])], Condition.SWAPPED) == {}
