"""WebDataset: tars of clips for loaders of one's own, and for the hub; words, places, scores and transparency stay.

Source: webdataset 1.0.2 (@e0953f9) and `datasets` 5.2.0. A sample is the members up to the first dot of their names,
which stand together; clip ids have no dot. `datasets` refuses samples whose fields differ from the first one's, and
silently drops what the first five lack: so every sample has all slots, and one that holds nothing is a transparent
pixel that the JSON does not list. `decode("pil")` drops alpha, `decode("pilrgba")` keeps it; below it is white.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import ClassVar, Final

from PIL import Image

from dataset_schema import Entity, Sample
from exports.clip import ExportedClip
from exports.form import Row, Written
from exports.formats.folder import FolderFormat
from exports.grids import FrameGrid
from exports.target import CaptionForm, Cutouts, Target

_SLOTS: Final = 8
# Our choice: what the hub's viewer asks for, 100 to 300 MB.
_TAR_BYTES: Final = 200 << 20


class WebDataset(FolderFormat):
    """Tars at the top of the folder, and a card."""

    name: ClassVar[str] = "webdataset"
    summary: ClassVar[str] = "WebDataset tars with a card: everything but rejected pictures, for loaders of one's own"
    target: ClassVar[Target] = Target(
        grid=FrameGrid(),
        uses_sound=True,
        least_references=0,
        most_references=_SLOTS,
        references_per_entity=3,
        forms=(CaptionForm.AS_WRITTEN,),
        cutouts=Cutouts.TRANSPARENT,
    )
    packs: ClassVar[bool] = True
    part_bytes: ClassVar[int] = _TAR_BYTES

    def video_name(self, clip_id: str, group: str) -> str:
        """`ID.mp4`."""
        del group
        return f"{clip_id}.mp4"

    def picture_name(self, clip_id: str, group: str, number: int) -> str:
        """`ID.ref0.png`: slots count from 0."""
        del group
        return f"{clip_id}.ref{number - 1}.png"

    def more_files(self, clip: ExportedClip, sample: Sample, video: bytes) -> Mapping[str, bytes]:
        """Caption, facts, background, and the slots that hold nothing."""
        del video
        background = sample.background.image.bytes if sample.background is not None else None
        empty = {f"{clip.clip_id}.ref{slot}.png": _pixel() for slot in range(len(clip.pictures), _SLOTS)}
        return {
            f"{clip.clip_id}.txt": clip.caption.encode(),
            f"{clip.clip_id}.json": json.dumps(_facts(clip, sample), ensure_ascii=False).encode(),
            f"{clip.clip_id}.background.png": background or _pixel(),
            **empty,
        }

    def row(self, clip: ExportedClip, sample: Sample) -> Row:
        """The tars say all."""
        del sample
        return {"clip_id": clip.clip_id, "licence": clip.licence}

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """An id with a dot would be taken for another clip's."""
        del clip
        if "." in row["clip_id"]:
            yield "its id has a dot, at which the reader cuts names"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The card."""
        licences = sorted({str(row["licence"] or "not said") for row in written.rows()})
        clips = sum(group.clips for group in written.groups)
        yield "README.md", _card(licences, clips)

    def command(self, written: Written) -> str:
        """As `datasets` opens it."""
        return f'load_dataset("webdataset", data_files="{written.output}/*.tar", split="train", streaming=True)'


def _facts(clip: ExportedClip, sample: Sample) -> Row:
    slots = {
        (picture.word, picture.start): [
            slot for slot, each in enumerate(clip.pictures) if (each.word, each.start) == (picture.word, picture.start)
        ]
        for picture in clip.pictures
    }
    return {
        "clip_id": clip.clip_id,
        "source": {"uri": sample.source.uri, "start_s": sample.source.start_s, "end_s": sample.source.end_s},
        "licence": clip.licence,
        "caption": clip.caption,
        "frames": clip.video.num_frames,
        "fps": clip.video.fps,
        "height": clip.video.height,
        "width": clip.video.width,
        "has_background": sample.background is not None,
        "entities": [_entity(entity, slots.get((entity.word, entity.start), [])) for entity in sample.entities],
        "scores": sample.scores.known(),
    }


def _entity(entity: Entity, slots: list[int]) -> Row:
    names = ("word", "kind", "start", "end", "same_as")
    return {**{name: getattr(entity, name) for name in names}, "references": slots}


@cache
def _pixel() -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (1, 1), (255, 255, 255, 0)).save(file, "PNG")
    return file.getvalue()


def _card(licences: list[str], clips: int) -> Iterator[str]:
    size = next((name for most, name in _SIZES if clips < most), "n>1M")
    yield from ("---", "configs:", "- config_name: default", "  data_files: '*.tar'")
    yield from ("task_categories:", "- text-to-video", "tags:", "- subject-to-video", "- webdataset")
    yield from ("size_categories:", f"- {size}", "---", "")
    yield "# Clips, entity words and reference images"
    yield ""
    yield f"{clips} clips. `manifest.jsonl` names the source of each and the hash of every file."
    yield "`json` lists entities with their places in the caption, and the slots `refK.png` that hold their pictures;"
    yield "slots that it does not list hold a transparent pixel, and so does `background.png` without `has_background`."
    yield ""
    yield f"Licences of the sources: {'; '.join(licences)}. Say here under what terms the clips may be used."


_SIZES: Final = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
