"""Each extra works alone: what its part imports is what it declares."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Importing every module of a part finds a requirement that its extra forgot, also one behind a function's import.
IMPORT_ALL = """
import importlib, pkgutil
for package in {packages}:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.endswith("__main__") and module.name not in {more}:
            importlib.import_module(module.name)
"""

# Children of classes of diffusers, which only those import who have asked for its extra.
OF_PAPER_ENCODERS = (
    *(f"modeling.backbones.{name}_network" for name in ("published", "wan", "cogvideox", "ltx", "hunyuan")),
    "modeling.backbones.wan_experts",
    "modeling.backbones.personalized_wan",
)


def run_alone(extra: str, statement: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "extra_alone.py"), extra, statement],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        check=False,
    )


def test_modeling_needs_only_its_own_extra() -> None:
    packages = ("dataset_schema", "picture_reading", "video_reading", "modeling")
    done = run_alone("modeling", IMPORT_ALL.format(packages=packages, more=OF_PAPER_ENCODERS))

    assert done.returncode == 0, done.stderr


def test_curation_needs_only_its_own_extra() -> None:
    packages = ("video_reading", "curation", "exports")
    done = run_alone("curation", IMPORT_ALL.format(packages=packages, more=OF_PAPER_ENCODERS))

    assert done.returncode == 0, done.stderr


BUILD_PUBLISHED = """
import modeling
for config in (modeling.WanConfig, modeling.CogVideoXConfig, modeling.LTXConfig, modeling.HunyuanConfig):
    try:
        config().build()
    except ModuleNotFoundError as error:
        print(config.__name__, "asks for paper-encoders" if "paper-encoders" in str(error) else error)
"""


def test_a_published_model_asks_for_its_extra_where_it_is_missing() -> None:
    done = run_alone("modeling", BUILD_PUBLISHED)

    names = ("WanConfig", "CogVideoXConfig", "LTXConfig", "HunyuanConfig")
    assert done.stdout.splitlines() == [f"{name} asks for paper-encoders" for name in names], done.stderr


def test_a_published_model_needs_only_its_own_extra() -> None:
    statement = "\n".join(f"import {name}" for name in OF_PAPER_ENCODERS)

    done = run_alone("paper-encoders", statement)

    assert done.returncode == 0, done.stderr


def test_the_papers_encoders_ask_for_their_extra_where_it_is_missing() -> None:
    done = run_alone("modeling", "from modeling.training.presets import paper; paper().pipeline.encoders.build()")

    assert "ModuleNotFoundError" in done.stderr
    assert "pip install 'openalchemist[paper-encoders]'" in done.stderr


BUILD_TINY = """
import pathlib, sys, tempfile, torch
from PIL import Image
sys.path.insert(0, "tests/modeling/encoders")  # `tests` is also the name of a package that another extra brings
from tiny_checkpoints import save_tiny_checkpoints
encoders = save_tiny_checkpoints(pathlib.Path(tempfile.mkdtemp())).config().build()
latents = encoders.autoencoder.encode(torch.zeros(1, 5, 16, 16, 3, dtype=torch.uint8))
assert encoders.autoencoder.decode(latents).shape == (1, 5, 16, 16, 3)
assert len(encoders.text.encode(["A red ball"])[0].spans) == 3
assert encoders.image.encode([Image.new("RGB", (9, 9))]).shape == (1, 16, 64)
"""


def test_the_papers_encoders_need_only_their_own_extra() -> None:
    done = run_alone("paper-encoders", BUILD_TINY)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("extra", "foreign"), [("modeling", "ray"), ("modeling", "pandas"), ("curation", "diffusers")])
def test_an_extra_does_not_bring_what_it_must_do_without(extra: str, foreign: str) -> None:
    done = run_alone(extra, f"import {foreign}")

    assert "ModuleNotFoundError" in done.stderr


def test_the_contract_alone_needs_only_pyarrow() -> None:
    done = run_alone(
        "", IMPORT_ALL.format(packages=("dataset_schema",), more=()) + "import sys; assert 'numpy' not in sys.modules"
    )

    assert done.returncode == 0, done.stderr


def test_the_leaf_needs_nothing() -> None:
    done = run_alone(
        "", IMPORT_ALL.format(packages=("storage",), more=()) + "import sys; assert 'pyarrow' not in sys.modules"
    )

    assert done.returncode == 0, done.stderr
