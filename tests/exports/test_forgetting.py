"""An export that forgot a clip is the export that would have been written without it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from exports.config import ExportConfig
from exports.export import END_MARK, MANIFEST, export
from exports.forgetting import expect_finished, exported_from, find_exported, forget_exported, is_export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from storage.whole_files import unfinished
from tests.exports.made_clips import clip_id, make_sample, video_bytes, write_dataset

# What says how many clips there are, or which settings: it stays as it was.
_SETTINGS = {END_MARK, "README.md", "dataset.toml", "datasets.yaml"}


def written(dataset: Path, name: FormatName, output: Path) -> Path:
    export(open_dataset(dataset), FORMATS[name], output, ExportConfig(workers=1))
    return output


def tree(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three clips, and the same without the second."""
    folder = tmp_path_factory.mktemp("datasets")
    samples = [make_sample(number, video=video_bytes(frames=130 + number)) for number in range(3)]
    short = replace(make_sample(3, video=samples[0].video.bytes), entities=())
    return (
        write_dataset(folder / "whole", [*samples, short]),
        write_dataset(folder / "less", [samples[0], samples[2], short]),
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_forgets_as_if_the_clip_had_never_been_there(
    datasets: tuple[Path, Path], tmp_path: Path, name: FormatName
) -> None:
    output = written(datasets[0], name, tmp_path / "out")
    before = tree(output)
    assert any(clip_id(1) in content.decode(errors="replace") for content in before.values())

    forget_exported(output, [clip_id(1)])

    found = tree(output)
    forget_exported(output, [clip_id(1)])
    assert tree(output) == found
    shutil.rmtree(output)
    expected = tree(written(datasets[1], name, output))
    assert found.keys() == expected.keys()
    for path in found.keys() - _SETTINGS - {MANIFEST}:
        # What is encoded twice need not have the same bytes.
        assert found[path] == (before if path.endswith(".mp4") else expected)[path]
    lines = before[MANIFEST].splitlines()
    assert found[MANIFEST].splitlines() == [line for line in lines if clip_id(1).encode() not in line]
    assert json.loads(found[END_MARK])["counts"] == json.loads(expected[END_MARK])["counts"]
    assert not any(clip_id(1) in content.decode(errors="replace") for content in found.values())


@pytest.mark.parametrize("name", [FormatName.COCO, FormatName.OPENS2V, FormatName.YOUTUBE_VIS])
def test_a_file_of_all_clips_stays_json_without_its_last_one(
    datasets: tuple[Path, Path], tmp_path: Path, name: FormatName
) -> None:
    output = written(datasets[1], name, tmp_path / "out")
    clips = len(clips_of(output))
    last = json.loads((output / MANIFEST).read_text().splitlines()[-1])["clip_id"]

    forget_exported(output, [last])

    assert len(clips_of(output)) == clips - 1


def clips_of(output: Path) -> list[str]:
    (path,) = (path for path in tree(output) if path.endswith(("instances.json", "total_part1.json")))
    content = json.loads((output / path).read_text())
    return list(content.get("images") or content.get("videos") or content)


def test_clips_of_an_export_are_found_with_all_their_files(datasets: tuple[Path, Path], tmp_path: Path) -> None:
    output = written(datasets[0], FormatName.MUSUBI, tmp_path / "out")

    (entry,) = find_exported(output, lambda entry: entry.source["id"] == "2")

    assert entry.clip_id == clip_id(2)
    assert {file.name for file in entry.files} == {path for path in tree(output) if clip_id(2) in path}
    assert exported_from(output) == (str(datasets[0].absolute()), "an-id")


def test_an_export_that_is_none_or_not_finished_is_refused(tmp_path: Path) -> None:
    assert not is_export(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no manifest\.jsonl and export\.json, expected what `export`"):
        expect_finished(tmp_path)
    unfinished(tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="tells of an export that was begun and is not finished; finish it"):
        expect_finished(tmp_path / "out")
