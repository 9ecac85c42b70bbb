"""Exports as a whole: every row is written or refused, and whatever happens on the way leaves that true."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from dataset_schema import Payload, Sample
from exports import export as exporting
from exports.config import ExportConfig
from exports.cutting import CutConfig, Footage
from exports.disk_ledger import DiskLedger
from exports.export import Finished, export
from exports.formats.every_format import FORMATS, FormatName
from exports.pictures import PicturesConfig
from exports.planning import expect_possible
from exports.published import open_dataset
from exports.refusal import Reason
from exports.survey import Counts, survey
from exports.target import Cutouts
from tests.exports.made_clips import as_cut, clip_id, entity, make_sample, shown, video_bytes, write_dataset

ROOT = Path(__file__).parents[2]
MUSUBI = FORMATS[FormatName.MUSUBI]
LONG, SHORT = video_bytes(frames=130), video_bytes(frames=60)


def sample(number: int, video: bytes = LONG, frames: int = 130) -> Sample:
    return make_sample(number, video=video, frames=frames)


def run(dataset: Path, output: Path, config: ExportConfig | None = None, name: str = "musubi") -> Finished:
    return export(open_dataset(dataset), FORMATS[FormatName(name)], output, config or ExportConfig())


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, by the hash of what it holds."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Five clips in two shards: the second is too short, the fourth stands there before, the fifth has no pictures."""
    bare = replace(sample(4), caption="Waves.", entities=(entity("Waves.", "Waves"),))
    return write_dataset(tmp_path / "dataset", [sample(0), sample(1, SHORT, 60)], [sample(2), sample(0), bare])


def test_every_row_is_written_or_refused_and_what_was_said_before_is_what_comes(dataset: Path, tmp_path: Path) -> None:
    planned = survey(open_dataset(dataset), MUSUBI, ExportConfig())

    found = run(dataset, tmp_path / "out").counts

    assert found == planned
    assert (found.rows, found.written) == (5, 2)
    assert found.refused == {Reason.TOO_SHORT: 1, Reason.REPEATED_CLIP: 1, Reason.NO_PICTURES: 1}
    written = lines(tmp_path / "out" / "manifest.jsonl")
    assert [row["clip_id"] for row in written] == [clip_id(0), clip_id(2)]
    refused = lines(tmp_path / "out" / "refused.jsonl")
    assert [row["clip_id"] for row in refused] == [clip_id(1), clip_id(0), clip_id(4)]


def test_the_manifest_tells_sources_licences_and_the_hash_of_every_file(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")

    (first, _) = lines(tmp_path / "out" / "manifest.jsonl")
    files = [first["video"]["file"], *(picture["file"] for picture in first["pictures"])]  # type: ignore[index,attr-defined]
    assert (first["licence"], first["source"]["uri"]) == ("CC-BY-4.0", "/nowhere/0.mp4")  # type: ignore[index]
    assert {each["name"]: each["sha256"] for each in files}.items() <= tree(tmp_path / "out").items()
    assert (tmp_path / "out" / "videos" / f"{clip_id(0)}.mp4").read_bytes() == LONG


def test_the_hash_of_a_whole_source_is_that_of_curation_and_any_other_file_is_hashed(tmp_path: Path) -> None:
    known = "0" * 64  # of no file: as where the shard was damaged since then
    source = replace(sample(0).source, uri=f"/nowhere/{sample(0).video.path}", content_sha256=known)
    part = replace(source, start_s=0.0, end_s=4.0)
    picture = replace(source, uri="/nowhere/a.b.png")  # of which the video was made
    dataset = write_dataset(
        tmp_path / "dataset",
        [replace(sample(number), source=each) for number, each in enumerate((source, part, picture))] + [sample(3)],
    )

    run(dataset, tmp_path / "out", name="plain")

    written = [row["video"]["file"]["sha256"] for row in lines(tmp_path / "out" / "manifest.jsonl")]  # type: ignore[index]
    assert written == [known, *[sha256(LONG).hexdigest()] * 3]


def test_nothing_but_the_export_is_left(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")

    assert {path.name for path in tmp_path.iterdir()} == {"dataset", "out"}
    assert not [name for name in tree(tmp_path / "out") if name.startswith(".")]


def test_the_same_export_again_is_told_and_not_done(dataset: Path, tmp_path: Path) -> None:
    first = run(dataset, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}

    again = run(dataset, tmp_path / "out")

    assert (first.is_new, again.is_new) == (True, False)
    assert (again.counts, again.command) == (first.counts, first.command)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_an_output_where_something_else_is_is_refused(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "out")
    (tmp_path / "mine").mkdir()

    with pytest.raises(ValueError, match="exists and is another export"):
        run(dataset, tmp_path / "out", ExportConfig(cut=CutConfig(frames=124)))
    with pytest.raises(ValueError, match="or none; name a new folder"):
        run(dataset, tmp_path / "mine")


def test_a_dataset_that_is_still_written_is_refused(tmp_path: Path) -> None:
    begun = write_dataset(tmp_path / "dataset", [sample(0)], complete=False)

    with pytest.raises(ValueError, match="is not finished; curate again to go on, then export"):
        run(begun, tmp_path / "out")


def test_a_missing_shard_is_told_before_anything_is_written(dataset: Path, tmp_path: Path) -> None:
    (dataset / "samples" / "part-00001.parquet").unlink()

    with pytest.raises(ValueError, match=r"has 2 samples in 1 shards, and its dataset.json counts 5"):
        survey(open_dataset(dataset), MUSUBI, ExportConfig())


def test_a_dataset_of_which_nothing_can_be_written_leaves_nothing(tmp_path: Path) -> None:
    short = write_dataset(tmp_path / "dataset", [sample(1, SHORT, 60)])

    with pytest.raises(ValueError, match=r"no row of .* could be written, nothing is exported; such as too_short"):
        run(short, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_video_that_changed_behind_its_row_is_refused_and_counted(tmp_path: Path) -> None:
    gone = replace(sample(1), video=Payload(bytes=SHORT, path="a.mp4"))  # its row says 130 frames
    dataset = write_dataset(tmp_path / "dataset", [sample(0), gone])

    counts = run(dataset, tmp_path / "out", name="diffsynth-vace").counts

    assert (counts.rows, counts.written) == (2, 1)
    assert counts.refused == {Reason.UNREADABLE_VIDEO: 1}
    assert sorted(path.name for path in (tmp_path / "out" / "videos").iterdir()) == [f"{clip_id(0)}.mp4"]


@pytest.mark.parametrize("cutouts", [None, Cutouts.RECTANGLE])
def test_a_clip_is_not_cut_again_out_of_a_file_that_is_another_by_now(tmp_path: Path, cutouts: Cutouts | None) -> None:
    """Either the video is cut out of its source, or the published cut is copied and its pictures' frames are."""
    same, other = tmp_path / "same.mp4", tmp_path / "other.mp4"
    cuts = []
    for number, source in enumerate((same, other, other)):
        source.write_bytes(LONG)
        cut = as_cut(sample(number), source, start_s=0.0, end_s=5.4)
        content = sha256(LONG).hexdigest() if number < 2 else None
        cuts.append(replace(cut, source=replace(cut.source, content_sha256=content)))
    other.write_bytes(LONG[:-1] + b"?")  # as long as before, and still a video of as many frames
    dataset = write_dataset(tmp_path / "dataset", cuts)
    footage = Footage.SOURCE if cutouts is None else Footage.PUBLISHED
    config = ExportConfig(cut=CutConfig(footage=footage), pictures=PicturesConfig(cutouts=cutouts))

    counts = export(open_dataset(dataset), MUSUBI, tmp_path / "out", config).counts

    assert (counts.rows, counts.written, dict(counts.refused)) == (3, 2, {Reason.CHANGED_SOURCE: 1})
    assert "other.mp4 is another file by now" in counts.examples[Reason.CHANGED_SOURCE]
    assert [clip["clip_id"] for clip in lines(tmp_path / "out" / "manifest.jsonl")] == [clip_id(0), clip_id(2)], (
        "nothing is known of the third's source"
    )


def test_what_no_row_could_fulfil_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"cut.frames is 121, expected 17n\+5 frames at 24 fps, 124 to 345"):
        expect_possible(MUSUBI, ExportConfig(cut=CutConfig(frames=121)))


class Killed(BaseException):
    """In place of the signal."""


@pytest.mark.parametrize("moment", range(8))
def test_an_export_that_was_killed_goes_on_and_is_the_same(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    run(dataset, tmp_path / "undisturbed" / "out")
    monkeypatch.setattr(exporting, "_ROWS_AT_ONCE", 1)
    calls = iter(range(100))

    def dying(kept: object) -> object:
        def call(*positional: object, **named: object) -> object:
            if next(calls) == moment:
                raise Killed
            return kept(*positional, **named)  # type: ignore[operator]

        return call

    with monkeypatch.context() as patched:
        for name in ("commit", "stage", "_move"):
            patched.setattr(DiskLedger, name, dying(getattr(DiskLedger, name)))
        with pytest.raises(Killed):
            run(dataset, tmp_path / "killed" / "out")
    assert not (tmp_path / "killed" / "out").exists()

    run(dataset, tmp_path / "killed" / "out")

    assert told(tmp_path / "killed" / "out") == told(tmp_path / "undisturbed" / "out")


def told(folder: Path) -> dict[str, str]:
    """All files, without what names their place."""
    return {name: digest for name, digest in tree(folder).items() if name not in ("dataset.toml", "export.json")}


def test_files_that_were_lost_between_are_written_again(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "_write_heads", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(dataset, tmp_path / "out")
    video = tmp_path / ".out.tmp" / "videos" / f"{clip_id(0)}.mp4"
    video.write_bytes(b"")  # as a machine leaves it that lost its power

    run(dataset, tmp_path / "out")

    assert (tmp_path / "out" / "videos" / f"{clip_id(0)}.mp4").read_bytes() == LONG


def test_what_was_begun_with_other_settings_is_not_gone_on_with(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(exporting, "_write_heads", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(dataset, tmp_path / "out")

    with pytest.raises(ValueError, match=r"was begun in .* with another config"):
        run(dataset, tmp_path / "out", ExportConfig(cut=CutConfig(frames=124)))


def test_two_at_once_do_not_write_the_same_export(dataset: Path, tmp_path: Path) -> None:
    with (
        DiskLedger(tmp_path / "out").alone(),
        pytest.raises(Exception, match="is being written by another command"),
    ):
        run(dataset, tmp_path / "out")


def test_several_processes_write_what_one_does(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path / "one" / "out", name="diffsynth-vace")

    run(dataset, tmp_path / "two" / "out", ExportConfig(workers=2), name="diffsynth-vace")

    one, two = tmp_path / "one" / "out", tmp_path / "two" / "out"
    assert set(tree(two)) == set(tree(one))
    for name in tree(one):
        if name.endswith(".mp4"):  # the scaler may round otherwise in another process
            assert max(abs(a - b) for a, b in zip(shown(two / name), shown(one / name), strict=True)) <= 1
        elif not name.startswith(("manifest", "export")):
            assert (two / name).read_bytes() == (one / name).read_bytes()


@pytest.mark.slow
def test_a_process_that_is_killed_in_its_midst_leaves_no_export_and_the_next_one_finishes(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "dataset", [sample(number) for number in range(12)])
    words = ["export", "--dataset", str(dataset), "--to", "diffsynth-vace", "--output", str(tmp_path / "out")]
    command = [sys.executable, "-m", "pipelines", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    staged = tmp_path / ".out.tmp" / ".export" / "staged"
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(staged.glob("*/videos/*")) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "out").exists()

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "rows 12 = written 12 + refused 0" in done.stdout
    assert len(list((tmp_path / "out" / "videos").iterdir())) == 12


def test_the_videos_of_a_dataset_are_not_read_to_plan_an_export(dataset: Path) -> None:
    shard = dataset / "samples" / "part-00000.parquet"
    content = shard.read_bytes()
    at = content.index(LONG[100:200])
    shard.write_bytes(content[:at] + bytes(100) + content[at + 100 :])  # whoever reads that page stumbles

    assert survey(open_dataset(dataset), MUSUBI, ExportConfig()).written == 2


def test_counts_come_back_from_the_end_mark() -> None:
    counts = Counts()
    counts.refuse("a", "too_short", "why")

    assert Counts.from_json(json.loads(json.dumps(counts.to_json()))) == counts


def test_a_selection_by_another_tool_is_exported_too(dataset: Path, tmp_path: Path) -> None:
    shutil.copy(dataset / "samples" / "part-00000.parquet", tmp_path / "some.parquet")

    assert run(tmp_path / "some.parquet", tmp_path / "out").counts.written == 1
