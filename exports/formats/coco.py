"""COCO: the frames in which entities were segmented, as pictures with boxes and masks, for FiftyOne and detectors.

Source: pycocotools 2.0.11 and labelformat 0.1.17. `bbox` is x, y, width, height; a mask is lengths of runs as integers,
which is what COCO's own tools read beside polygons. `iscrowd` is 0, because each is one thing and trainers drop crowds;
labelformat's reader of masks and Label Studio's converter (label-studio-sdk 2.1.2) expect polygons there and stop at
anything else, labelformat's reader of boxes takes them as they are. FiftyOne looks for the
pictures, so they are written, as JPEG. A word is a category. Nothing here was trained.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import ClassVar, Final

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.content import Content, whole
from exports.form import Row, Written
from exports.formats.folder import FolderFormat
from exports.formats.tracks import categories, instances, tracks
from exports.frames import frames_of
from exports.grids import FrameGrid
from exports.placing import placed_pictures
from exports.target import Target

_FOLDER: Final = "images"


class Coco(FolderFormat):
    """Frames, and one file of annotations."""

    name: ClassVar[str] = "coco"
    summary: ClassVar[str] = "COCO: the frames in which entities were segmented, with boxes and masks, for FiftyOne"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), least_references=0, most_references=0, writes_videos=False, takes_masks=True
    )

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """The frames."""
        wanted = {placed.frame for placed in placed_pictures(clip, sample)}
        return {_name(clip.clip_id, frame): jpeg for frame, jpeg in frames_of(whole(video), wanted)}

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """The frames of a clip."""
        frames = sorted({placed.frame for placed in placed_pictures(clip, sample)})
        video = clip.video
        return {
            "clip_id": clip.clip_id,
            "caption": clip.caption,
            "width": video.width,
            "height": video.height,
            "frames": frames,
        }

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """What is in them."""
        return {"tracks": tracks(clip, sample)}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """A clip of which no frame would be written."""
        del clip
        if not row["frames"]:
            yield "no picture of it was cut out of a frame that it shows"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """Everything in one file."""
        numbers = categories(written.rows())
        yield instances("images", _images(written.rows()), _annotations(written.rows(), numbers), numbers)

    def command(self, written: Written) -> str:
        """As FiftyOne opens it."""
        return (
            "fiftyone.Dataset.from_dir(dataset_type=fiftyone.types.COCODetectionDataset, "
            f'data_path="{written.output}", labels_path="{written.output}/instances.json")'
        )


def _name(clip_id: str, frame: int) -> str:
    return f"{_FOLDER}/{clip_id}-{frame:05d}.jpg"


def _numbered(rows: Iterable[Row]) -> Iterator[tuple[int, int, Row]]:
    """Every frame with the number of its picture."""
    ids = count(1)
    for row in rows:
        for frame in row["frames"]:
            yield next(ids), frame, row


def _images(rows: Iterable[Row]) -> Iterator[Row]:
    for number, frame, row in _numbered(rows):
        own = {name: row[name] for name in ("width", "height", "clip_id", "caption")}
        yield {"id": number, "file_name": _name(row["clip_id"], frame), "frame": frame, **own}


def _annotations(rows: Iterable[Row], numbers: dict[str, int]) -> Iterator[Row]:
    ids = count(1)
    for image, frame, row in _numbered(rows):
        for track in row["tracks"]:
            if (found := track["frames"].get(str(frame))) is not None:
                yield {
                    "id": next(ids),
                    "image_id": image,
                    "category_id": numbers[track["word"].lower()],
                    "iscrowd": 0,
                    **found,
                    **{name: track[name] for name in ("word", "kind", "start", "end")},
                }
