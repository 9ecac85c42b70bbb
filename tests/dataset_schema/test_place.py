from pathlib import Path

import pytest

from dataset_schema import DatasetManifest, Sample, expect_directory, read_manifest, shard_paths, write_manifest


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    path = tmp_path / "ds"
    write_manifest(path, DatasetManifest(profile="paper", config={}, annotators=(), funnel=(), complete=True))
    (path / "samples").mkdir()
    (path / "samples" / "part-0.parquet").touch()
    return path


@pytest.mark.parametrize("part", ["samples", "samples/part-0.parquet", "dataset.json", "rejections"])
def test_a_part_of_a_dataset_is_refused_by_the_name_of_the_whole(dataset: Path, part: str) -> None:
    with pytest.raises(NotADirectoryError, match=r"is a part of the dataset .*/ds; give that directory"):
        read_manifest(dataset / part)


def test_what_lies_beside_a_dataset_is_no_part_of_it(dataset: Path) -> None:
    (dataset.parent / "samples").mkdir()
    (dataset / "selection").mkdir()

    for other in (dataset, dataset.parent / "samples", dataset / "selection"):
        expect_directory(other)


def test_a_name_without_a_dataset_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotADirectoryError, match="file is a file, expected the output directory of a curation run"):
        expect_directory(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="nothing does not exist"):
        expect_directory(tmp_path / "nothing")
    with pytest.raises(ValueError, match=r"is an address \(hf\)"):
        expect_directory(Path("hf://datasets/me/clips"))


@pytest.mark.parametrize("content", ["{", "[]", "null", "\udcff", '{"schema_version": "3.0"}'])
def test_a_damaged_manifest_is_named(dataset: Path, content: str) -> None:
    (dataset / "dataset.json").write_bytes(content.encode(errors="surrogateescape"))

    with pytest.raises(
        ValueError, match=r"dataset\.json is not what a curation run writes \(.*delete it and curate again"
    ):
        read_manifest(dataset)


def test_a_folder_that_holds_datasets_names_one_and_their_tables_are_no_samples(dataset: Path) -> None:
    (dataset / "rejections").mkdir()
    (dataset / "rejections" / "part-0.parquet").touch()

    for look in (expect_directory, read_manifest, lambda folder: shard_paths(folder, Sample)):
        with pytest.raises(FileNotFoundError, match=r"is no dataset, it holds some; give .*/ds$"):
            look(dataset.parent)


def test_parquet_files_in_folders_of_any_name_are_a_selection(tmp_path: Path) -> None:
    (tmp_path / "lang=en").mkdir()
    (tmp_path / "lang=en" / "part-0.parquet").touch()

    assert [path.name for path in shard_paths(tmp_path, Sample)] == ["part-0.parquet"]
