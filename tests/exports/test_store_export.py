"""Exports to a store: the same files as in a folder, whatever is refused or killed on the way, and an end mark last."""

import json
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from exports import export as exporting
from exports.config import ExportConfig
from exports.cutting import CutConfig
from exports.export import END_MARK, Finished, export
from exports.forgetting import expect_finished, forget_exported
from exports.formats.every_format import FORMATS, FormatName
from exports.ledger import WORK
from exports.published import open_dataset
from pipelines.__main__ import main
from pipelines.known_errors import WRONG_INPUT
from storage.address import Address, Place
from storage.lock import held_alone
from tests.exports.made_clips import clip_id, cutout, entity, make_sample, reference, video_bytes, write_dataset
from tests.object_store import Killed, Proxy, bucket, killed, proxy, put, session_proxy, store_url

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

VIDEO = video_bytes(frames=30)
LOCK = f"{WORK}/lock"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three clips in two shards, and one that stands there before."""
    samples = [make_sample(number, video=VIDEO, frames=30) for number in range(3)]
    return write_dataset(tmp_path / "dataset", samples[:1], [samples[1], samples[0], samples[2]])


@pytest.fixture(autouse=True)
def _nobody_waits_long_for_the_dead_and_parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exports.ledger.held_alone", partial(held_alone, lease_s=0.3))
    monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", 2)


def run(dataset: Path, output: Place, name: str = "webdataset", config: ExportConfig | None = None) -> Finished:
    return export(open_dataset(dataset), FORMATS[FormatName(name)], output, config or ExportConfig())


def tree(folder: Place) -> dict[str, str]:
    """Every file by the hash of what it holds; not so the end mark, which names its place, and the lease."""
    files = {
        str(place).removeprefix(f"{folder}/"): sha256(place.read_bytes()).hexdigest()
        for place in folder.rglob("*")
        if isinstance(place, Address) or place.is_file()
    }
    return {name: digest for name, digest in files.items() if name not in (END_MARK, LOCK)}


def test_a_store_gets_what_a_folder_gets(dataset: Path, tmp_path: Path, bucket: str, proxy: Proxy) -> None:
    local, output = tmp_path / "out", Address(f"{bucket}/out")
    expected = run(dataset, local)
    proxy.plan(4, seed=3)  # every fourth request fails, or is answered by half

    found = run(dataset, output)

    proxy.plan(0, 0)
    assert tree(output) == tree(local)
    assert (found.counts, found.counts.written, found.counts.rows) == (expected.counts, 3, 4)
    mark = json.loads((output / END_MARK).read_bytes())
    assert mark["command"] == found.command == expected.command.replace(str(local), str(output))


def test_the_same_again_is_told_and_another_is_refused(dataset: Path, bucket: str, proxy: Proxy) -> None:
    output = Address(f"{bucket}/out")
    first = run(dataset, output)
    proxy.plan(0, 0)

    again = run(dataset, output)

    assert (first.is_new, again.is_new, again.counts) == (True, False, first.counts)
    assert proxy.seen["PUT"] == 0
    with pytest.raises(ValueError, match="exists and is another export"):
        run(dataset, output, config=ExportConfig(cut=CutConfig(frames=20)))
    put(f"{bucket}/mine/notes.txt", b"mine")
    with pytest.raises(ValueError, match="or none; name a new folder"):
        run(dataset, Address(f"{bucket}/mine"))


def test_an_output_in_a_dataset_of_a_store_is_refused(
    dataset: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(f"{bucket}/ds/dataset.json", (dataset / "dataset.json").read_bytes())

    status = main(["export", "--dataset", str(dataset), "--to", "webdataset", "--output", f"{bucket}/ds/deep/out"])

    assert status == WRONG_INPUT
    assert f"--output {bucket}/ds/deep/out lies in the dataset {bucket}/ds," in capsys.readouterr().err


def test_killed_at_any_put_it_is_no_export_and_the_same_call_finishes_it(
    dataset: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dataset, tmp_path / "out")
    died, after = True, 0
    while died:
        output = Address(f"{bucket}/{after}/out")
        try:
            with killed(monkeypatch, after=after):
                run(dataset, output)
            died = False
        except (Killed, OSError):
            is_marked = (output / END_MARK).is_file()

            assert run(dataset, output).is_new != is_marked
        assert tree(output) == tree(tmp_path / "out")
        after += 5  # of all of them, which take long, each fifth

    assert after > 12


def test_what_a_killed_process_put_and_did_not_tell_of_does_not_stay(
    dataset: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dataset, tmp_path / "out")
    output = Address(f"{bucket}/out")
    with killed(monkeypatch, after=5), pytest.raises(Killed):  # the lease, what was begun, a tar, its page, a tar
        run(dataset, output)
    assert len([*output.rglob("*.tar")]) == 2
    put(f"{output}/00000-00000007.tar", b"of rows that were planned otherwise")

    run(dataset, output)

    assert tree(output) == tree(tmp_path / "out")


def test_a_tar_that_was_lost_between_is_put_again(
    dataset: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dataset, tmp_path / "out")
    output = Address(f"{bucket}/out")
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "_write_heads", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(dataset, output)
    (output / "00001-00000000.tar").unlink()

    run(dataset, output)

    assert tree(output) == tree(tmp_path / "out")


def test_two_at_once_do_not_write_the_same_export(dataset: Path, bucket: str) -> None:
    output = Address(f"{bucket}/out")

    with held_alone(output / LOCK, busy="busy", lease_s=0.3), pytest.raises(Exception, match="by another command"):
        run(dataset, output)


def test_a_store_that_refuses_a_write_in_the_middle_is_one_line_and_the_next_run_finishes(
    dataset: Path, bucket: str, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--dataset", str(dataset), "--to", "webdataset", "--output", f"{bucket}/out"]
    proxy.always, proxy.always_of = (403, "AccessDenied"), "00001-00000000.tar"

    assert main(words) == WRONG_INPUT

    told = capsys.readouterr().err
    assert "export: the credentials in the environment do not allow this; grant them to read, write" in told
    assert f"({bucket}/out/00001-00000000.tar)" in told
    assert not Address(f"{bucket}/out/{END_MARK}").exists()
    proxy.plan(0, 0)
    assert main(words) == 0
    assert "rows 4 = written 3 + refused 1" in capsys.readouterr().out


def test_a_clip_is_taken_out_of_an_export_in_a_store_as_out_of_a_folder(
    dataset: Path, tmp_path: Path, bucket: str
) -> None:
    local, output = tmp_path / "out", Address(f"{bucket}/out")
    for place in (local, output):
        run(dataset, place)
        expect_finished(place)
        forget_exported(place, [clip_id(1)])

    assert tree(output) == tree(local)
    mark = json.loads((output / END_MARK).read_bytes())
    assert (mark["rows"], mark["counts"]) == (3, json.loads((local / END_MARK).read_bytes())["counts"])
    with pytest.raises(FileNotFoundError, match=r"holds no manifest\.jsonl and export\.json"):
        expect_finished(Address(f"{bucket}/nothing"))


def test_tables_without_pixels_go_to_a_store_too(tmp_path: Path, bucket: str) -> None:
    outside = replace(reference(cutout((200, 30, 30)), time_s=9.0), frame_index=216)
    made = make_sample(0, video=VIDEO, frames=30)
    woman = entity(made.caption, "woman", reference(cutout((200, 30, 30))), outside)
    dataset = write_dataset(tmp_path / "dataset", [replace(made, entities=(woman,))])
    run(dataset, tmp_path / "out", "phantom")

    run(dataset, Address(f"{bucket}/out"), "phantom")

    assert tree(Address(f"{bucket}/out")) == tree(tmp_path / "out")


def test_what_reads_folders_alone_is_not_written_to_a_store(
    dataset: Path, bucket: str, proxy: Proxy, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", "--dataset", str(dataset), "--to", "musubi", "--output", f"{bucket}/out"]
    before = len(proxy.asked_for)

    assert main(words) == WRONG_INPUT

    assert len(proxy.asked_for) == before, "the store was asked first, which takes a line and credentials"

    told = capsys.readouterr().err
    assert f"output is {bucket}/out, and what reads musubi opens files of its own machine alone; name a folder" in told
