import os
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.execution.lock import locked_for_run
from curation.sources import SourcesConfig, read_sources
from dataset_schema import DatasetManifest, write_manifest
from tests.curation.sources.inputs import clips, failures, names, read, write, write_parquet


def test_a_folder_means_every_file_in_it_but_side_cars_and_hidden_ones(tmp_path: Path) -> None:
    for name in ("a.mp4", "b", "deep/c.mkv", ".hidden.mp4", ".git/config", "notes.txt"):
        write(tmp_path / name, "")
    write(tmp_path / "a.txt", "A dog runs.\n")
    write(tmp_path / "deep/c.mkv.txt", "A cat sits.")

    found = {Path(c.source.uri).name: c.caption for c in clips(read(tmp_path, caption="A bird flies."))}

    # A text file that describes no video is not a side-car: it is read, and will fail as a video.
    assert found == {
        "a.mp4": "A dog runs.",
        "b": "A bird flies.",
        "c.mkv": "A cat sits.",
        "notes.txt": "A bird flies.",
    }


def test_a_file_name_that_is_not_utf_8_fails_alone_in_words_that_can_be_stored(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", "")
    write(tmp_path / os.fsdecode(b"b\xff.mp4"), "")

    records = read(tmp_path, caption="A dog runs.")

    assert [Path(clip.source.uri).name for clip in clips(records)] == ["a.mp4"]
    (failure,) = failures(records)
    assert "not UTF-8" in failure.message
    assert (failure.message + failure.source.uri).encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_side_car_is_read_without_its_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "a.txt", "A dög runs.\r\n".encode(encoding))

    assert [clip.caption for clip in clips(read(tmp_path))] == ["A dög runs."]


def test_a_side_car_in_another_encoding_costs_its_video_alone(tmp_path: Path) -> None:
    for name, text in (("a", "A dog."), ("b", "A dög.")):
        write(tmp_path / f"{name}.mp4")
        write(tmp_path / f"{name}.TXT", text.encode("latin-1"))

    records = read(tmp_path)

    assert [clip.caption for clip in clips(records)] == ["A dog."]
    assert [failure.message.startswith("file b.mp4: ") for failure in failures(records)] == [True]
    assert "b.TXT is not UTF-8 at byte 3; save it as UTF-8" in failures(records)[0].message


def test_a_linked_folder_is_read_once_and_by_its_own_name_where_it_has_one(tmp_path: Path) -> None:
    for name in ("videos/real/a.mp4", "store/deep/b.mp4", "store/c.mp4"):
        write(tmp_path / name)
    for link, target in (("again", "real"), ("more", "../store"), ("real/loop", ".."), ("store2", "../store/deep")):
        (tmp_path / "videos" / link).symlink_to(target)

    records = read(tmp_path / "videos", caption="A dog.")

    found = [Path(record.source.uri).relative_to(tmp_path / "videos").as_posix() for record in records]
    assert found == ["more/c.mp4", "more/deep/b.mp4", "real/a.mp4"]


def test_a_link_that_leads_nowhere_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").symlink_to("gone.mp4")
    (tmp_path / "c.mp4").symlink_to("c.mp4")

    records = read(tmp_path, caption="A dog.")

    assert names(records) == ["a.mp4"]
    assert [failure.message for failure in failures(records)] == [
        "file b.mp4: is a link to gone.mp4 (No such file or directory); mend or remove it",
        "file c.mp4: is a link to c.mp4 (Too many levels of symbolic links); mend or remove it",
    ]


@pytest.mark.parametrize("link", ["a.mp4", "z.mp4"])
def test_a_link_to_a_file_of_the_folder_is_a_repetition_wherever_its_name_stands(tmp_path: Path, link: str) -> None:
    write(tmp_path / "m.mp4")
    write(tmp_path / "m.txt", "A dog.")
    (tmp_path / link).symlink_to("m.mp4")

    records = read(tmp_path)

    assert [(clip.source.uri, clip.caption) for clip in clips(records)] == [(str(tmp_path / "m.mp4"), "A dog.")]
    assert [failure.message for failure in failures(records)] == [
        f"file {link}: is a link to m.mp4, which is read; remove one of the two"
    ]


def test_a_link_that_has_the_caption_is_read_instead_of_its_file(tmp_path: Path) -> None:
    write(tmp_path / "m.mp4")
    (tmp_path / "z.mp4").symlink_to("m.mp4")
    write(tmp_path / "z.txt", "A dog.")

    records = read(tmp_path)

    assert [clip.caption for clip in clips(records)] == ["A dog."]
    assert names(records) == ["z.mp4"]
    assert len(failures(records)) == 1


def test_names_with_outer_blanks_are_whole(tmp_path: Path) -> None:
    write(tmp_path / " a.mp4 ")

    assert names(read(tmp_path, caption="A dog.")) == [" a.mp4 "]


def make_dataset(folder: Path) -> None:
    write(folder / "samples" / "part-0.parquet")
    write_manifest(folder, DatasetManifest(profile="p", config={}, annotators=(), funnel=(), complete=True))


def begin_dataset(folder: Path) -> None:
    with locked_for_run(folder):
        write(folder / "samples" / "part-0.parquet")


def make_labels(folder: Path) -> None:
    for name in ("labels.csv", "labels.html", "sheets/0001.png"):
        write(folder / name)


def make_pipeline(folder: Path) -> None:
    """Whose weights are several files."""
    for name in ("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors"):
        write(folder / name)


@pytest.mark.parametrize("made", [make_dataset, begin_dataset, make_labels, make_pipeline])
def test_what_earlier_commands_wrote_into_the_folder_is_left_out(
    tmp_path: Path, made: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "old" / "b.mp4")
    made(tmp_path / "old" / "out")

    sources = read_sources(tmp_path, SourcesConfig(caption="A dog."))

    assert names(list(sources)) == ["a.mp4", "b.mp4"]
    assert sources.left_out == (tmp_path / "old" / "out",)
    assert f"1 of its folders left out, which earlier commands wrote: {tmp_path / 'old' / 'out'}" in caplog.text


def test_the_output_is_left_out_whatever_it_holds(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "out" / "half.mp4")
    (tmp_path / "link").symlink_to("out")

    assert names(read(tmp_path, output=tmp_path / "link", caption="A dog.")) == ["a.mp4"]


def test_a_file_of_another_program_named_dataset_json_is_no_dataset(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.mp4")
    write(tmp_path / "sub" / "dataset.json", '{"name": "mine"}')

    assert names(read(tmp_path, caption="A dog.")) == ["a.mp4", "dataset.json"]


@pytest.mark.parametrize("made", [make_dataset, begin_dataset])
def test_a_dataset_is_no_folder_of_videos(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path)

    with pytest.raises(ValueError, match="was written by an earlier command"):
        read_sources(tmp_path, SourcesConfig())


def test_the_output_cannot_be_the_input(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")

    with pytest.raises(ValueError, match=r"is the output too.*such as .*dataset"):
        read_sources(tmp_path, SourcesConfig(), output=tmp_path / "." / "x" / "..")


@pytest.mark.parametrize("name", ["metadata.csv", "clips/metadata.jsonl", "clips.parquet"])
def test_a_manifest_among_videos_without_captions_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.mp4")
    if name.endswith(".parquet"):
        write_parquet(tmp_path / name, file_name=["a.mp4"], text=["A dog."])
    else:
        write(tmp_path / name, "file_name,text\na.mp4,A dog.\n" if "csv" in name else '{"file_name": "a.mp4"}')

    with pytest.raises(ValueError, match=f"holds {name}, a manifest with the columns file_name.*give --input"):
        read_sources(tmp_path, SourcesConfig())


def test_a_manifest_among_videos_that_have_captions_is_one_file_that_fails_as_a_video(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.txt", "metadata.csv"):
        write(tmp_path / name, "file_name\na.mp4\n")

    assert names(read(tmp_path)) == ["a.mp4", "metadata.csv"]


def test_a_table_that_names_no_videos_is_no_manifest(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4")
    write(tmp_path / "sizes.csv", "height,width\n1,2\n")

    assert names(read(tmp_path)) == ["a.mp4", "sizes.csv"]
