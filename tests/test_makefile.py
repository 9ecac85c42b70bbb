"""The make targets hand over what the user wrote, to the letter."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def without_make() -> dict[str, str]:
    """The environment, without what a `make` above this process has put there."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "ARGS")}


def arguments(target: str, **variables: str) -> list[str]:
    """What a target would call Python with."""
    words = ["make", "--silent", "--no-print-directory", "-o", "setup", target, "PYTHON=printf '%s\\n'"]
    done = subprocess.run(
        [*words, *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT,
        env=without_make(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_caption_may_hold_an_apostrophe_and_quotes() -> None:
    caption = 'A man\'s "dog" runs.'

    found = arguments("curate", INPUT="my videos", OUTPUT="out", CAPTION=caption, SCORE_ALL="1")

    assert found == [
        *("-m", "pipelines", "curate", "--input", "my videos", "--output", "out"),
        *("--sources.caption", caption, "--score-all"),
    ]


def test_a_proof_and_its_ablations_take_the_same_options() -> None:
    options = {"CONFIG": "configs/prove_gpu.toml", "OUTPUT": "my proof", "ARGS": "--seed 1"}

    expected = ["--config", "configs/prove_gpu.toml", "--output", "my proof", "--seed", "1"]
    assert arguments("prove", **options) == ["-m", "pipelines", "prove", *expected]
    assert arguments("ablations", **options) == ["-m", "pipelines", "ablate", *expected]
    assert arguments("prove") == ["-m", "pipelines", "prove"]


def test_the_size_of_a_sampled_video_has_a_variable() -> None:
    found = arguments("sample", MODEL="m", PROMPT="A cat.", OUTPUT="v.mp4", BUCKET="9x64x112", ARGS="--device cuda")

    assert found[-4:] == ["--sampling.bucket", "9x64x112", "--device", "cuda"]


def test_what_is_not_given_is_not_handed_over() -> None:
    found = arguments("sample", MODEL="m", PROMPT="It's a cat.", OUTPUT="v.mp4")

    assert found == ["-m", "pipelines", "sample", "--model", "m", "--prompt", "It's a cat.", "--output", "v.mp4"]
