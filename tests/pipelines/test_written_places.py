from pathlib import Path

import pytest

from pipelines.__main__ import main
from pipelines.verbs.merge import Merge
from pipelines.written_places import expect_writable
from tests.exports.made_clips import write_head

# Every verb that takes a path, with the paths that it needs and what else it cannot do without.
VERBS = {
    "curate": ["--input", "videos", "--output", "out"],
    "train": ["--dataset", "ds", "--output", "out"],
    "cache": ["--dataset", "ds"],
    "inspect": ["--dataset", "ds", "--output", "out"],
    "subject": ["--pictures", "dog", "--input", "videos", "--output", "out"],
    "select": ["--dataset", "ds", "--where", "true", "--output", "out"],
    "index": ["--dataset", "ds"],
    "merge": ["ds", "ds2", "--output", "out"],
    "export": ["--dataset", "ds", "--to", "plain", "--output", "out"],
    "compact": ["--dataset", "ds"],
    "repolicy": ["--dataset", "ds"],
    "validate": ["--dataset", "ds"],
    "own-dataset": ["--input", "my_dog", "--output", "out"],
    "import": ["--from", "opens2v", "--input", "jsons", "--videos", "videos", "--output", "out"],
    "to-pipeline": ["--checkpoint", "step", "--output", "out"],
    "to-diffusers": ["--model", "model", "--output", "out"],
    "label-clips": ["--input", "videos", "--output", "out"],
    "train-filter": ["--output", "out"],
    "sprites": ["--output", "out"],
    "demo": ["--output", "out", "--videos", "videos"],
    "prove": ["--output", "out"],
    "prove-backbone": ["--output", "out", "--dataset", "ds"],
    "ablate": ["--output", "out"],
    "describe": ["--dataset", "ds"],
    "sample": ["--model", "model", "--output", "out.mp4", "--prompt", "A dog runs."],
    "explain": ["--output", "out.png", "--dataset", "ds", "dog.mp4"],
    "submit": ["--input", "videos", "--output", "out", "--address", "http://127.0.0.1:9"],
}
WRITES_FOLDER = [verb for verb, options in VERBS.items() if "out" in options and verb != "submit"]
PATHS = [
    (verb, option)
    for verb, options in VERBS.items()
    for option in options
    if option.startswith("--") and option not in ("--prompt", "--where", "--address", "--from", "--to")
]
# What may lie in a store too.
PLACES = [
    ("curate", "--input"),
    ("curate", "--output"),
    ("train", "--dataset"),
    ("describe", "--dataset"),
    ("inspect", "--dataset"),
    ("subject", "--input"),
    ("select", "--dataset"),
    ("select", "--output"),
    ("index", "--dataset"),
    ("compact", "--dataset"),
    ("repolicy", "--dataset"),
    ("validate", "--dataset"),
    ("merge", "--output"),
    ("export", "--dataset"),
    ("export", "--output"),
    ("import", "--output"),
    ("label-clips", "--input"),
    ("submit", "--input"),
    ("submit", "--output"),
]


@pytest.mark.parametrize("verb", WRITES_FOLDER)
def test_a_place_that_cannot_be_written_is_refused_before_anything_else(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    options = ["taken/below" if option == "out" else option for option in VERBS[verb]]

    status = main([verb, *options])

    assert status == 2
    assert capsys.readouterr().err == (
        f"{verb}: --output taken/below cannot be written: {tmp_path}/taken is a file; choose another\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("verb", WRITES_FOLDER)
@pytest.mark.parametrize("place", ["ds/out", "ds/samples/out", "link/out"])
def test_a_place_in_a_dataset_is_refused_before_anything_else(
    verb: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = tmp_path / "ds"
    write_head(dataset, 0)
    (tmp_path / "link").symlink_to(dataset)
    options = [place if option == "out" else option for option in VERBS[verb]]

    status = main([verb, *options])

    assert status == 2
    assert capsys.readouterr().err == (
        f"{verb}: --output {place} lies in the dataset {dataset}, whose files commands rewrite and delete; name a "
        "folder outside of it\n"
    )
    assert [path.name for path in dataset.iterdir()] == ["dataset.json"]


def test_a_dataset_may_be_written_again_and_so_may_its_neighbour(tmp_path: Path) -> None:
    write_head(tmp_path / "ds", 0)

    expect_writable(Merge(datasets=(), output=tmp_path / "ds"))
    expect_writable(Merge(datasets=(), output=tmp_path / "ds" / ".." / "beside"))


@pytest.mark.parametrize(("verb", "flag"), [path for path in PATHS if path not in PLACES])
def test_an_address_is_refused_by_every_verb_that_takes_a_path(
    verb: str, flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = list(VERBS[verb])
    options[options.index(flag) + 1] = "s3://my-bucket/clips"

    status = main([verb, *options])

    assert status == 2
    assert capsys.readouterr().err == (
        f"{verb}: {flag}: path 's3://my-bucket/clips' is an address (s3), expected a path on this machine; "
        "mount the store, or copy the files, and give that path\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("verb", "flag"), PLACES)
def test_an_address_with_credentials_is_refused_without_repeating_them(
    verb: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = list(VERBS[verb])
    options[options.index(flag) + 1] = "s3://key:secret@my-bucket/clips"

    status = main([verb, *options])

    told = capsys.readouterr().err
    assert status == 2
    assert told.startswith(f"{verb}: {flag}: address of scheme s3 has no bucket")
    assert "secret" not in told
