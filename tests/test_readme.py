"""The README's Python runs as it stands."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

import modeling
from worlds.sprites import write_video

ROOT = Path(__file__).parents[1]


def example(heading: str) -> str:
    """The first block of Python under a heading."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found.group(1)


def test_the_script_that_curates_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "gray.mp4", np.full((24, 64, 96, 3), 90, np.uint8), 24)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = re.search(r"```python\n(import curation\n.*?)```", text, re.DOTALL)
    assert script

    exec(compile(script.group(1), "README.md", "exec"), {})

    assert capsys.readouterr().out == "Counts(kept=0, rejected=1, failed=0)\n"


def test_the_example_of_the_model_library_samples_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = modeling.tiny().pipeline
    model = modeling.DiT(config.model)
    modeling.Pipeline(config, model, device=torch.device("cpu")).save_pretrained(Path("out/demo/model/pipeline"))
    for name in ("cat.png", "meadow.png"):
        Image.new("RGBA", (60, 40), (200, 120, 40, 255)).save(name)

    exec(compile(example("The model library"), "README.md", "exec"), {})

    with av.open("cat.mp4") as container:
        frames = [(frame.height, frame.width) for frame in container.decode(video=0)]
    assert frames == [(64, 112)] * 9
