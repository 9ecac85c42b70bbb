"""The make targets hand over what the user wrote, to the letter."""

import os
import re
import subprocess
from pathlib import Path

import pytest

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


AWKWARD = """A $5 dog's "ball" (#1), $$ $(HOME) ${HOME} `pwd` \\ 100 %; a & b | c > d * ? ~ [x] é\\"""


@pytest.mark.parametrize("variable", ["VIDEO", "CAPTION", "CONFIG", "OUTPUT"])
def test_whatever_a_variable_holds_arrives_whole(variable: str) -> None:
    found = arguments("explain", **{"VIDEO": "dog.mp4", variable: AWKWARD})

    assert AWKWARD in found


@pytest.mark.parametrize(
    ("target", "given"),
    [
        ("curate", ("INPUT", "OUTPUT", "CAPTION", "CONFIG")),
        ("sample", ("PROMPT", "OUTPUT", "MODEL", "REF", "BUCKET")),
        ("export", ("DATASET", "TO", "OUTPUT")),
        ("import", ("FROM", "INPUT", "VIDEOS", "OUTPUT", "CONFIG")),
        ("train", ("DATASET", "OUTPUT", "CONFIG")),
        ("train-filter", ("OUTPUT", "LABELS", "CHECKPOINT")),
        ("submit", ("ADDRESS", "INPUT", "OUTPUT")),
        ("demo", ("VIDEOS",)),
        ("bench-quality", ("MEDIA",)),
    ],
)
def test_make_takes_no_dollar_for_a_variable_of_its_own(target: str, given: tuple[str, ...]) -> None:
    values = {name: f"{name.lower()} $5 {number}" for number, name in enumerate(given)}

    assert set(arguments(target, **values)) >= set(values.values())


def test_a_variable_of_the_environment_arrives_whole_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTION", AWKWARD)

    assert arguments("explain", VIDEO="dog.mp4")[-1] == AWKWARD


def test_further_arguments_are_quoted_as_in_a_shell() -> None:
    found = arguments("train", DATASET="d", OUTPUT="o", ARGS="""--one 'costs $5' --two "it's" --three c#d""")

    assert found[-6:] == ["--one", "costs $5", "--two", "it's", "--three", "c#d"]


@pytest.mark.parametrize(
    ("references", "expected"),
    [
        ("cat=cat.png", ["cat=cat.png"]),
        ("cat=cat.png dog=dog.png", ["cat=cat.png", "dog=dog.png"]),
        (
            "cat=my $5 cat.png cat#2=man's.png  dog=a/dog (1).png",
            ["cat=my $5 cat.png", "cat#2=man's.png", "dog=a/dog (1).png"],
        ),
        ("polar bear=bear.png\tdog=dog.png", ["polar bear=bear.png", "dog=dog.png"]),
    ],
)
def test_every_subject_has_its_own_picture(references: str, expected: list[str]) -> None:
    found = arguments("sample", MODEL="m", PROMPT="p", OUTPUT="v.mp4", REF=references, BUCKET="9x64x112")

    first = found.index("--reference") + 1
    assert found[first : found.index("--sampling.bucket")] == expected


def test_a_proof_and_its_ablations_take_the_same_options() -> None:
    options = {"CONFIG": "configs/prove_gpu.toml", "OUTPUT": "my proof", "ARGS": "--seed 1"}

    expected = ["--config", "configs/prove_gpu.toml", "--output", "my proof", "--seed", "1"]
    assert arguments("prove", **options) == ["-m", "pipelines", "prove", *expected]
    assert arguments("ablations", **options) == ["-m", "pipelines", "ablate", *expected]
    assert arguments("prove") == ["-m", "pipelines", "prove"]
    assert arguments("prove-backbone", **options, DATASET="out/proof") == [
        "-m",
        "pipelines",
        "prove-backbone",
        *expected[:2],
        "--dataset",
        "out/proof",
        *expected[2:],
    ]


def test_the_size_of_a_sampled_video_has_a_variable() -> None:
    found = arguments("sample", MODEL="m", PROMPT="A cat.", OUTPUT="v.mp4", BUCKET="9x64x112", ARGS="--device cuda")

    assert found[-4:] == ["--sampling.bucket", "9x64x112", "--device", "cuda"]


def test_the_benchmark_of_a_gpu_takes_options() -> None:
    assert arguments("bench-gpu", ARGS="--blocks 12") == ["-m", "benchmarks.gpu", "--blocks", "12"]


@pytest.mark.slow  # a whole start of pytest of its own
def test_tests_for_a_gpu_fail_with_a_sentence_where_there_is_none() -> None:
    where = "tests/modeling/model/test_on_device.py"

    done = subprocess.run(
        ["make", "--silent", "--no-print-directory", "-o", "setup", "test-gpu", f"ARGS=-q {where}"],
        cwd=ROOT,
        env={**without_make(), "CUDA_VISIBLE_DEVICES": ""},  # hides those that there may be
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert re.search(r"ERROR: \d+ tests for a GPU were asked for, and PyTorch finds none here", done.stderr)


def test_what_is_not_given_is_not_handed_over() -> None:
    found = arguments("sample", MODEL="m", PROMPT="It's a cat.", OUTPUT="v.mp4")

    assert found == ["-m", "pipelines", "sample", "--model", "m", "--prompt", "It's a cat.", "--output", "v.mp4"]


def test_a_condition_may_hold_quotes_and_signs() -> None:
    where = "scores.desirable >= 0.4 AND caption LIKE '%dog''s%'"

    found = arguments("select", DATASET="ds", WHERE=where, OUTPUT="some")

    assert found == ["-m", "pipelines", "select", "--dataset", "ds", "--output", "some", "--where", where]


def test_several_datasets_are_quoted_as_in_a_shell() -> None:
    found = arguments("merge", DATASETS="'my $5 first' second", OUTPUT="my both", ARGS="--first-wins")

    assert found == ["-m", "pipelines", "merge", "--output", "my both", "--first-wins", "--", "my $5 first", "second"]
    assert arguments("diff", DATASETS="a b") == ["-m", "pipelines", "diff", "--", "a", "b"]
