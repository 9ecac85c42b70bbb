"""The verb `import`: what it writes is a dataset like any other, and what it prints adds up."""

from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from shutil import copytree

import pytest

from curation.profiles import CurationConfig
from curation.stage import Stage
from dataset_schema import FailedClip, RejectedClip, Sample, read_manifest, read_shard, shard_paths
from pipelines.__main__ import main
from pipelines.verbs import import_dataset
from pipelines.verbs.import_dataset import ImportDataset
from storage.configs import from_plain
from tests.curation.imports.curated import HEIGHT, WIDTH, dog_at, import_stages, moving_frames, write_lossless
from tests.curation.imports.foreign_datasets import OpenS2VClip, write_opens2v

CLIP = OpenS2VClip(
    path="dog.mov",
    caption="A brown dog walks on a meadow.",
    num_frames=20,
    size=(HEIGHT, WIDTH),
    masks=[("dog", dog_at(0)), ("umbrella", dog_at(0))],
    tags={"subject": ["dog"], "object": [], "background": ["meadow"]},
)


@dataclass(frozen=True)
class Run:
    """A run that was made, and what it printed."""

    home: Path
    printed: str

    def again(self, output: Path, *more: str) -> str:
        """Run it once more, with networks left out; gives what it prints."""
        return run(self.home, output, *more)


def stages(_: CurationConfig) -> list[Stage]:
    return import_stages()


def run(home: Path, output: Path, *more: str) -> str:
    command = [
        *("import", "--from", "opens2v", "--input", str(home / "jsons"), "--videos", str(home / "videos")),
        *("--output", str(output), "--executor", "local", *more),
    ]
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(StringIO()) as printed:
        patched.setattr(import_dataset, "build_stages", stages)
        assert main(command) == 0
    return printed.getvalue()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Over one good clip, one without a subject, and one without a video."""
    home = tmp_path_factory.mktemp("home")
    write_lossless(home / "videos" / "dog.mov", moving_frames(20))
    words, gone = replace(CLIP, caption="Nothing of it."), replace(CLIP, path="gone.mov")
    write_opens2v(home / "jsons" / "part.json", {"good": CLIP, "words": words, "gone": gone})
    return Run(home, run(home, home / "out"))


def rows(dataset: Path) -> tuple[list[Sample], list[RejectedClip], list[FailedClip]]:
    return (
        [row for path in shard_paths(dataset, Sample) for row in read_shard(path, Sample)],
        [row for path in shard_paths(dataset, RejectedClip) for row in read_shard(path, RejectedClip)],
        [row for path in shard_paths(dataset, FailedClip) for row in read_shard(path, FailedClip)],
    )


def test_every_row_ends_in_one_table_and_is_done_once(first: Run) -> None:
    (kept,), (rejected,), (failed,) = found = rows(first.home / "out")

    again = first.again(first.home / "out")

    assert kept.source.licence == "CC-BY-4.0"
    assert (rejected.caption, "gone.mov" in failed.message) == ("Nothing of it.", True)
    assert rows(first.home / "out") == found
    for printed in (first.printed, again):
        assert "read 3 = kept 1 + rejected 1 + failed 1" in printed
        assert "licence of the annotations: CC-BY-4.0" in printed
        assert "masks of words that were left out" in printed
        assert "good: 'umbrella'" in printed


def test_a_video_that_was_fetched_later_is_tried_again(first: Run, tmp_path: Path) -> None:
    copytree(first.home, tmp_path / "home")
    later = Run(tmp_path / "home", "")
    (later.home / "videos" / "gone.mov").write_bytes((later.home / "videos" / "dog.mov").read_bytes())

    printed = later.again(later.home / "out", "--retry", "input")

    assert "read 3 = kept 2 + rejected 1 + failed 0" in printed


def test_the_head_of_the_dataset_says_how_it_was_made(first: Run) -> None:
    manifest = read_manifest(first.home / "out")

    assert manifest.complete
    assert manifest.config["import"]["from"] == "opens2v"
    curation = from_plain(CurationConfig, manifest.config["curation"])  # so that others can decide it again
    assert curation.annotators.masks.profile == "given"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--from", "coco"], "--from"),
        (["--input", "nowhere"], "input nowhere does not exist; expected annotations of OpenS2V-5M"),
        (["--videos", "nowhere"], "videos nowhere is no folder"),
    ],
)
def test_a_wrong_argument_is_told(
    tmp_path: Path, more: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = ["--from", "opens2v", "--input", str(tmp_path), "--videos", str(tmp_path), "--output", str(tmp_path / "o")]
    try:
        status = main(["import", *usual, *more])
    except SystemExit as end:  # of the parser
        status = int(end.code or 0)

    assert status == 2
    assert problem in capsys.readouterr().err


def test_an_import_does_not_look_for_masks() -> None:
    with pytest.raises(ValueError, match="masks has profile detected_object, expected `given`"):
        ImportDataset(layout="opens2v", input=Path("in"), output=Path("out"), curation=CurationConfig())
