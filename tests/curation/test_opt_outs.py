from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from curation.execution.local import LocalExecutor
from curation.execution.processes import ProcessExecutor
from curation.execution.withheld import Withheld
from curation.opt_outs import OPT_OUT_NAME, OptOuts, dataset_opt_outs, read_opt_outs, write_opt_outs
from curation.records import Clip
from curation.stage import Stage
from dataset_schema import Payload, RejectedClip, Source, read_manifest, read_shard, shard_paths
from tests.curation.scripted_stages import MeasureStage, curate, make_clip, make_id, make_source, three_stages

HASH = sha256(b"a video").hexdigest()
LOOKS = "0123456789abcdef" * 3


class HashStage(MeasureStage):
    """Finds out what the file of a clip with the number 1 holds, and leaves a picture of it."""

    def score(self, clips: Sequence[Clip]) -> list[Clip]:
        return [
            replace(
                clip,
                source=replace(clip.source, content_sha256=HASH if clip.clip_id == make_id(1) else "0" * 64),
                thumbnail=Payload(bytes=b"a picture"),
            )
            for clip in super().score(clips)
        ]


def rejections(dataset: Path) -> list[RejectedClip]:
    return [row for path in shard_paths(dataset, RejectedClip) for row in read_shard(path, RejectedClip)]


def test_a_source_on_the_list_of_the_dataset_is_rejected_before_any_stage_and_nothing_is_kept(tmp_path: Path) -> None:
    write_opt_outs(tmp_path, OptOuts.of(make_source(1)))
    clips = [replace(make_clip(n), source=replace(make_source(n), rights_holder="A. Person")) for n in range(3)]

    counts = curate(clips, tmp_path, LocalExecutor()).counts

    assert (counts.kept, counts.rejected) == (2, 1)
    (row,) = rejections(tmp_path)
    assert (row.clip_id, row.caption, row.entities, row.thumbnail) == (make_id(1), "", (), None)
    assert row.source == make_source(1)
    assert [(reason.stage, reason.reason) for reason in row.reasons] == [("read", "opted_out")]
    assert row.reasons[0].detail == "the opt-out list names the source; nothing of it is kept"
    assert read_manifest(tmp_path).funnel[0].rejected == {"opted_out": 1}


@pytest.mark.parametrize("score_all", [False, True])
def test_content_on_a_list_is_rejected_as_soon_as_it_is_known(tmp_path: Path, score_all: bool) -> None:
    def stages() -> list[Stage]:
        return [HashStage(), *three_stages()[1:]]

    opt_outs = OptOuts(contents=frozenset({HASH}))
    clips = [make_clip(n) for n in range(3)]

    counts = curate(
        clips, tmp_path, LocalExecutor(), stages, withheld=Withheld(opt_outs=opt_outs), score_all=score_all
    ).counts

    assert (counts.kept, counts.rejected) == (2, 1)
    (row,) = rejections(tmp_path)
    assert (row.clip_id, row.caption, row.thumbnail) == (make_id(1), "", None)
    assert row.source.content_sha256 == HASH
    assert [(reason.stage, reason.reason) for reason in row.reasons] == [("measure", "opted_out")]


@pytest.mark.slow
def test_worker_processes_know_the_list_too(tmp_path: Path) -> None:
    opt_outs = OptOuts(uris=frozenset({sha256(b"2.mp4").hexdigest()}))

    counts = curate(
        [make_clip(n) for n in range(4)], tmp_path, ProcessExecutor(), withheld=Withheld(opt_outs=opt_outs)
    ).counts

    assert (counts.kept, counts.rejected) == (3, 1)
    assert [row.clip_id for row in rejections(tmp_path)] == [make_id(2)]


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    opt_outs = OptOuts.of(Source(id="ä", uri="/videos/ä.mp4", content_sha256=HASH, perceptual_hash=LOOKS))

    write_opt_outs(tmp_path, opt_outs)

    assert dataset_opt_outs(tmp_path) == opt_outs
    text = (tmp_path / OPT_OUT_NAME).read_text()
    assert "ä.mp4" not in text
    assert HASH in text


def test_a_list_of_ones_own_holds_hashes_ids_and_addresses(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"# what was asked for in May\n{HASH.upper()}\n\n{LOOKS}\n/videos/a b.mp4\r\n")

    found = read_opt_outs(path)

    assert found.contents == {HASH}
    assert found.looks == {LOOKS}
    assert found.why(Source(id="x", uri="/videos/a b.mp4")) is not None
    assert found.why(Source(id="/videos/a b.mp4", uri="x")) is not None
    assert found.why(Source(id="x", uri="/videos/a")) is None


@pytest.mark.parametrize("line", ['{"kind": "contents"}', '{"kind": "names", "value": "a"}', '{"kind": "looks"', "{}"])
def test_a_line_that_is_half_one_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / OPT_OUT_NAME).write_text(f"\n{line}\n")

    with pytest.raises(ValueError, match=rf"{OPT_OUT_NAME}, line 2 reads .* expected what a dataset keeps"):
        dataset_opt_outs(tmp_path)


def test_what_looks_alike_is_meant_by_a_perceptual_hash() -> None:
    opt_outs = OptOuts(looks=frozenset({LOOKS}))

    def why(looks: str) -> str | None:
        return opt_outs.why(Source(id="x", uri="x", perceptual_hash=looks))

    assert why(LOOKS) is not None
    assert why("f" + LOOKS[1:]) is not None  # 4 of 192 bits
    assert why(f"{int(LOOKS, 16) ^ (2**192 - 1):048x}") is None
    assert why(f"{int(LOOKS, 16) ^ (2**30 - 1):048x}") is not None  # 30 bits, 10 a frame
    assert why(f"{int(LOOKS, 16) ^ (2**31 - 1):048x}") is None
