"""Phantom-Data on Koala-36M: Parquet with boxes of things in a clip and of the same things in other clips.

Read in Phantom-Data's page, 02450b5. A row of the pairs has `vid`, `video_caption` and `cross_pair`: noun phrase ->
`obj_from_tgt_video` and `refer_result`, each a `vid`, a `frame_idx`, which is a share of the clip's frames, and a
`bbox` in pixels. The other file has `vid`, `youtube_url` and `timestamp` of each clip. Neither says how Parquet nests
them, so maps, structs and JSON text are read alike.

The user has clips named by `vid`, or videos named by the id in their address, of which the second file says the part.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from curation.given import FrameAt, GivenFrame
from curation.imports.fields import a_box, a_list, a_mapping, a_number, a_text
from curation.imports.foreign import ForeignClip, ForeignMask, ForeignRow
from curation.imports.unmapped import Unmapped, UnmappedCounts
from curation.imports.videos import MissingVideoError, VideoFolder
from curation.sources.values import read_seconds
from dataset_schema import EntityKind, Source

_PAIRS: Final = frozenset({"vid", "video_caption", "cross_pair"})
_PLACES: Final = frozenset({"vid", "youtube_url", "timestamp"})
_ROWS_AT_ONCE: Final = 256

_ADDRESS_ID: Final = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/|/shorts/)([\w-]{11})")
_CLOCK: Final = re.compile(r"\d+(?::\d\d){0,2}(?:\.\d+)?")
_ARTICLE: Final = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)


class PhantomData:
    """See `Layout`."""

    title = "Phantom-Data-Koala36M"
    licence = "Phantom-Data, non-commercial research only"
    has_videos = False

    def rows(self, source: Path) -> Iterator[ForeignRow]:
        """The pairs of a file, or of all files of a folder; a file of places gives none."""
        files = _files(source)
        pairs = [file for file in files if _columns(file) >= _PAIRS]
        if not pairs:
            seen = "; ".join(f"{file.name}: {', '.join(sorted(_columns(file)))}" for file in files) or "no Parquet file"
            raise ValueError(
                f"input {source} has {seen}, expected a file with the columns {', '.join(sorted(_PAIRS))}; this is "
                "another version of the layout than the one that is read"
            )
        places = _Places([file for file in files if _columns(file) >= _PLACES])
        for file in pairs:
            for number, content in enumerate(_contents(file, sorted(_PAIRS)), start=1):
                key = content["vid"]
                yield ForeignRow(
                    place=f"row {number} of {file.name}",
                    key=key if isinstance(key, str) and key else None,
                    content=(content, places),
                )

    def clip(self, row: ForeignRow, videos: VideoFolder, unmapped: UnmappedCounts) -> ForeignClip:
        """See `Layout`."""
        content, places = row.content
        vid = a_text(content, "vid")
        source = places.find(vid, videos)
        pictures = _Pictures(vid, videos, places, row.key or row.place, unmapped)
        words = {}
        for phrase, pair in _pairs(content).items():
            word = _ARTICLE.sub("", phrase, count=1) if _ARTICLE.match(phrase) else phrase
            words[word] = EntityKind.OBJECT
            pictures.add(word, a_mapping(pair, "obj_from_tgt_video"))
            for other in a_list(pair, "refer_result"):
                pictures.add(word, other)
        return ForeignClip(
            video=Path(source.uri),
            start_s=source.start_s,
            end_s=source.end_s,
            captions=(a_text(content, "video_caption"),),
            words=words,
            frames=pictures.frames,
            masks=pictures.masks,
        )


class _Pictures:
    """The frames of a row, those of its own clip first, and what is boxed in them."""

    def __init__(self, vid: str, videos: VideoFolder, places: "_Places", where: str, unmapped: UnmappedCounts) -> None:
        self._vid, self._videos, self._places = vid, videos, places
        self._where, self._unmapped = where, unmapped
        self._found: list[tuple[str, GivenFrame, Any]] = []

    def add(self, word: str, picture: Any) -> None:
        """Take one; what is cut from a video that is not there is counted."""
        vid = a_text(picture, "vid")
        box = a_box(picture, "bbox")
        at = FrameAt(share=a_number(picture, "frame_idx"))
        source = None
        if vid != self._vid:
            try:
                source = self._places.find(vid, self._videos)
            except MissingVideoError:
                self._unmapped.add(Unmapped.PICTURE_OF_MISSING_VIDEO, self._where, f"{word!r} in {vid}")
                return
        self._found.append((word, GivenFrame(at=at, elsewhere=source), box))

    @property
    def frames(self) -> tuple[GivenFrame, ...]:
        """Each once; of the clip by their time, and then the others in the order of the row."""
        distinct = dict.fromkeys(frame for _, frame, _ in self._found)
        own = [frame for frame in distinct if frame.elsewhere is None]
        others = [frame for frame in distinct if frame.elsewhere is not None]
        return (*sorted(own, key=lambda frame: frame.at.share or 0.0), *others)

    @property
    def masks(self) -> tuple[ForeignMask, ...]:
        """The boxes."""
        number = {frame: place for place, frame in enumerate(self.frames)}
        return tuple(ForeignMask(word=word, frame=number[frame], shape=box) for word, frame, box in self._found)


class _Places:
    """Which part of which video a clip is: by the files that say it, read once, when a clip is not there by its id."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._parts: dict[str, tuple[str, float, float]] | None = None

    def find(self, vid: str, videos: VideoFolder) -> Source:
        """The clip.

        Raises:
            MissingVideoError: neither it nor its whole video is there.
            ValueError: what the file says of it cannot be read.
        """
        if videos.has_stem(vid) or not self._files:
            return Source(id=vid, uri=str(videos.by_stem(vid)))
        if self._parts is None:
            self._parts = {part[0]: part[1:] for file in self._files for part in _parts(file)}
        if vid not in self._parts:
            raise MissingVideoError(f"the video {vid} is not in {videos.root}, and no file says what it is a part of")
        name, start_s, end_s = self._parts[vid]
        return Source(id=vid, uri=str(videos.by_stem(name)), start_s=start_s, end_s=end_s)


def _parts(file: Path) -> Iterator[tuple[str, str, float, float]]:
    for content in _contents(file, sorted(_PLACES)):
        address = _ADDRESS_ID.search(str(content["youtube_url"]))
        times = _CLOCK.findall(str(content["timestamp"]))
        if address and len(times) == 2 and isinstance(content["vid"], str):
            start_s, end_s = (read_seconds(time, "timestamp") or 0.0 for time in times)
            yield content["vid"], address[1], start_s, end_s


def _pairs(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Phrase -> what is known of it, whether Parquet holds a map, a struct of all phrases, or text.

    A struct has the phrases of all rows, and nothing for those of others.
    """
    value = content["cross_pair"]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"'cross_pair' is no JSON ({error})") from error
    if isinstance(value, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in value):
        value = dict(value)
    pairs = a_mapping({"cross_pair": value}, "cross_pair")
    return {phrase: pair for phrase, pair in pairs.items() if pair is not None}


def _files(source: Path) -> list[Path]:
    return sorted(source.rglob("*.parquet")) if source.is_dir() else [source]


@lru_cache(maxsize=256)
def _columns(file: Path) -> frozenset[str]:
    try:
        return frozenset(pq.read_schema(file).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{file} is no Parquet file: {error}") from error


def _contents(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    try:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                yield from batch.to_pylist()
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{file} is damaged: {error}; fetch it again") from error
