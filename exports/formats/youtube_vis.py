"""YouTube-VIS: videos with the masks of their entities, for looking at them in LightlyStudio and for trackers.

Source: labelformat 0.1.17, which LightlyStudio reads with (lightly-studio @8f4a390). `bboxes`, `segmentations` and
`areas` have a value for each frame, null where nothing is known; a list that is shorter stops the reader, and so do
masks as letters: lengths are lists of integers. A video is found by the folder of its `file_names`, and `length` has to
be the number of frames that decode. Of our frames three at most have masks. A word is a category; where it stands in
the caption is in fields of our own, which readers pass over. Nothing here was trained.
"""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import ClassVar

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.form import Row, Written
from exports.formats.folder import FolderFormat
from exports.formats.tracks import categories, instances, tracks
from exports.grids import FrameGrid
from exports.target import Target


class YoutubeVis(FolderFormat):
    """Videos, and one file of tracks."""

    name: ClassVar[str] = "youtube-vis"
    summary: ClassVar[str] = "YouTube-VIS: videos with the masks of their entities, for LightlyStudio"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(), uses_sound=True, least_references=0, most_references=0, takes_masks=True
    )

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """A video of the list."""
        del sample
        video = clip.video
        size = {"width": video.width, "height": video.height, "length": video.num_frames}
        return {"clip_id": clip.clip_id, "caption": clip.caption, **size}

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """Its tracks."""
        return {"tracks": tracks(clip, sample)}

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """Everything in one file."""
        numbers = categories(written.rows())
        yield instances("videos", map(_video, written.rows(), count(1)), _annotations(written.rows(), numbers), numbers)

    def command(self, written: Written) -> str:
        """What a tool is told."""
        return f"videos are in {written.output}/videos, their tracks in {written.output}/instances.json"


def _video(row: Row, number: int) -> Row:
    names = [f"{row['clip_id']}/{frame:05d}.jpg" for frame in range(row["length"])]
    own = {name: row[name] for name in ("width", "height", "length", "caption")}
    return {"id": number, "file_names": names, **own}


def _annotations(rows: Iterable[Row], numbers: dict[str, int]) -> Iterator[Row]:
    ids = count(1)
    for video, row in enumerate(rows, start=1):
        for track in row["tracks"]:
            frames = [track["frames"].get(str(frame), {}) for frame in range(row["length"])]
            yield {
                "id": next(ids),
                "video_id": video,
                "category_id": numbers[track["word"].lower()],
                "iscrowd": 0,
                "width": row["width"],
                "height": row["height"],
                "length": row["length"],
                "bboxes": [frame.get("bbox") for frame in frames],
                "segmentations": [frame.get("segmentation") for frame in frames],
                "areas": [frame.get("area") for frame in frames],
                **{name: track[name] for name in ("word", "kind", "start", "end")},
            }
