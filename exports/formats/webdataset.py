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
from exports.content import Content
from exports.form import Row, Written
from exports.formats.croissant import RowsFile, croissant
from exports.formats.folder import FolderFormat
from exports.formats.hub_card import card
from exports.grids import FrameGrid
from exports.target import CaptionForm, Cutouts, Target

_SLOTS: Final = 8
_TARS: Final = "*.tar"
_ROWS: Final = "clips.jsonl"
_COLUMNS: Final = {
    "clip_id": str,
    "caption": str,
    "frames": int,
    "fps": float,
    "height": int,
    "width": int,
    "references": int,
    "source": str,
    "start_s": float,
    "end_s": float,
    "licence": str,
}
# Our choice: what the hub's viewer asks for, 100 to 300 MB.
_TAR_BYTES: Final = 200 << 20


class WebDataset(FolderFormat):
    """Tars at the top of the folder, a card, and the rows by themselves."""

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
    opens_addresses: ClassVar[bool] = True
    part_bytes: ClassVar[int] = _TAR_BYTES

    def video_name(self, clip_id: str, group: str) -> str:
        """`ID.mp4`."""
        del group
        return f"{clip_id}.mp4"

    def picture_name(self, clip_id: str, group: str, number: int) -> str:
        """`ID.ref0.png`: slots count from 0."""
        del group
        return f"{clip_id}.ref{number - 1}.png"

    def more_files(self, clip: ExportedClip, sample: Sample, video: Content) -> Mapping[str, bytes]:
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
        """What is worth knowing before a tar is opened."""
        video = clip.video
        return {
            "clip_id": clip.clip_id,
            "caption": clip.caption,
            "frames": video.num_frames,
            "fps": video.fps,
            "height": video.height,
            "width": video.width,
            "references": len(clip.pictures),
            "source": sample.source.uri,
            "start_s": sample.source.start_s,
            "end_s": sample.source.end_s,
            "licence": clip.licence,
        }

    def problems(self, row: Row, clip: ExportedClip) -> Iterator[str]:
        """An id with a dot would be taken for another clip's."""
        del clip
        if "." in row["clip_id"]:
            yield "its id has a dot, at which the reader cuts names"

    def heads(self, written: Written) -> Iterator[tuple[str, Iterable[str]]]:
        """The rows, the card and their description for catalogues."""
        yield _ROWS, map(_as_text, written.rows())
        licences = sorted({row["licence"] for row in written.rows()}, key=str)
        clips = sum(group.clips for group in written.groups)
        yield "README.md", _readme(licences, clips)
        yield (
            "croissant.json",
            croissant(
                RowsFile(name=_ROWS, lines=map(_as_text, written.rows()), columns=_COLUMNS),
                name=written.output.name,
                description="Clips with their captions, entity words and reference images",
                licences=[each for each in licences if each],
                media={_TARS: "application/x-tar"},
            ),
        )

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


def _as_text(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)


def _readme(licences: list[str | None], clips: int) -> Iterator[str]:
    yield from card(data_files=_TARS, tags=["webdataset"], licences=licences, clips=clips)
    yield f"{clips} clips. `clips.jsonl` has the caption of each, `manifest.jsonl` the hash of every file."
    yield "`json` lists entities with their places in the caption, and the slots `refK.png` that hold their pictures;"
    yield "slots that it does not list hold a transparent pixel, and so does `background.png` without `has_background`."
    yield ""
    said = "; ".join(each or "not said" for each in licences)
    yield f"Licences of the sources: {said}. Say here under what terms the clips may be used."
