"""After forgetting nothing of a source is in any byte of a dataset, and everything else is as it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from curation.opt_outs import OPT_OUT_NAME, OptOuts, dataset_opt_outs
from dataset_schema import (
    TABLES,
    FailedClip,
    Payload,
    RejectedClip,
    Sample,
    Source,
    open_index,
    read_manifest,
    read_shard,
    shard_paths,
)
from exports.config import ExportConfig
from exports.export import export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from modeling.data.cache_table import LATENTS, TEXT, CacheTable, Entry
from modeling.data.entry_places import EntryKey
from modeling.data.store import SampleStore
from pipelines.__main__ import main
from pipelines.housekeeping.forgetting import journal
from pipelines.housekeeping.forgetting.asking import Asked, By
from pipelines.housekeeping.forgetting.forget import Forgotten, forget, plan_forgetting
from pipelines.housekeeping.validation.validate import validate
from tests.killing import Killed, the_killer
from tests.pipelines.housekeeping.conftest import name_of, write_dataset

VIDEO = "/videos/of a person.mp4"
WORD = "secretword"
CONTENT = sha256(b"the file of the person").hexdigest()


def id_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:32]


def sourced(record: Any, name: str, uri: str, **source: Any) -> Any:
    return replace(record, clip_id=id_of(name), source=Source(id=id_of(name), uri=uri, **source))


@pytest.fixture(scope="module")
def records(make_sample: Callable[[int], Sample]) -> dict[str, Any]:
    """The source as a whole file, under another name with the same content, as a span, and as a file that was lost."""
    from tests.pipelines.conftest import make_failed_clip, make_rejected_clip

    def caption(sample: Sample) -> Sample:
        return replace(sample, caption=f"{sample.caption} {WORD}")

    rejected, failed = make_rejected_clip(), make_failed_clip()
    span = replace(rejected, caption=WORD, thumbnail=Payload(bytes=b"a picture of the person, as long as it may be"))
    lost = replace(failed, message=f"{VIDEO}: cannot be decoded")
    about = {"content_sha256": CONTENT, "rights_holder": "A. Person", "consent": "withdrawn"}
    return {
        "whole": sourced(caption(make_sample(0)), "whole", VIDEO, **about),
        "copy": sourced(caption(make_sample(5)), "copy", "/elsewhere/b.mp4", content_sha256=CONTENT),
        "span": sourced(span, "span", VIDEO, start_s=1.0, end_s=2.0, licence="none"),
        "lost": sourced(lost, "lost", VIDEO, start_s=3.0),
        "other": sourced(make_sample(2), "other", "/videos/of a person.mp4.mp4", content_sha256="0" * 64),
        "third": sourced(make_sample(3), "third", "/videos/third.mp4", licence="CC0"),
        "dull": sourced(rejected, "dull", "/videos/dull.mp4"),
        "note": sourced(failed, "note", "/videos/note.txt"),
    }


GONE = ("whole", "copy", "span", "lost")
STAY = ("other", "third", "dull", "note")


@pytest.fixture(scope="module")
def made(records: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, its cache and its contact sheets, and an export of it."""
    folder = tmp_path_factory.mktemp("made")
    by_shard = {
        name_of("samples", 0): ["whole", "other"],
        name_of("samples", 1): ["third", "copy"],
        name_of("rejections"): ["span", "dull"],
        name_of("failures"): ["note", "lost"],
    }
    tables = {name: [records[each] for each in names] for name, names in by_shard.items()}
    dataset = write_dataset(folder / "dataset", tables)
    (dataset / "contact_sheets").mkdir()
    (dataset / "contact_sheets" / "kept.html").write_bytes(b"a sheet")
    for kind in (LATENTS, TEXT):
        table = CacheTable(dataset, kind=kind, version="v")
        for names in (["whole", "other"], ["third"], ["copy"]):
            table.write_shard([Entry(key=EntryKey(id_of(name), "0" * 32), values=torch.ones(3)) for name in names])
    export(open_dataset(dataset), FORMATS[FormatName("plain")], folder / "plain", ExportConfig(workers=1))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return copied(made, tmp_path / "here")


@pytest.fixture(scope="module")
def forgotten(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Forgotten]:
    """The same folder after forgetting, to be looked at, and what was said."""
    folder = copied(made, tmp_path_factory.mktemp("forgotten") / "here")
    done = run(folder)
    assert done is not None
    return folder, done


def copied(made: Path, to: Path) -> Path:
    shutil.copytree(made, to)
    return to


def run(folder: Path, by: By = By.SOURCE, value: str = VIDEO, **more: Any) -> Any:
    return forget(folder / "dataset", Asked(by=by, value=value, **more), exports=[folder / "plain"])


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def everything(folder: Path) -> bytes:
    """All bytes of all files and their names, and all values of Parquet files, in which text is compressed."""
    found = [str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes() for path in files(folder)]
    tables = [pq.read_table(path, partitioning=None) for path in files(folder) if path.suffix == ".parquet"]
    return b"\n".join([*found, *(repr(table.to_pylist()).encode() for table in tables)])


def kept_records(dataset: Path) -> dict[str, Any]:
    kinds: Any = TABLES
    shards = [(path, kind) for kind in kinds for path in shard_paths(dataset, kind)]
    return {record.clip_id: record for path, kind in shards for record in read_shard(path, kind)}


def expect_forgotten(folder: Path, records: dict[str, Any], *, looks_at_videos: bool = True) -> None:
    """The law of every test here."""
    content = b"\n".join(everything(folder / each) for each in ("dataset", "plain"))
    for name in GONE:
        assert id_of(name).encode() not in content
    assert WORD.encode() not in content
    assert b"A. Person" not in content
    assert records["span"].thumbnail.bytes not in content
    for name in ("whole", "copy"):
        sample = records[name]
        pictures = [reference.image for entity in sample.entities for reference in entity.references]
        for payload in (sample.video, sample.background.image, *pictures):
            assert payload.bytes not in content
    assert f"{VIDEO}'".encode() not in content
    assert kept_records(folder / "dataset") == {id_of(name): records[name] for name in STAY}
    videos: Any = "all" if looks_at_videos else "first"
    assert validate(folder / "dataset", videos=videos, workers=1).findings == []
    assert len(open_index(folder / "dataset").unwritten()) == 0


def test_nothing_of_a_source_is_left_in_any_byte_and_all_else_is_as_it_was(
    forgotten: tuple[Path, Forgotten], records: dict[str, Any]
) -> None:
    folder, done = forgotten
    dataset = folder / "dataset"

    expect_forgotten(folder, records)
    assert {clip["clip_id"] for clip in done.receipt["clips"]} == {id_of(name) for name in GONE}
    assert done.left == []
    assert done.receipt["proof"]["files"] > 10
    assert read_manifest(dataset).funnel[-1].passed == 2
    assert not list((dataset / "contact_sheets").iterdir())
    store = SampleStore(dataset)
    (bucket,) = store.clips_per_bucket()
    read = [store.read(bucket, index) for index in range(len(store))]
    assert {sample.clip_id for sample in read} == {id_of("other"), id_of("third")}
    assert all(
        sample.video == records["other" if sample.clip_id == id_of("other") else "third"].video for sample in read
    )
    table = CacheTable(dataset, kind=TEXT, version="v")
    assert torch.equal(table.read(EntryKey(id_of("other"), "0" * 32)).values, torch.ones(3))
    assert EntryKey(id_of("third"), "0" * 32) in table


def test_other_rows_are_the_same_bit_by_bit(made: Path, forgotten: tuple[Path, Forgotten]) -> None:
    def rows(dataset: Path) -> list[dict[str, Any]]:
        found = [row for path in shard_paths(dataset, Sample) for row in pq.read_table(path).to_pylist()]
        return sorted((row for row in found if row["clip_id"] in map(id_of, STAY)), key=lambda row: row["clip_id"])

    assert len(rows(made / "dataset")) == 2
    assert rows(forgotten[0] / "dataset") == rows(made / "dataset")


def test_an_export_has_no_line_and_no_file_of_it_and_its_other_lines_stay(
    made: Path, forgotten: tuple[Path, Forgotten]
) -> None:
    before = {path.name: path.read_text().splitlines() for path in (made / "plain").iterdir() if path.is_file()}
    plain = forgotten[0] / "plain"
    ids = {id_of("other"), id_of("third")}
    assert {path.stem for path in (plain / "videos").iterdir()} == ids
    manifest = [json.loads(line) for line in (plain / "manifest.jsonl").read_text().splitlines()]
    assert {line["clip_id"] for line in manifest} == ids
    assert (plain / "manifest.jsonl").read_text().splitlines() == [
        line for line in before["manifest.jsonl"] if any(each in line for each in ids)
    ]
    captions = json.loads((plain / "videos2caption.json").read_text())
    assert {row["path"] for row in captions} == {f"{each}.mp4" for each in ids}
    mark = json.loads((plain / "export.json").read_text())
    assert (mark["rows"], mark["counts"]["written"]) == (2, 2)


def test_what_went_is_told_by_ids_and_hashes_and_by_no_content(
    forgotten: tuple[Path, Forgotten], records: dict[str, Any]
) -> None:
    folder, done = forgotten

    said = done.place.read_text()
    assert done.place == folder / "dataset.forgotten-0001.json"
    for content in (VIDEO, WORD, "A. Person", "withdrawn"):
        assert content not in said
    video = sha256(records["whole"].video.bytes).hexdigest()
    assert {"sha256": video, "size_bytes": len(records["whole"].video.bytes)} in done.receipt["media"]
    assert done.receipt["asked"] == {"by": "source", "sha256": sha256(VIDEO.encode()).hexdigest()}
    assert {name.split("/")[1].split("-")[0] for name in done.receipt["cache_entries"]} == {"latents", "text"}
    assert sum(done.receipt["cache_entries"].values()) == 4


def test_what_was_forgotten_is_kept_out(forgotten: tuple[Path, Forgotten]) -> None:
    kept_out = dataset_opt_outs(forgotten[0] / "dataset")
    for name, uri in (("whole", "/moved.mp4"), ("new", VIDEO), ("lost", "/x.mp4")):
        assert kept_out.why(Source(id=id_of(name), uri=uri)) == "the opt-out list names the source"
    again = Source(id="new", uri="/new.mp4", content_sha256=CONTENT)
    assert kept_out.why(again) == "the opt-out list names the hash of its content"
    assert kept_out.why(Source(id=id_of("third"), uri="/videos/third.mp4", content_sha256="1" * 64)) is None


@pytest.mark.parametrize(
    ("by", "value"),
    [
        (By.SOURCE, id_of("whole")),
        (By.SOURCE, VIDEO),
        (By.RIGHTS_HOLDER, "A. Person"),
        (By.SUBJECT, None),
        (By.HASHES, None),
    ],
    ids=["id", "address", "rights holder", "subject", "hashes"],
)
def test_however_it_is_named_the_whole_source_is_meant(
    made: Path, records: dict[str, Any], by: By, value: str | None
) -> None:
    word = next(entity.word for entity in records["whole"].entities if entity.kind == "subject")
    listed = OptOuts(contents=frozenset({CONTENT})) if by is By.HASHES else OptOuts()
    asked = Asked(by=by, value=value or word.upper(), listed=listed)

    plan = plan_forgetting(made / "dataset", asked)

    found = {clip.clip_id for clip in plan.clips}
    named = {name for name, record in records.items() if any(e.word == word for e in getattr(record, "entities", ()))}
    also = {id_of(name) for name in named if name in STAY} if by is By.SUBJECT else set()
    assert found == {id_of(name) for name in GONE} | also


def test_a_row_that_says_no_hash_is_found_by_the_bytes_of_its_video(tmp_path: Path, records: dict[str, Any]) -> None:
    unhashed = sourced(records["whole"], "unhashed", "/old.mp4")
    tables = {name_of("samples", 0): [records["third"], unhashed]}
    dataset = write_dataset(tmp_path / "dataset", tables)
    digest = sha256(records["whole"].video.bytes).hexdigest()

    done = forget(dataset, Asked(by=By.HASHES, value="list", listed=OptOuts(contents=frozenset({digest}))))

    assert done is not None
    assert kept_records(dataset) == {id_of("third"): records["third"]}
    assert dataset_opt_outs(dataset).why(Source(id="new", uri="new", content_sha256=digest)) is not None


def test_a_picture_that_other_clips_have_too_leaves_them(tmp_path: Path, records: dict[str, Any]) -> None:
    whole, third = records["whole"], records["third"]
    (given,) = [entity.references[:1] for entity in whole.entities if entity.references][:1]
    entities = tuple(
        replace(entity, references=(*given, *entity.references)) if entity.references else entity
        for entity in third.entities
    )
    sharing = replace(third, entities=entities, background=replace(third.background, image=whole.background.image))
    dull = replace(records["dull"], thumbnail=given[0].image)
    tables = {name_of("samples"): [whole, sharing], name_of("rejections"): [dull]}
    dataset = write_dataset(tmp_path / "dataset", tables)

    done = forget(dataset, Asked(by=By.SOURCE, value=id_of("whole")))

    assert done is not None
    assert kept_records(dataset) == {
        id_of("third"): replace(third, background=None),
        id_of("dull"): replace(dull, thumbnail=None),
    }
    assert given[0].image.bytes not in everything(dataset)
    assert (
        sum(done.receipt["pictures_in_other_clips"].values()) == 2 + sum(1 for e in third.entities if e.references) - 0
    )
    assert validate(dataset, workers=1).findings == []


def test_a_dry_run_says_what_would_go_and_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in files(folder)}

    dataset, plain = str(folder / "dataset"), str(folder / "plain")
    status = main(["forget", "--dataset", dataset, "--source", VIDEO, "--dry-run"])

    assert status == 0
    assert {path: path.read_bytes() for path in files(folder)} == before
    said = " ".join(capsys.readouterr().out.split())
    assert "kept clips │ 2" in said
    assert "rejected clips │ 1" in said
    assert f"not reached: {plain}, an export with 2 of these clips" in said


def test_the_command_says_what_went_and_again_that_nothing_is_there(
    folder: Path, records: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["forget", "--dataset", str(folder / "dataset"), "--source", VIDEO, "--export", str(folder / "plain")]

    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert main(arguments) == 0
    second = capsys.readouterr().out

    expect_forgotten(folder, records)
    assert "0 times something of it is left" in first
    assert f"nothing in it is of this source, and {OPT_OUT_NAME} keeps it out" in " ".join(second.split())


def test_what_nobody_can_take_out_by_command_is_told_and_the_status_is_3(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dataset" / "notes.txt").write_text(f"ask about {VIDEO}, please\n")

    assert main(["forget", "--dataset", str(folder / "dataset"), "--source", VIDEO]) == 3

    assert f"left: notes.txt: {VIDEO}" in capsys.readouterr().out


def test_two_ways_to_name_it_or_none_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = str(folder / "dataset")

    assert main(["forget", "--dataset", dataset]) == 2
    assert "nothing is given, expected one of --source, --subject, --rights-holder, --hashes" in capsys.readouterr().err
    assert main(["forget", "--dataset", dataset, "--source", "a", "--subject", "b"]) == 2
    assert "source and subject is given, expected one of" in capsys.readouterr().err


def test_a_dataset_made_of_it_is_named_with_the_command_that_reaches_it(
    folder: Path, records: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, chosen = folder / "dataset", folder / "chosen"
    assert main(["select", "--dataset", str(dataset), "--where", "true", "--output", str(chosen)]) == 0
    assert main(["forget", "--dataset", str(dataset), "--source", VIDEO]) == 0
    said = capsys.readouterr().out
    assert f"not reached: {chosen}, a dataset made of this one" in said
    assert id_of("whole") in kept_records(chosen)

    assert main(["forget", "--dataset", str(chosen), "--hashes", str(dataset / OPT_OUT_NAME)]) == 0

    assert kept_records(chosen).keys().isdisjoint(map(id_of, GONE))
    assert records["whole"].video.bytes not in everything(chosen)


@pytest.mark.parametrize(
    "first", [5, *(pytest.param(first, marks=pytest.mark.slow) for first in range(32) if first != 5)]
)
def test_killed_between_any_two_changes_it_is_finished_by_the_same_command(
    made: Path, tmp_path: Path, records: dict[str, Any], first: int
) -> None:
    """Every 32nd change by default, all of them among the slow tests."""
    killer, ends = the_killer(), 0
    for after in range(first, 400, 32):
        folder = copied(made, tmp_path / str(after))
        try:
            with killer.kills(folder, after=after):
                run(folder)
        except Killed:
            ends += 1
        else:
            break
        found = kept_records(folder / "dataset")
        assert found.items() >= {id_of(name): records[name] for name in STAY}.items()
        if len(found) < len(records):
            assert dataset_opt_outs(folder / "dataset").why(records["whole"].source) is not None
        noted = journal.begun(folder / "dataset")

        done = run(folder)

        assert done is not None or noted is None
        expect_forgotten(folder, records, looks_at_videos=False)
        assert journal.begun(folder / "dataset") is None
        assert list(folder.glob("dataset.forgotten-*.json"))
        shutil.rmtree(folder)
    assert ends > 1


def test_a_receipt_that_cannot_be_written_is_refused_before_anything_goes(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "work")
    (tmp_path / "file").write_text("")

    with pytest.raises(NotADirectoryError, match=r"receipt\.json cannot be written: .*file is a file"):
        forget(folder / "dataset", Asked(by=By.SOURCE, value=VIDEO), receipt=tmp_path / "file" / "receipt.json")

    assert kept_records(folder / "dataset") == kept_records(made / "dataset")
    assert run(folder) is not None, "another command does not have to finish that one"


def test_another_request_first_finishes_what_was_begun(made: Path, tmp_path: Path, records: dict[str, Any]) -> None:
    folder = copied(made, tmp_path / "here")
    with pytest.raises(Killed), the_killer().kills(folder / "dataset" / "samples", after=2):
        run(folder)
    assert "a forgetting that was begun" in {each.found for each in validate(folder / "dataset", workers=1).findings}

    done = run(folder, value=id_of("third"))

    assert {clip["clip_id"] for clip in done.receipt["clips"]} == {id_of("third")}
    assert kept_records(folder / "dataset").keys() == {id_of(name) for name in STAY if name != "third"}
    assert len(list(folder.glob("dataset.forgotten-*.json"))) == 2


_KILLED_FOR_GOOD = """
import os, signal, sys
from pathlib import Path
from pipelines.housekeeping.forgetting.asking import Asked, By
from pipelines.housekeeping.forgetting.forget import forget

left = int(sys.argv[3])

def hook(event, arguments):
    global left
    if event in ("os.rename", "os.remove") and str(arguments[0]).startswith(sys.argv[1]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
forget(Path(sys.argv[1]), Asked(by=By.SOURCE, value=sys.argv[2]), exports=[Path(sys.argv[1]).parent / "plain"])
"""


def test_sigkill_in_the_midst_of_it(folder: Path, records: dict[str, Any]) -> None:
    shutil.rmtree(folder / "dataset" / "cache")
    begun = subprocess.run(
        [sys.executable, "-c", _KILLED_FOR_GOOD, str(folder / "dataset"), VIDEO, "7"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=120,
        check=False,
    )
    assert begun.returncode == -signal.SIGKILL
    assert journal.begun(folder / "dataset") is not None

    done = run(folder)

    assert done.left == []
    expect_forgotten(folder, records)


def test_records_of_every_kind_are_there_to_begin_with(made: Path, records: dict[str, Any]) -> None:
    """So that the law says something: all that it looks for is found before."""
    content = everything(made)
    found = kept_records(made / "dataset")

    assert {type(found[id_of(name)]) for name in GONE} == {Sample, RejectedClip, FailedClip}
    for name in GONE:
        assert id_of(name).encode() in content
    for looked_for in (WORD.encode(), b"A. Person", records["span"].thumbnail.bytes, f"{VIDEO}'".encode()):
        assert looked_for in content


def test_a_dataset_made_of_one_that_forgot_keeps_out_the_same(
    forgotten: tuple[Path, Forgotten], made: Path, tmp_path: Path, records: dict[str, Any]
) -> None:
    dataset = forgotten[0] / "dataset"

    assert main(["select", "--dataset", str(dataset), "--output", str(tmp_path / "chosen")]) == 0

    assert dataset_opt_outs(tmp_path / "chosen") == dataset_opt_outs(dataset)
    assert dataset_opt_outs(dataset).why(records["whole"].source) is not None


def test_what_one_dataset_forgot_does_not_come_back_by_a_merge(
    forgotten: tuple[Path, Forgotten], made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, other = forgotten[0] / "dataset", made / "dataset"

    assert main(["merge", str(dataset), str(other), "--output", str(tmp_path / "both")]) == 2

    said = capsys.readouterr().err
    assert f"dataset {other} holds 4 clips of what {dataset} was told to forget; take them out first" in said
    assert f"make forget DATASET={other} HASHES={dataset / OPT_OUT_NAME}" in said
    assert not (tmp_path / "both").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_file_name_alone_names_no_source_and_is_told_the_whole_one(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert main(["forget", "--dataset", str(folder / "dataset"), "--source", Path(VIDEO).name, *more]) == 0

    assert f"perhaps meant: --source '{VIDEO}'" in capsys.readouterr().out
