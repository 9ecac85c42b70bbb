"""The example's encoders say the mean color, and the example trains as a script of forty lines at most."""

import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image

import modeling
from benchmarks.sprite_dataset import write_sprite_dataset
from examples.own_encoders import ColorEncoders

ROOT = Path(__file__).parents[2]


def test_an_image_is_its_mean_color_on_white() -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (4, 0, 8, 8))

    tokens = ColorEncoders().build().image.encode([image])

    assert torch.allclose(tokens, torch.tensor([[[1.0, 0.0, 0.0]]]), atol=0.01)


def test_the_example_trains_as_a_script_and_its_pipeline_loads(tmp_path: Path) -> None:
    write_sprite_dataset(tmp_path / "dataset", clips=2)
    command = [sys.executable, "-m", "examples.own_encoders", str(tmp_path / "dataset"), str(tmp_path / "model")]

    subprocess.run(command, cwd=ROOT, check=True)

    pipeline = modeling.Pipeline.from_pretrained(tmp_path / "model" / "pipeline")
    assert pipeline.config.encoders == ColorEncoders()
    assert len((ROOT / "examples" / "own_encoders.py").read_text().splitlines()) <= 40
