"""Finding the user's videos."""

from pathlib import Path

import pytest

from curation.imports.videos import MissingVideoError, VideoFolder


@pytest.fixture
def folder(tmp_path: Path) -> VideoFolder:
    for name in ("part1/a/src.mp4", "b.mp4", "b.json", "x/twice.mp4", "y/twice.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return VideoFolder(tmp_path)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("part1/a/src.mp4", "part1/a/src.mp4"), ("part9/src.mp4", "part1/a/src.mp4"), ("somewhere/b.mp4", "b.mp4")],
)
def test_a_path_is_found_as_it_is_given_or_by_its_name(folder: VideoFolder, asked: str, found: str) -> None:
    assert folder.by_path(asked) == folder.root / found


def test_a_name_is_found_without_its_ending_and_beside_other_files(folder: VideoFolder) -> None:
    assert folder.by_stem("b") == folder.root / "b.mp4"
    assert folder.has_stem("src")
    assert not folder.has_stem("gone")


def test_what_is_not_there_and_what_is_there_twice_is_told(folder: VideoFolder) -> None:
    with pytest.raises(MissingVideoError, match=r"the video part1/gone.mp4 is not in .*; fetch it"):
        folder.by_path("part1/gone.mp4")
    with pytest.raises(MissingVideoError, match=r"may be x/twice.mp4 or y/twice.mp4"):
        folder.by_stem("twice")


@pytest.mark.parametrize("path", ["../b.mp4", "/etc/passwd", ""])
def test_no_path_leads_out_of_the_folder(folder: VideoFolder, path: str) -> None:
    with pytest.raises(MissingVideoError, match="is no path below a folder"):
        folder.by_path(path)
