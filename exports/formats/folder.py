"""What formats have alike that lie in folders: videos in one, pictures in another, named by the clip's id."""

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import pyarrow as pa

from dataset_schema import Sample
from exports.clip import ExportedClip
from exports.content import Content
from exports.form import Row, Written

# Our choice: twice as much is what a killed export copies again at most.
_PART_BYTES = 64 << 20


class FolderFormat:
    """Names, and nothing beside the videos and pictures; a format says the rest itself."""

    packs: ClassVar[bool] = False
    opens_addresses: ClassVar[bool] = False
    part_bytes: ClassVar[int] = _PART_BYTES

    def video_name(self, clip_id: str, group: str) -> str:
        """`videos/ID.mp4`."""
        del group
        return f"videos/{clip_id}.mp4"

    def picture_name(self, clip_id: str, group: str, number: int) -> str:
        """`references/ID-1.png`."""
        del group
        return f"references/{clip_id}-{number}.png"

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
        """None."""
        del clip, sample, video
        return {}

    def details(self, clip: ExportedClip, sample: Sample) -> Row:
        """None."""
        del clip, sample
        return {}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """None beyond what is planned for every format."""
        del row, clip
        return iter(())

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """None."""
        del written
        return iter(())

    def tables(self, written: Written) -> Iterator[tuple[str, pa.Schema, Iterable[pa.Table]]]:
        """None."""
        del written
        return iter(())


def file_of(group: str, *, of_all: str, of_group: str) -> str:
    """What a group's file of rows is called: a name where there is one for all, else with the group in it."""
    return of_group.format(group) if group else of_all
