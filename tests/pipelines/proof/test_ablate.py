"""`ablate` as a command beside a proof of a few clips."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_schema import Sample, read_shard, shard_paths
from pipelines.__main__ import main
from pipelines.config import ConfigError, parse
from pipelines.proof import ablate
from pipelines.proof.ablate import Ablate, with_change
from pipelines.proof.held_out import HeldOut
from pipelines.proof.prove import PRESET, Ablation, Material
from pipelines.proof.scores import Condition
from pipelines.verbs.train import Train
from storage.configs import to_plain
from tests.pipelines.proof.small_proof import Proof, tiny, truths


@pytest.mark.slow  # several trainings and their samples
def test_ablations_train_only_where_they_must_and_start_from_the_same_text_model(
    proof: Proof, trained: list[Train]
) -> None:
    before, trained_before = proof.written(), len(trained)

    status = main(
        ["ablate", "--output", str(proof.output), *proof.options, "--only", "image scale 8", "no word binding"]
    )

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


@pytest.mark.slow  # a curation, a training and samples of its own
def test_an_ablation_of_curation_trains_from_the_beginning_on_a_dataset_of_its_own(
    proof: Proof, trained: list[Train]
) -> None:
    before, trained_before = proof.written(), len(trained)

    assert main(["ablate", "--output", str(proof.output), *proof.options, "--only", "references of another time"]) == 0

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
    references = [reference for sample in found for entity in sample.entities for reference in entity.references]
    return [reference.time_s for reference in references if reference.time_s is not None]


def test_an_ablation_whose_change_has_changed_is_not_taken_for_the_old_one(proof: Proof, tmp_path: Path) -> None:
    changed = tiny(tmp_path, {"sampling.image_scale = 8.0": "sampling.image_scale = 9.0"})
    main(["ablate", "--output", str(proof.output), *proof.options, "--only", "image scale 8"])

    assert main(["ablate", "--output", str(proof.output), *changed, "--only", "image scale 8"]) == 2


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


COPYING = PRESET.with_name("prove_copying_cpu.toml")


def test_ablations_with_the_same_new_clips_train_on_one_dataset_and_start_from_one_text_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn or trained: what is asked for is written down."""
    own = Material(training=Path("own"), clips=(), text_model=Path("text"))
    prepared: list[Ablate] = []
    trained: dict[str, Material] = {}

    def prepare(changed: Ablate, clips: Sequence[HeldOut], console: object) -> Material:
        prepared.append(changed)
        return Material(training=changed.output / "training", clips=(), text_model=changed.output / "text")

    def personalize(changed: Ablate, material: Material, output: Path) -> Path:
        trained[output.parent.name] = material
        return output

    monkeypatch.setattr(ablate, "prepare", lambda *_: own)
    monkeypatch.setattr(ablate, "prepare_training", prepare)
    monkeypatch.setattr(ablate, "personalize", personalize)
    monkeypatch.setattr(ablate, "judge", lambda *_: ({}, {}))

    assert main(["ablate", "--config", str(COPYING), "--output", str(tmp_path / "proof")]) == 0

    first = tmp_path / "proof" / "ablations" / "references-of-the-clip"
    assert {changed.output for changed in prepared} == {first}
    assert {changed.world.frames for changed in prepared} == {9}
    shared = Material(training=first / "training", clips=(), text_model=first / "text")
    assert trained == {
        "proof": own,
        "no-augmentation": own,
        "references-of-the-clip": shared,
        "neither": shared,
        "neither-but-drawn-references": shared,
    }
