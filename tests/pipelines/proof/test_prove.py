"""`prove` as a command on a few clips."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.__main__ import main
from pipelines.proof.scores import Condition
from pipelines.verbs.train import Train
from tests.pipelines.proof.small_proof import Proof, truths


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

    status = main(["prove", "--output", str(proof.output), *proof.options])

    after = proof.written()
    results = {"proof.md", "proof.png", "curves.png", "figures.json"}
    assert {name for name in before | after if before.get(name) != after.get(name)} == results
    assert proof.figures() == figures
    assert status == proof.status


def test_other_settings_in_the_same_output_are_refused(proof: Proof, capsys: pytest.CaptureFixture[str]) -> None:
    before = proof.written()

    status = main(["prove", "--output", str(proof.output), *proof.options, "--seed", "3"])

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

    main(["prove", "--output", str(proof.output), *proof.options])

    assert weights.read_bytes() == finished
