"""Label Studio: videos with the boxes of their entities as predictions, which people look through and correct.

Source: Label Studio's documents of its tasks, predictions and the tags Video, VideoRectangle and Labels, and its editor
(web/libs/editor/src/regions/VideoRegion.js). A region is a `sequence` of key frames, numbered from 1, with boxes in
percent of the video's sides. The editor draws a box from a key frame on, and moves it to the next one, unless that key
frame is not `enabled`: then it shows it there and nowhere else. Nothing is known of entities between the frames in
which they were segmented, so none is enabled; whoever wants boxes between enables them in the editor. Frames are found
by their number and the pace of the task (`$fps`), so that a clip whose pace varies is refused. Masks it takes for
pictures alone. Files of this machine are served below `/data/local-files/`, by their paths in the folder that Label
Studio is told. Looked at in Label Studio 1.23.2: boxes cover what they are of, in their frames and in no other.
"""

import colorsys
import json
import shlex
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final
from xml.sax.saxutils import quoteattr

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.cutting import is_cut
from exports.form import Row, Written, json_list
from exports.formats.folder import FolderFormat
from exports.formats.tracks import categories, tracks
from exports.grids import FrameGrid
from exports.target import Target

# The golden ratio: no two of its multiples fall together.
_HUE_STEP: Final = 0.618034
_REGION: Final = {"from_name": "box", "to_name": "video", "type": "videorectangle"}


class LabelStudio(FolderFormat):
    """Videos, a file of tasks, and what the project is told to show."""

    name: ClassVar[str] = "label-studio"
    summary: ClassVar[str] = "Label Studio: videos with the boxes of their entities, to be corrected by people"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), uses_sound=True, least_references=0, most_references=0, takes_masks=True
    )

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A video."""
        video = clip.video
        return {
            "clip_id": clip.clip_id,
            "caption": clip.caption,
            "video": video.file.name,
            "width": video.width,
            "height": video.height,
            "length": video.num_frames,
            "fps": video.fps,
            "is_steady": not (video.is_copy and sample.media.is_vfr) or is_cut(sample),
        }

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """Its tracks."""
        return {"tracks": tracks(clip, sample)}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """Frames that would be found at other times than theirs."""
        del clip
        if not row["is_steady"]:
            yield "its frames come at no steady pace, by which Label Studio finds them; curate it as exact cuts"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The tasks, and the labels of the project."""
        yield "tasks.json", json_list(map(json.dumps, map(_task, written.rows())))
        yield "config.xml", _config(categories(written.rows()))

    def command(self, written: Written) -> str:
        """As Label Studio is started; the rest is done in its pages."""
        root = shlex.quote(str(written.output))
        return (
            f"LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={root} "
            f"label-studio start  # a project with config.xml, {written.output}/videos as its local storage "
            "(not synced), and tasks.json imported"
        )


def _task(row: Row) -> Row:
    regions = [_region(number, track, row) for number, track in enumerate(row["tracks"], start=1)]
    return {
        "data": {
            "video": f"/data/local-files/?d={row['video']}",
            "fps": row["fps"],
            "clip_id": row["clip_id"],
            "caption": row["caption"],
            "entities": [
                {"region": region["id"], **{name: track[name] for name in ("word", "kind", "start", "end")}}
                for region, track in zip(regions, row["tracks"], strict=True)
            ],
        },
        "predictions": [{"model_version": "curation", "result": regions}],
    }


def _region(number: int, track: Row, row: Row) -> Row:
    frames = sorted((int(frame), found["bbox"]) for frame, found in track["frames"].items())
    return {
        "id": f"entity-{number}",
        **_REGION,
        "value": {
            "framesCount": row["length"],
            "duration": row["length"] / row["fps"],
            "sequence": [_key_frame(frame + 1, bbox, row) for frame, bbox in frames],
            "labels": [track["word"].lower()],
        },
    }


def _key_frame(number: int, bbox: list[int], row: Row) -> Row:
    x, y, width, height = bbox
    return {
        "frame": number,
        "time": number / row["fps"],
        "enabled": False,
        "rotation": 0,
        "x": 100 * x / row["width"],
        "y": 100 * y / row["height"],
        "width": 100 * width / row["width"],
        "height": 100 * height / row["height"],
    }


def _config(words: Iterable[str]) -> Iterator[str]:
    yield "<View>"
    yield '  <Labels name="label" toName="video" allowEmpty="true">'
    for number, word in enumerate(words):
        yield f'    <Label value={quoteattr(word)} background="{_color(number)}"/>'
    yield "  </Labels>"
    yield '  <Video name="video" value="$video" frameRate="$fps"/>'
    yield '  <VideoRectangle name="box" toName="video"/>'
    yield '  <Text name="caption" value="$caption"/>'
    yield "</View>"


def _color(number: int) -> str:
    """Neighbours in the list are far apart on the circle of hues; without a color of its own every label has one."""
    channels = colorsys.hls_to_rgb(number * _HUE_STEP % 1.0, 0.45, 0.75)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
