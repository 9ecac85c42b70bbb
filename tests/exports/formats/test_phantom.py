"""Read as whoever has the tables does: a span by its name, a frame by its share, a box by the scaled frame."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataset_schema import Box, Sample
from exports.config import ExportConfig
from exports.export import Finished, export
from exports.formats.every_format import FORMATS, FormatName
from exports.published import open_dataset
from exports.refusal import Reason
from tests.exports.made_clips import BLUE, CAPTION, RED, cutout, entity, make_sample, reference, write_dataset

BOX = Box(x0=100.0, y0=200.0, x1=500.0, y1=800.0)
HD = (1080, 1920)


def seen(time_s: float, color: tuple[int, int, int] = RED) -> Any:
    return replace(reference(cutout(color), time_s=time_s), box=BOX)


def clip(number: int, *woman: Any, dog: tuple[Any, ...] = ()) -> Sample:
    made = make_sample(number, video=b"never looked at", size=HD, frames=120)
    return replace(
        made,
        source=replace(
            made.source, id=f"video_{number}", uri=f"https://example.org/{number}", start_s=10.0, end_s=15.0
        ),
        entities=(entity(CAPTION, "woman", *woman), entity(CAPTION, "dog", *dog)),
    )


INSIDE = clip(0, seen(11.0), seen(12.5), seen(14.75))
CROSS = clip(1, seen(20.0), seen(11.0), dog=(seen(12.0, BLUE), seen(13.0, BLUE)))
ALONE = clip(2, seen(11.0))


def run(folder: Path, *samples: Sample) -> Finished:
    dataset = open_dataset(write_dataset(folder / "dataset", samples))
    return export(dataset, FORMATS[FormatName.PHANTOM], folder / "out", ExportConfig())


def read(folder: Path) -> dict[str, dict[str, list[tuple[str, float, list[float]]]]]:
    """Of every clip and phrase the source, the time and the box in its own pixels: target first, then references."""
    spans = {row["vid"]: row for row in pq.read_table(folder / "multi_ref_meta_info.parquet").to_pylist()}
    found = {}
    for row in pq.read_table(folder / "multi_ref.parquet").to_pylist():
        phrases = {}
        for phrase, pair in json.loads(row["cross_pair"]).items():
            assert phrase in row["video_caption"]
            (target,), (group,) = pair["obj_from_tgt_video"], pair["refer_result"]
            assert target["vid"] == row["video_id"]
            pictures = [(target, target["bbox_loc"]), *((each, each["bbox_loc"][0]) for each in group)]
            phrases[phrase] = [resolved(each, box, spans) for each, box in pictures]
        found[spans[row["video_id"]]["clip_id"]] = phrases
    return found


def resolved(picture: Any, box: list[float], spans: Any) -> tuple[str, float, list[float]]:
    span = spans[picture["vid"]]
    _, start_s, end_s = picture["vid"].rsplit("_", 2)
    frames = round((float(end_s) - float(start_s)) * span["fps"])
    time_s = float(start_s) + int(frames * picture["frame_idx"]) / span["fps"]  # as Phantom-Data's README says
    assert span["timestamp"] == f"[{start_s}, {end_s}]"
    scale = max(span["width"], span["height"]) / 768
    return span["uri"], time_s, [round(edge * scale) for edge in box]


def test_times_and_boxes_come_back(tmp_path: Path) -> None:
    run(tmp_path, INSIDE, CROSS)

    found = read(tmp_path / "out")

    box = [100, 200, 500, 800]
    assert found == {
        INSIDE.clip_id: {"woman": [("https://example.org/0", time_s, box) for time_s in (11.0, 12.5, 14.75)]},
        CROSS.clip_id: {
            "woman": [("https://example.org/1", time_s, box) for time_s in (11.0, 20.0)],
            "dog": [("https://example.org/1", time_s, box) for time_s in (12.0, 13.0)],
        },
    }


def test_no_pixel_is_written(tmp_path: Path) -> None:
    run(tmp_path, INSIDE, CROSS)

    names = sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert names == [
        "export.json",
        "manifest.jsonl",
        "multi_ref.parquet",
        "multi_ref_meta_info.parquet",
        "refused.jsonl",
    ]
    content = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"PNG" not in content
    assert b"never looked at" not in content


def test_clips_without_a_pair_or_with_two_things_of_one_name_are_refused(tmp_path: Path) -> None:
    caption = "A dog sees a dog."
    first, second = entity(caption, "dog", seen(11.0), seen(12.0)), entity(caption, "dog", seen(11.0), seen(12.0))
    twins = replace(clip(3), caption=caption, entities=(first, replace(second, start=13, end=16)))

    finished = run(tmp_path, INSIDE, ALONE, twins)

    assert finished.counts.refused == {Reason.NOT_FOR_READER: 2}
    refused = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text("utf-8").splitlines()]
    assert [row["clip_id"] for row in refused] == [ALONE.clip_id, twins.clip_id]
    assert [row["detail"].split(",")[0] for row in refused] == [
        "none of its words has two pictures",
        "'dog' would be the name of two things",
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_ids_and_licences_are_told(tmp_path: Path, number: int) -> None:
    run(tmp_path, INSIDE, CROSS)

    rows = pq.read_table(tmp_path / "out" / "multi_ref_meta_info.parquet").to_pylist()
    own = [row for row in rows if row["uri"] == f"https://example.org/{number}"]
    assert {row["licence"] for row in own} == {"CC-BY-4.0"}
    assert {row["vid"].split("_")[0] for row in own} == {f"video-{number}"}
