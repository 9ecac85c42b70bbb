"""OpenS2V-5M: JSON with a mask of every class on one frame of each clip, over videos that the user has.

Read in OpenS2V-Nexus, b452831: `data_process/demo_dataloader.py` and the demo's own results. `total_partN.json` is one
object whose values are clips, as are those of `mask_and_bbox` and of its high-quality subset; a single clip may also be
a file of its own. What the fields mean:

- `face_cut` is the clip, in frames of the file at `path`; the annotated frame counts from the file's start, too.
- `crop` is x0, x1, y0, y1. Masks and boxes are in pixels of what it leaves.
- masks have ids from 1, in the order of the boxes; their classes stand in `mask_map`.
- words are of `face_cap_qwen` or of `cap`, never of both for certain, and have no places.
"""

import zipfile
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TextIO

from curation.given import FrameAt, GivenFrame, RunLengths
from curation.imports.fields import a_box, a_list, a_mapping, a_number, a_text, whole_numbers
from curation.imports.foreign import ForeignClip, ForeignMask, ForeignRow
from curation.imports.json_objects import Broken, read_lines, read_members
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.videos import VideoFolder
from dataset_schema import Box, EntityKind
from storage.text_files import open_text

_ENDINGS: Final = (".json", ".jsonl", ".json.zip")
_CAPTIONS: Final = ("face_cap_qwen", "cap")
_CLIP_FIELDS: Final = frozenset({"metadata", "annotation"})
_FACTS: Final = ("aesthetic", "motion", "tech")


class OpenS2V:
    """See `Layout`."""

    title = "OpenS2V-5M"
    licence = "CC-BY-4.0"
    has_videos = False

    def rows(self, source: Path) -> Iterator[ForeignRow]:
        """The clips of a file, or of all files of a folder."""
        files = [source]
        if source.is_dir():
            files = sorted(path for path in source.rglob("*") if path.name.endswith(_ENDINGS))
        if not files or (not source.is_dir() and not source.name.endswith(_ENDINGS)):
            raise ValueError(f"input {source} has no annotations, expected files that end in {', '.join(_ENDINGS)}")
        for file in files:
            if file.name.endswith(".zip"):
                yield from _rows_of_archive(file)
            else:
                with open_text(file) as text:
                    yield from _rows(file.name, text, has_lines=file.suffix == ".jsonl")

    def clip(self, row: ForeignRow, videos: VideoFolder, unmapped: UnmappedCounts) -> ForeignClip:
        """See `Layout`."""
        metadata, annotation = a_mapping(row.content, "metadata"), a_mapping(row.content, "annotation")
        first, end = whole_numbers(metadata, "face_cut", 2)
        fps = a_number(metadata, "fps")
        if not 0 <= first < end or fps <= 0:
            raise ValueError(f"'face_cut' is [{first}, {end}] at {fps:g} fps, expected frames [first, end)")
        frames, masks = _masks(annotation, metadata, (first, end), row, unmapped)
        return ForeignClip(
            video=videos.by_path(a_text(metadata, "path")),
            frame_span=(first, end),
            fps=fps,
            is_cropped=_is_cropped(metadata),
            captions=_captions(metadata),
            words=_words(a_mapping(row.content, "word_tags"), a_mapping(annotation, "mask_map")),
            frames=tuple(GivenFrame(at=FrameAt(index=index)) for index in frames),
            masks=tuple(masks),
            facts={name: metadata[name] for name in _FACTS if isinstance(metadata.get(name), int | float)},
        )


def _rows_of_archive(file: Path) -> Iterator[ForeignRow]:
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith((".json", ".jsonl")):
                    with archive.open(name) as member, TextIOWrapper(member, "utf-8") as text:
                        yield from _rows(f"{name} in {file.name}", text, has_lines=name.endswith(".jsonl"))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{file} is no zip archive ({error}); fetch it again") from error


def _rows(name: str, text: TextIO, *, has_lines: bool) -> Iterator[ForeignRow]:
    alone: dict[str, Any] = {}  # of a file that is one clip, by its fields
    for found in read_lines(text) if has_lines else read_members(text):
        if isinstance(found, Broken):
            yield ForeignRow(place=f"{found.place} of {name}", problem=found.problem)
        elif has_lines:
            yield _row_of_line(f"{found[0]} of {name}", found[1])
        elif found[0] in (*_CLIP_FIELDS, "word_tags"):
            alone[found[0]] = found[1]
        else:
            yield ForeignRow(place=f"{found[0]} in {name}", key=found[0], content=found[1])
    if alone:
        yield ForeignRow(place=name, key=name.removesuffix(".json"), content=alone)


def _row_of_line(place: str, content: Any) -> ForeignRow:
    """A line holds a clip under its name, or the clip's fields with its name among them."""
    if isinstance(content, dict) and len(content) == 1:
        ((key, clip),) = content.items()
        return ForeignRow(place=place, key=key, content=clip)
    key = content.get("key") if isinstance(content, dict) else None
    return ForeignRow(place=place, key=key if isinstance(key, str) else None, content=content)


def _captions(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Newer captions first; `cap` is a list of one, or a text."""
    found = []
    for name in _CAPTIONS:
        value = metadata.get(name)
        several = value if isinstance(value, list) else [value]
        found += [caption.strip() for caption in several if isinstance(caption, str) and caption.strip()]
    return tuple(found)


def _words(tags: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, EntityKind]:
    """The tags, and classes that the detector made of them; those it was always asked for have no kind."""
    words: dict[str, EntityKind] = {}
    for kind in EntityKind:
        for word in a_list(tags, kind.value) if kind.value in tags else ():
            if isinstance(word, str) and word.strip():
                words.setdefault(word, kind)
    for number in classes:
        words.setdefault(_class_of(classes, number), EntityKind.OBJECT)
    return words


def _class_of(classes: Mapping[str, Any], number: str) -> str:
    return a_text(a_mapping(classes, number), "class_name")


def _masks(
    annotation: Mapping[str, Any],
    metadata: Mapping[str, Any],
    span: tuple[int, int],
    row: ForeignRow,
    unmapped: UnmappedCounts,
) -> tuple[list[int], list[ForeignMask]]:
    """The annotated frames of the clip, by their index in it, and the masks on them."""
    x0, _, y0, _ = whole_numbers(metadata, "crop", 4)
    classes, boxes = a_mapping(annotation, "mask_map"), _boxes(annotation)
    on_frames = a_mapping(annotation, "mask_annotation")
    where = row.key or row.place
    frames: list[int] = []
    masks: list[ForeignMask] = []
    for number in sorted(on_frames, key=int):
        index = int(number) - span[0]
        on_frame = a_mapping(on_frames, number)
        if not 0 <= index < span[1] - span[0]:
            for _ in on_frame:
                unmapped.add(Unmapped.MASK_OUTSIDE_CLIP, where, f"frame {number} of the file")
            continue
        for key in on_frame:
            mask = a_mapping(on_frame, key)
            size = whole_numbers(mask, "size", 2)
            shape = RunLengths(counts=a_text(mask, "counts"), height=size[0], width=size[1], crop=(x0, y0))
            masks.append(
                ForeignMask(
                    word=_class_of(classes, key),
                    frame=len(frames),
                    shape=shape,
                    box=boxes.get(key),
                    score=_score(mask),
                )
            )
        frames.append(index)
    return frames, masks


def _boxes(annotation: Mapping[str, Any]) -> dict[str, Box]:
    listed = a_list(a_mapping(annotation, "ann_frame_data"), "annotations")
    return {str(number): a_box(each, "bbox") for number, each in enumerate(listed, start=1)}


def _score(mask: Mapping[str, Any]) -> float:
    value = mask.get("score", 1.0)
    value = value[0] if isinstance(value, list) and value else value
    return min(1.0, max(0.0, a_number({"score": value}, "score")))


def _is_cropped(metadata: Mapping[str, Any]) -> bool:
    """`resolution` is that of the file."""
    size = metadata.get("resolution")
    x0, x1, y0, y1 = whole_numbers(metadata, "crop", 4)
    whole = (a_number(size, "width"), a_number(size, "height")) if isinstance(size, dict) else (x1, y1)
    return bool(x0 or y0 or (x1, y1) != whole)
