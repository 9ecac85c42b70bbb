import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dataset_schema import (
    Annotator,
    DatasetManifest,
    EntityKind,
    FailedClip,
    FunnelRow,
    RejectedClip,
    Sample,
    read_manifest,
    write_manifest,
    write_shard,
)
from pipelines.terminal import terminal
from pipelines.verbs.inspect import inspect, main, render_funnel
from pipelines.views.contact_sheet import kept_sheet, rejected_sheet
from pipelines.views.dataset_summary import summarize

MakeSample = Callable[[int], Sample]

FUNNEL = (
    FunnelRow(stage="entity_words", entered=9, passed=8, rejected={"plural_subject": 1}),
    FunnelRow(stage="decode", entered=8, passed=6, failed={"input": 1, "corrupt": 1}),
    FunnelRow(stage="single_shot", entered=6, passed=4, rejected={"several_shots": 2}),
)


@pytest.fixture
def samples(make_sample: MakeSample) -> list[Sample]:
    return [make_sample(index) for index in (0, 2, 3, 5)]


@pytest.fixture
def dataset(tmp_path: Path, samples: list[Sample], rejected_clip: RejectedClip, failed_clip: FailedClip) -> Path:
    path = tmp_path / "dataset"
    annotators = (Annotator(job="shots", name="TransNetV2", revision="1.0.5", weights_sha256="ab" * 32),)
    manifest = DatasetManifest(profile="embedded", config={}, annotators=annotators, funnel=FUNNEL, complete=True)
    write_manifest(path, manifest)
    write_shard(path / "samples/part-0.parquet", samples[:3])
    write_shard(path / "samples/part-1.parquet", samples[3:])
    write_shard(path / "rejections/part-0.parquet", [rejected_clip] * 3)
    write_shard(path / "failures/part-0.parquet", [failed_clip] * 2)
    return path


def printed(dataset: Path) -> str:
    console = terminal(width=160)
    with console.capture() as capture:
        inspect(dataset, None, 2, console)
    return capture.get()


def cells(table: str, words: str) -> list[list[str]]:
    """The cells of the lines of a drawn table that contain one of the words."""
    lines = [line for line in table.splitlines() if re.search(words, line)]
    return [[cell.strip() for cell in re.split("[\u2502\u2503]", line)[1:-1]] for line in lines]


def test_the_funnel_shows_every_stage_with_its_reasons() -> None:
    console = terminal(width=120)
    with console.capture() as capture:
        console.print(render_funnel(FUNNEL))

    assert cells(capture.get(), "entity_words|decode|corrupt|single_shot") == [
        ["entity_words", "9", "8", "1", "-", "plural_subject 1"],
        ["decode", "8", "6", "-", "2", "input 1"],
        ["", "", "", "", "", "corrupt 1"],
        ["single_shot", "6", "4", "2", "-", "several_shots 2"],
    ]


def test_what_is_printed_says_who_ran_and_what_became_of_every_clip(dataset: Path) -> None:
    text = printed(dataset)

    assert "profile: embedded" in text
    assert ["shots", "TransNetV2", "1.0.5", "abababababab"] in cells(text, "TransNetV2")
    assert "read 9 = kept 4 + rejected 3 + failed 2\n" in text
    assert str(dataset / "contact_sheets" / "kept.html") in text


def test_a_run_that_has_not_finished_says_so(dataset: Path) -> None:
    manifest = read_manifest(dataset)
    write_manifest(dataset, replace(manifest, complete=False))

    assert "has not finished" in printed(dataset)


def test_the_summary_counts_words_buckets_references_and_backgrounds(dataset: Path, samples: list[Sample]) -> None:
    summary = summarize(dataset)

    entities = [entity for sample in samples for entity in sample.entities]
    for kind in EntityKind:
        assert summary.words[kind] == Counter(entity.word for entity in entities if entity.kind == kind)
    assert summary.buckets == {"25x96x160": 4}
    seen = [len(entity.references) for entity in entities if entity.kind != EntityKind.BACKGROUND]
    assert summary.references == Counter(seen)
    assert summary.faces == 0
    assert summary.backgrounds == 4


def test_face_crops_and_missing_backgrounds_are_counted(dataset: Path, samples: list[Sample]) -> None:
    entity = next(entity for entity in samples[0].entities if entity.references)
    faces = tuple(replace(reference, is_face=True) for reference in entity.references[:2])
    changed = replace(samples[0], background=None, entities=(replace(entity, references=faces),))
    write_shard(dataset / "samples/part-0.parquet", [changed])

    summary = summarize(dataset)

    assert summary.faces == 2
    assert summary.backgrounds == 1
    assert sum(summary.buckets.values()) == 2


def test_terms_and_hashes_of_the_kept_clips_are_counted_and_printed(dataset: Path, samples: list[Sample]) -> None:
    told = replace(samples[0].source, licence="CC0", consent="yes", content_sha256="ab" * 32)
    known = replace(samples[1].source, licence="CC0", content_sha256="cd" * 32)
    changed = [replace(samples[0], source=told), replace(samples[1], source=known), samples[2]]
    write_shard(dataset / "samples/part-0.parquet", changed)

    assert summarize(dataset).licences == {"CC0": 2, None: 2}
    said = "licences of kept clips: CC0 2, none said 2   their sources also say: consent 1, content sha256 2"
    assert said in printed(dataset)


def test_counting_never_reads_a_video_or_a_picture(dataset: Path) -> None:
    expected = summarize(dataset)
    for shard in (dataset / "samples").glob("*.parquet"):
        wipe(shard, "bytes")

    with pytest.raises(ValueError, match=r"cannot be read \(.*\); delete it and curate again"):
        inspect(dataset, None, 4, terminal(is_quiet=True))

    assert summarize(dataset) == expected


def wipe(shard: Path, leaf: str) -> None:
    """Overwrite every column of bytes with zeros."""
    group = pq.read_metadata(shard).row_group(0)
    content = bytearray(shard.read_bytes())
    for index in range(group.num_columns):
        column = group.column(index)
        if column.path_in_schema.split(".")[-1] == leaf:
            start = column.dictionary_page_offset or column.data_page_offset
            content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    shard.write_bytes(content)


def test_the_sheets_show_the_first_clips(
    dataset: Path, samples: list[Sample], rejected_clip: RejectedClip, failed_clip: FailedClip, tmp_path: Path
) -> None:
    sheets = inspect(dataset, tmp_path / "sheets", 2, terminal(is_quiet=True))

    rejected = rejected_sheet([rejected_clip] * 2, [failed_clip] * 2, num_rejected=3, num_failed=2, policy={})
    assert sheets.kept.parent == sheets.rejected.parent == tmp_path / "sheets"
    assert sheets.kept.read_text() == kept_sheet(samples[:2], total=4, policy={})
    assert sheets.rejected.read_text() == rejected


def test_a_dataset_in_which_nothing_is_left_can_be_looked_at(tmp_path: Path) -> None:
    write_manifest(tmp_path, DatasetManifest(profile="embedded", config={}, annotators=(), funnel=(), complete=True))

    assert "read 0 = kept 0 + rejected 0 + failed 0" in printed(tmp_path)


def test_a_folder_that_is_no_dataset_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no dataset\.json") as caught:
        main(["--dataset", str(tmp_path)])

    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 99}'])
def test_a_damaged_manifest_is_refused_in_one_line(dataset: Path, content: str) -> None:
    (dataset / "dataset.json").write_text(content, encoding="utf-8")

    with pytest.raises(ValueError, match=str(dataset)) as caught:
        main(["--dataset", str(dataset)])

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["samples", "rejections", "failures"])
def test_a_damaged_shard_is_named(dataset: Path, table: str) -> None:
    shard = dataset / table / "part-0.parquet"
    shard.write_bytes(shard.read_bytes()[:100])

    with pytest.raises(ValueError, match=str(shard)):
        main(["--dataset", str(dataset)])


def test_a_sheet_of_no_clips_is_refused(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--dataset", str(dataset), "--limit", "0"])

    assert "limit is 0, expected at least 1" in capsys.readouterr().err
