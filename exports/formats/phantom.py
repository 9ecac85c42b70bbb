"""A recipe without pixels, in the tables of Phantom-Data: which words are where in which span of which video.

Source: Phantom-Data's README @02450b5, and what others' readers of the published tables expect, because README and
tables differ: the column is `video_id`, `cross_pair` is JSON in a text, boxes are `bbox_loc`, flat for the target and
one list deeper for references, whose list is a list of groups. A `vid` is an id, a start and an end in seconds between
underscores; `frame_idx` is a share of that span; boxes are x0, y0, x1, y1 of the frame scaled down to 768 pixels on its
long side. A noun phrase is a key, so that two that are alike would be one: such a clip is refused.

Whoever has the videos can cut the pictures again; nothing in the tables is anybody's picture. Where an entity's
pictures are from another time than the clip, they are the references, and what was seen inside is the target; else the
target is one picture, and the references are the others. Our choice: an entity with one picture alone is left out,
because a pair is what these rows are. Nothing here was trained.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, Final

import pyarrow as pa

from dataset_schema import Entity, ReferenceScores, Sample
from exports.binding import is_outside
from exports.clip import ExportedClip
from exports.form import Row, Written
from exports.formats.folder import FolderFormat
from exports.grids import FrameGrid
from exports.naming import described
from exports.target import Target

_LONG_SIDE: Final = 768
# Our choice: so long is the span that shows one frame of another time.
_INSTANT_S: Final = 0.1
_ROWS_PER_GROUP: Final = 1_000
_PAIRS: Final = pa.schema(
    [("video_id", pa.string()), ("video_caption", pa.string()), ("cross_pair", pa.string()), ("clip_id", pa.string())]
)
_SPANS: Final = pa.schema(
    [
        ("vid", pa.string()),
        ("uri", pa.string()),
        ("timestamp", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("fps", pa.float64()),
        ("clip_id", pa.string()),
        ("licence", pa.string()),
    ]
)


class Phantom(FolderFormat):
    """Two tables."""

    name: ClassVar[str] = "phantom"
    summary: ClassVar[str] = "Phantom-Data's tables: ids, times, words and boxes, and no pixel"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), least_references=0, most_references=0, writes_videos=False, reads_videos=False
    )

    opens_addresses: ClassVar[bool] = True

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """Pairs, and the spans that they name."""
        phrases = [(described(sample.caption, each.start, each.end), each) for each in sample.entities]
        paired = {phrase: pair for phrase, entity in phrases if (pair := _pair(entity, sample)) is not None}
        again = Counter(phrase for phrase, entity in phrases if _pair(entity, sample) is not None)
        vids = {_vid(sample), *(each["vid"] for pair in paired.values() for each in pair["refer_result"][0])}
        return {
            "video_id": _vid(sample),
            "video_caption": sample.caption,
            "cross_pair": paired,
            "alike": sorted(phrase for phrase, times in again.items() if times > 1),
            "spans": sorted(vids),
            "uri": sample.source.uri,
            "width": sample.media.width,
            "height": sample.media.height,
            "fps": sample.media.fps,
            "clip_id": clip.clip_id,
            "licence": clip.licence,
        }

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """A clip without pairs, or of which one would hide another."""
        del clip
        if not row["cross_pair"]:
            yield "none of its words has two pictures, expected a target and a reference"
        if row["alike"]:
            yield f"{row['alike'][0]!r} would be the name of two things"

    def tables(self, written: Written) -> Iterator[tuple[str, pa.Schema, Iterable[pa.Table]]]:
        """The pairs, and where the spans are."""
        yield "multi_ref.parquet", _PAIRS, _grouped(map(_as_pairs, written.rows()), _PAIRS)
        spans = (span for row in written.rows() for span in _as_spans(row))
        yield "multi_ref_meta_info.parquet", _SPANS, _grouped(spans, _SPANS)

    def command(self, written: Written) -> str:
        """What comes next is whoever has the videos."""
        return f"the tables are {written.output}/multi_ref.parquet and {written.output}/multi_ref_meta_info.parquet"


def _pair(entity: Entity, sample: Sample) -> Row | None:
    """A target inside the clip and references, best from another time."""
    known = [
        each for each in entity.references if each.box is not None and each.time_s is not None and not each.is_face
    ]
    inside = [each for each in known if not is_outside(each, sample)]
    outside = [each for each in known if is_outside(each, sample)]
    compared = [each for each in entity.rejected_references if each.is_for_comparison and each.box is not None]
    targets: list[ReferenceScores] = [*inside, *compared]
    references = outside or inside[1:]
    if not targets or not references:
        return None
    target = {**_seen(targets[0], sample), "bbox_cls": entity.word}
    found = [_seen(each, sample) for each in references]
    return {
        "obj_from_tgt_video": [target],
        "refer_result": [[{**each, "bbox_loc": [each["bbox_loc"]], "bbox_cls": entity.word} for each in found]],
    }


def _seen(reference: ReferenceScores, sample: Sample) -> Row:
    box, time_s = reference.box, reference.time_s or 0.0
    if box is None:
        raise ValueError(f"clip {sample.clip_id} has a picture without a box, expected those that were cut")
    scale = min(1.0, _LONG_SIDE / max(sample.media.height, sample.media.width))
    start_s, end_s = _span(sample)
    place = [round(edge * scale, 2) for edge in (box.x0, box.y0, box.x1, box.y1)]
    if is_outside(reference, sample):
        return {"vid": _named(sample, time_s, time_s + _INSTANT_S), "frame_idx": 0.0, "bbox_loc": place}
    middle_s = time_s + 0.5 / sample.media.fps  # of the frame, so that rounding gives no other
    return {"vid": _vid(sample), "frame_idx": (middle_s - start_s) / (end_s - start_s), "bbox_loc": place}


def _span(sample: Sample) -> tuple[float, float]:
    start_s = sample.source.start_s or 0.0
    end_s = sample.source.end_s
    return start_s, start_s + sample.media.duration_s if end_s is None else end_s


def _vid(sample: Sample) -> str:
    return _named(sample, *_span(sample))


def _named(sample: Sample, start_s: float, end_s: float) -> str:
    return f"{sample.source.id.replace('_', '-')}_{start_s:.3f}_{end_s:.3f}"


def _as_pairs(row: Row) -> Row:
    return {**row, "cross_pair": json.dumps(row["cross_pair"], ensure_ascii=False)}


def _as_spans(row: Row) -> Iterator[Row]:
    for vid in row["spans"]:
        _, start_s, end_s = vid.rsplit("_", 2)
        yield {**row, "vid": vid, "timestamp": f"[{start_s}, {end_s}]"}


def _grouped(rows: Iterator[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    names = schema.names
    while group := [{name: row[name] for name in names} for row in islice(rows, _ROWS_PER_GROUP)]:
        yield pa.Table.from_pylist(group, schema=schema)
