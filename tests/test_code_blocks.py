"""Every block of code of every page does what it says: Python and SQL run, command lines and presets are understood.

They do so where nothing can decode videos for `datasets`, as on a machine without FFmpeg's libraries. What starts a
long run, needs a GPU, a server or a network is not started, but given to the parser that would read it.
"""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import av
import datasets
import duckdb
import numpy as np
import pytest
import torch
from PIL import Image

import modeling
from benchmarks.sprite_dataset import write_sprite_dataset
from curation.execution.card import write_card
from curation.profiles import CurationConfig
from dataset_schema import DatasetManifest, new_dataset_id, refresh_index, write_manifest
from pipelines.__main__ import _VERBS as VERBS
from pipelines.config import parse
from pipelines.verbs.train import Train
from storage.configs import to_plain
from tests.documented import PAGES, ROOT, Block, blocks, commands_in_docstrings, fences
from tests.test_makefile import arguments, without_make
from worlds.sprites import write_video

README: Final = ROOT / "README.md"
# Programs that are not ours, and why they are not asked.
NOT_ASKED: Final = {"vllm": "another program's command, which wants a GPU and 15 GB of weights"}
# What an option of a page belongs to where the page shows only that.
OPTIONS_OF: Final = ["curate", "--config", "configs/paper.toml", "--input", "videos", "--output", "out/dataset"]
# What an example calls its arguments.
PLACES: Final = {"VIDEOS": "videos", "DATASET": "out/demo/dataset"}


class Understood(Exception):  # noqa: N818  no error: the command was parsed, and is not run
    """Raised in place of running a command."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages name."""
    folder = tmp_path_factory.mktemp("prepared")
    for name in ("configs", "models"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "videos").mkdir()
    write_video(folder / "videos" / "gray.mp4", np.full((24, 64, 96, 3), 90, np.uint8), 24)
    for name in ("cat.png", "meadow.png"):
        Image.new("RGBA", (60, 40), (200, 120, 40, 255)).save(folder / name)
    home = folder / "my_dog"
    (home / "dog").mkdir(parents=True)
    for number in range(1, 6):
        Image.linear_gradient("L").rotate(30 * number).convert("RGB").save(home / f"{number}.jpg")
        (home / f"{number}.txt").write_text(f"A dog sleeps on the sofa, picture {number}.", encoding="utf-8")
    Image.new("RGBA", (60, 40), (200, 120, 40, 255)).save(home / "dog" / "1.png")
    demo = folder / "out" / "demo"
    write_sprite_dataset(demo / "dataset", clips=2)
    config = {"curation": to_plain(CurationConfig())}
    manifest = DatasetManifest(
        profile="embedded", config=config, annotators=(), funnel=(), complete=True, id=new_dataset_id()
    )
    write_manifest(demo / "dataset", manifest)
    refresh_index(demo / "dataset")
    write_card(demo / "dataset", manifest)
    write_sprite_dataset(folder / "out" / "dataset", clips=1)
    write_sprite_dataset(folder / "out" / "dog" / "dataset", clips=2)
    (folder / "thresholds.toml").write_text("[curation.content_filter]\nmin_desirable = 0.5\n", encoding="utf-8")
    tiny = modeling.tiny().pipeline
    pipeline = modeling.Pipeline(tiny, tiny.model.build(), device=torch.device("cpu"))
    pipeline.save_pretrained(demo / "model" / "pipeline")
    return folder


@pytest.fixture(autouse=True)
def _where_a_reader_is(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(prepared)
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)


def test_the_readme_does_what_it_says(
    prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try_blocks(README, monkeypatch)

    # One clip was in out/dataset before; the gray one joins it.
    assert "Counts(kept=1, rejected=1, failed=0)\n" in capsys.readouterr().out
    with av.open(str(prepared / "cat.mp4"), "r") as container:
        assert [(frame.height, frame.width) for frame in container.decode(video=0)] == [(64, 112)] * 9


@pytest.mark.parametrize("page", [p for p in PAGES if p != README], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_does_what_it_says(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_blocks(page, monkeypatch)


def test_the_card_of_a_dataset_shows_ways_in_that_work(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = shutil.copytree(prepared / "out" / "demo" / "dataset", tmp_path / "dataset")
    named = dataset / "PATH" / "OF" / "THIS" / "FOLDER"
    named.parent.mkdir(parents=True)
    named.symlink_to(dataset)
    monkeypatch.chdir(dataset)

    try_blocks(dataset / "README.md", monkeypatch)


@pytest.mark.parametrize(("file", "words"), [*commands_in_docstrings()], ids=lambda value: str(value)[:60])
def test_a_command_in_a_docstring_is_understood(file: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert understood(words, monkeypatch), file


def try_blocks(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try them in order; one that nobody would try is an error."""
    found = blocks(page)

    assert 2 * len(found) == fences(page), "a block has a fence of another form, and would not be tried"
    for block in found:
        assert block.language in TRIED, f"{block.page} has a block of {block.language!r}, expected one of {list(TRIED)}"
        try:
            TRIED[block.language](block, monkeypatch)
        except Exception as error:
            error.add_note(f"in this block of {block.page}:\n{block.code}")
            raise


def run_python(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a script; one that stands in examples/ as that file, with what its first line asks for."""
    same = [path for path in sorted((ROOT / "examples").glob("*.py")) if path.read_text(encoding="utf-8") == block.code]
    usage = re.search(r"^(?:\"\"\".*  )?python (?:-m )?examples\S+ ([^\"\n]*)", block.code, re.MULTILINE)
    assert usage or not same, f"{same[0].name} does not say how it is called"
    words = usage[1].split() if usage else []
    written = f"out/{Path(same[0]).stem if same else 'written'}"
    monkeypatch.setattr(sys, "argv", ["example", *({**PLACES, "OUTPUT": written}.get(word, word) for word in words)])
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(same[0]) if same else block.page}
    exec(compile(block.code, block.page, "exec"), names)


def run_sql(block: Block, _: pytest.MonkeyPatch) -> None:
    """In DuckDB; the query finds rows."""
    assert duckdb.execute(block.code).fetchall()


def read_preset(block: Block, _: pytest.MonkeyPatch) -> None:
    """A part of a config of `train`, read as strictly as a whole one; it stays, for commands that name it."""
    named = re.match(r"# (\S+\.toml)", block.code)
    preset = named[1] if named else "preset.toml"
    Path(preset).write_text(block.code, encoding="utf-8")
    parse(Train, ["--config", preset, "--dataset", "out/dataset", "--output", "out/model"], verb="train")


def understand_all(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is a command that its own parser understands."""
    for words in block.command_lines:
        assert understood(words, monkeypatch), f"nobody knows how to try {words[0]!r}"


def understood(words: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether it is a command, and what it calls takes its words; whatever refuses them says so itself."""
    program, *rest = words
    if program == "make":
        return made(rest, monkeypatch)
    if program in ("python", "torchrun") and "pipelines" in rest:
        return takes(rest[rest.index("pipelines") + 1 :], monkeypatch)
    if program == "python":
        return (ROOT / f"{rest[1].replace('.', '/')}.py").is_file()
    if rest[:1] == ["install"]:
        return offers(rest[1])
    if program.startswith("--"):
        return takes([*OPTIONS_OF, *words], monkeypatch)
    if program == "export":
        return all(re.fullmatch(r"[A-Z_]+=.+", word) for word in rest)
    return program in NOT_ASKED


def takes(words: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a verb's own parser reads them; the command itself does not run, nor is looked whether its files are."""
    verb, *options = words
    module = importlib.import_module(VERBS[verb][0])

    def parse_and_stop(*positional: Any, **named: Any) -> None:
        parse(*positional, **{**named, "check": lambda _: None})
        raise Understood

    with monkeypatch.context() as patched:
        patched.setattr(module, "parse", parse_and_stop)
        patched.setattr("pipelines.config.expect_writable", lambda _: None)  # no bucket of a page is there
        with pytest.raises(Understood):
            module.main(options)
    return True


def made(words: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the target exists and has all that it needs; what it calls of ours is tried in its turn."""
    target, *given = words
    dry_run = ["make", "-n", target, *given]
    recipe = subprocess.run(dry_run, cwd=ROOT, env=without_make(), capture_output=True, text=True, check=True)
    if "-m pipelines" not in recipe.stdout:
        return True
    called = arguments(target, **dict(word.split("=", 1) for word in given))
    return takes(called[2:], monkeypatch)


def offers(requirement: str) -> bool:
    """Whether what is installed by this name are extras of this project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, _, extras = requirement.rstrip("]").partition("[")
    return bool(name == project["name"] and set(extras.split(",")) <= set(project["optional-dependencies"]))


TRIED: Final[dict[str, Callable[[Block, pytest.MonkeyPatch], object]]] = {
    "python": run_python,
    "sql": run_sql,
    "toml": read_preset,
    "bash": understand_all,
    "json": lambda block, _: json.loads(block.code),
    "text": lambda *_: None,  # a drawing, or what a program prints: nobody types it
}
