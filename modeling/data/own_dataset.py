"""A dataset of one's own videos and pictures, without curation: a personal fine-tune needs no more than five pictures.

Captions, entity words and their pictures are given, and what is given is believed. Nothing is measured, so no score
stands in the dataset; only the files themselves are decoded, once, for the facts about them. A picture becomes a video
of one frame, losslessly, and fills the buckets of one frame.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from typing import Final

import av
import av.error
import numpy as np
from PIL import Image, UnidentifiedImageError

from dataset_schema import (
    FRAMES_PER_SECOND,
    TABLE_6_BUCKETS,
    Background,
    Bucket,
    DatasetManifest,
    Entity,
    EntityKind,
    FunnelRow,
    MediaFacts,
    Payload,
    ReferenceImage,
    Sample,
    Scores,
    Source,
    largest_bucket,
    new_dataset_id,
    refresh_index,
    shard_name,
    write_manifest,
    write_shard,
)
from dataset_schema.words import FoldedText
from modeling.data.prompt_words import span_in_prompt
from modeling.data.video import Video
from picture_reading.opening import open_picture
from picture_reading.showing import on_white
from storage.configs import from_plain, strict
from storage.places import expect_folder_to_write, local_path
from storage.whole_files import publish, unfinished
from video_reading.clip import open_clip
from video_reading.damage import describe_damage
from video_reading.look import Look
from video_reading.media_facts import media_facts
from video_reading.part import Span, VideoPart
from video_reading.video_error import VideoError

# Our choice: those of Table 6, and for pictures one frame of each of their sizes.
USUAL_BUCKETS: Final = (
    *sorted({Bucket(1, bucket.height, bucket.width) for bucket in TABLE_6_BUCKETS}),
    *TABLE_6_BUCKETS,
)

# What stands in memory at a time.
_SHARD_BYTES: Final = 2**28


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnClip:
    """A video or a picture, and what is to be seen in it.

    Attributes:
        file: of the video or the picture.
        caption: what happens.
        references: for each entity word of the caption, pictures of it on a transparent or white background. Where the
            caption has the word several times, `cat` is the first and `cat#2` the second. Pictures from elsewhere teach
            more than parts of this file, which a model learns to copy.
        background: a picture of the place, without the entities.
        background_word: the caption's word for the place.
    """

    file: Path
    caption: str
    references: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    background: Path | None = None
    background_word: str | None = None


def write_own_dataset(
    output: Path | str, clips: Sequence[OwnClip], *, buckets: Sequence[Bucket] = USUAL_BUCKETS
) -> Path:
    """Write a dataset that `train` reads like a curated one, with copies of all files; returns its directory.

    It is there whole, or not at all.

    Args:
        output: a directory that is not there yet.
        clips: what to train on; `own_clips` reads them from a folder or a JSONL file.
        buckets: the sizes to train at where the training config names none; each clip fills at least one.

    Raises:
        FileExistsError: there is something at `output`.
        ValueError: there are no clips; a file is no video or picture, or is too short or too small for every bucket; a
            word is not in its caption. The message names the file.
    """
    output = local_path(output)
    if output.exists():
        raise FileExistsError(f"{output} is there already; choose another output, or delete it")
    if not clips:
        raise ValueError("there are no clips, expected at least one video or picture with its caption")
    expect_folder_to_write(output)
    written = unfinished(output)
    rmtree(written, ignore_errors=True)
    try:
        for number, samples in enumerate(_shards(clips, buckets)):
            write_shard(written / "samples" / shard_name(run=0, writer=0, number=number), samples)
        given = FunnelRow(stage="given", entered=len(clips), passed=len(clips))
        manifest = DatasetManifest(
            profile="none", config={}, annotators=(), funnel=(given,), complete=True, id=new_dataset_id()
        )
        write_manifest(written, manifest)
        refresh_index(written)
        publish(output)
    finally:
        rmtree(written, ignore_errors=True)
    return output


def own_clips(source: Path | str) -> list[OwnClip]:
    """The clips of a JSONL file, or of a folder.

    JSONL: each line has the fields of an `OwnClip`; relative paths start at the folder of the file. A folder: every
    file is a video or a picture, and its caption is the text file beside it, `1.txt` for `1.jpg`. Pictures in a folder
    below are references of the word that it is named by, for every caption that has the word.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: a line is wrong, a caption is missing, or a word is in no caption.
    """
    source = local_path(source)
    if source.is_dir():
        return _of_folder(source)
    if not source.is_file():
        raise FileNotFoundError(f"{source} does not exist, expected a folder or a .jsonl file of clips")
    return list(_of_lines(source))


def _of_lines(path: Path) -> Iterator[OwnClip]:
    folder = path.parent
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            clip: OwnClip = from_plain(OwnClip, json.loads(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        yield replace(
            clip,
            file=folder / clip.file,
            references={word: tuple(folder / each for each in pictures) for word, pictures in clip.references.items()},
            background=None if clip.background is None else folder / clip.background,
        )


def _of_folder(folder: Path) -> list[OwnClip]:
    shown = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    words = {path.name: _files(path) for path in shown if path.is_dir()}
    files = [path for path in shown if path.is_file() and path.suffix != ".txt"]
    clips = [OwnClip(file=path, caption=_caption_beside(path)) for path in files]
    for word in words:
        if not any(_has(clip.caption, word) for clip in clips):
            raise ValueError(f"{folder / word} has pictures of {word!r}, which is in no caption; rename the folder")
    return [
        replace(clip, references={word: each for word, each in words.items() if _has(clip.caption, word)})
        for clip in clips
    ]


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in sorted(folder.iterdir()) if not path.name.startswith("."))


def _caption_beside(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise ValueError(f"{path} has no caption; write what happens in it into {beside.name} beside it")
    return beside.read_text(encoding="utf-8").strip()


def _has(caption: str, word: str) -> bool:
    return bool(FoldedText(caption).find_word(word))


def _shards(clips: Sequence[OwnClip], buckets: Sequence[Bucket]) -> Iterator[list[Sample]]:
    samples: list[Sample] = []
    size_bytes = 0
    for clip in clips:
        sample = _sample(clip, buckets)
        samples.append(sample)
        size_bytes += len(sample.video.bytes or b"")
        if size_bytes >= _SHARD_BYTES:
            yield samples
            samples, size_bytes = [], 0
    if samples:
        yield samples


def _sample(clip: OwnClip, buckets: Sequence[Bucket]) -> Sample:
    try:
        content = clip.file.read_bytes()
        video = _one_frame(open_picture(content)) if _is_picture(content) else content
        media = _facts(video)
        return Sample(
            clip_id=blake2b(content + clip.caption.encode(), digest_size=16).hexdigest(),
            source=Source(id=clip.file.name, uri=str(clip.file)),
            caption=clip.caption,
            video=Payload(
                bytes=video, path=clip.file.with_suffix(".mov").name if video is not content else clip.file.name
            ),
            video_start_s=0.0,
            num_frames=media.decoded_frames,
            fps=media.fps,
            height=media.height,
            width=media.width,
            bucket=str(_bucket(media, buckets)),
            media=media,
            scores=Scores(),
            entities=_entities(clip),
            background=_background(clip),
        )
    except (ValueError, OSError, VideoError, av.error.FFmpegError) as error:
        raise ValueError(f"{clip.file}: {error}") from error


def _is_picture(content: bytes) -> bool:
    """Our choice: of animated pictures only GIF is a video."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return not (image.format == "GIF" and getattr(image, "is_animated", False))
    except UnidentifiedImageError:
        return False


def _one_frame(picture: Image.Image) -> bytes:
    """A QuickTime file of one PNG: lossless, and of any size."""
    pixels: Video = np.asarray(on_white(picture))[None]
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as container:
        stream = container.add_stream("png", rate=int(FRAMES_PER_SECOND))
        stream.height, stream.width, stream.pix_fmt = *pixels.shape[1:3], "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels[0], format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _facts(video: bytes) -> MediaFacts:
    """Of a video that is decoded to its end."""
    with open_clip(VideoPart(file=video, span=Span())) as clip:
        look, times_s = None, []
        for shown in clip.frames:
            look = look or Look.of(shown.frame, clip.video.sample_aspect)
            times_s.append(shown.time_s)
        if look is None:
            raise ValueError("none of its frames can be decoded; save it again, or leave it out")
        facts = media_facts(clip, look, times_s)
        return replace(facts, damage=describe_damage(facts, clip.timeline, clip.frames.trouble, is_whole=True))


def _bucket(media: MediaFacts, buckets: Sequence[Bucket]) -> Bucket:
    bucket = largest_bucket(buckets, duration_s=media.duration_s, height=media.height, width=media.width)
    if bucket is None:
        raise ValueError(
            f"it has {media.decoded_frames} frames in {media.duration_s:.3g} s, {media.height}x{media.width} (height x "
            f"width), which fill none of the buckets {', '.join(map(str, buckets))}; give one that it fills"
        )
    return bucket


def _entities(clip: OwnClip) -> tuple[Entity, ...]:
    """In the order of the caption. Our choice: words with pictures are subjects; training reads objects alike."""
    found = []
    for word, pictures in clip.references.items():
        if not pictures:
            raise ValueError(f"reference word {word!r} has no picture; give it one or leave it out")
        references = tuple(_reference(picture) for picture in pictures)
        found.append(_entity(clip.caption, word, EntityKind.SUBJECT, references))
    if clip.background_word is not None:
        found.append(_entity(clip.caption, clip.background_word, EntityKind.BACKGROUND))
    return tuple(sorted(found, key=lambda entity: entity.start))


def _entity(caption: str, word: str, kind: EntityKind, references: tuple[ReferenceImage, ...] = ()) -> Entity:
    start, end = span_in_prompt(word, caption, called="caption")
    return Entity(word=caption[start:end], kind=kind, start=start, end=end, references=references)


def _reference(picture: Path) -> ReferenceImage:
    return ReferenceImage(
        frame_index=None,
        time_s=None,
        box=None,
        detection_score=None,
        mask_score=None,
        area=None,
        sharpness=None,
        largest_fragment=None,
        solidity=None,
        fill=None,
        border_contact=None,
        overlap=None,
        agreement=None,
        likeness_to_clip=None,
        is_face=False,
        image=_png(open_picture(picture)),
    )


def _background(clip: OwnClip) -> Background | None:
    if clip.background is None:
        return None
    return Background(frame_index=None, time_s=None, leak=None, image=_png(on_white(open_picture(clip.background))))


def _png(picture: Image.Image) -> Payload:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Payload(bytes=file.getvalue())
