"""The example's encoders say the mean colors, and the example trains as a script of fifty lines at most."""

import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image

import modeling
from benchmarks.sprite_dataset import write_sprite_dataset
from examples.own_encoders import ColorEncoders

ROOT = Path(__file__).parents[2]


def test_each_patch_is_its_mean_color() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 0))
    image.paste((0, 0, 255), (4, 0, 8, 8))

    tokens = ColorEncoders(patches_a_side=2).build().image.encode([image])

    red, blue = [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]
    assert torch.equal(tokens, torch.tensor([[red, blue, red, blue]]))


def test_the_example_trains_as_a_script_and_its_pipeline_loads(tmp_path: Path) -> None:
    write_sprite_dataset(tmp_path / "dataset", clips=2)
    command = [sys.executable, "-m", "examples.own_encoders", str(tmp_path / "dataset"), str(tmp_path / "model")]

    subprocess.run(command, cwd=ROOT, check=True)

    pipeline = modeling.Pipeline.from_pretrained(tmp_path / "model" / "pipeline")
    assert pipeline.config.encoders == ColorEncoders()
    assert len((ROOT / "examples" / "own_encoders.py").read_text().splitlines()) <= 60
