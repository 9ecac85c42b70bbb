"""A dataset of one's own videos and pictures, without curation: a personal fine-tune needs no more than five pictures.

Captions, entity words and their pictures are given, and what is given is believed. Nothing is measured, so no score
stands in the dataset; only the files themselves are decoded, once, for the facts about them. A picture becomes a video
of one frame, losslessly, and fills the buckets of one frame.
"""

import io
from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from shutil import rmtree
from typing import Final

import av
import av.error
import numpy as np
from PIL import Image

from dataset_schema import (
    FRAMES_PER_SECOND,
    TABLE_6_BUCKETS,
    UNCURATED,
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
    given_picture,
    largest_bucket,
    new_dataset_id,
    refresh_index,
    shard_name,
    write_manifest,
    write_shard,
)
from modeling.data.own_clips import OwnClip, expect_no_problems
from modeling.data.own_latents import write_own_latents
from modeling.data.prompt_words import span_in_prompt
from modeling.data.video import Video
from modeling.encoders import EncodersConfig
from picture_reading.opening import is_picture, open_picture
from picture_reading.showing import on_white
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

# What a column of a shard holds in one value.
_MOST_BYTES: Final = 2**31 - 2


def write_own_dataset(
    output: Path | str,
    clips: Sequence[OwnClip],
    *,
    buckets: Sequence[Bucket] = USUAL_BUCKETS,
    encoders: EncodersConfig | None = None,
    fps: float = FRAMES_PER_SECOND,
) -> Path:
    """Write a dataset that `train` reads like a curated one, with copies of all files; returns its directory.

    It is there whole, with every clip, or not at all.

    Args:
        output: a directory that is not there yet.
        clips: what to train on; `own_clips` reads them from a folder or a JSONL file.
        buckets: sizes to train at. Each clip fills at least one, and the largest that it fills is its own; a training
            config that names none trains at the clips' own.
        encoders: whose autoencoder made the latents, of clips that come with their own.
        fps: frames per second that the latents are of, the model's own (`BackboneConfig.fps`).

    Raises:
        FileExistsError: there is something at `output`.
        ValueError: there are no clips; a file is no video or picture, is damaged, given twice, or too short or too
            small for every bucket; a word is not in its caption; or latents do not fit. The message names each file.
    """
    output = local_path(output)
    if output.exists():
        raise FileExistsError(f"{output} is there already; choose another output, or delete it")
    if not clips:
        raise ValueError("there are no clips, expected at least one video or picture with its caption")
    if not buckets:
        raise ValueError("there are no buckets, expected at least one size to train at")
    if encoders is None and any(clip.latents for clip in clips):
        raise ValueError(
            "clips have latents, and nothing says whose; expected encoders, the config that they belong to"
        )
    expect_folder_to_write(output)
    written = unfinished(output)
    rmtree(written, ignore_errors=True)
    try:
        latents = _write_samples(written, clips, buckets)
        given = FunnelRow(stage="given", entered=len(clips), passed=len(clips))
        manifest = DatasetManifest(
            profile=UNCURATED, config={}, annotators=(), funnel=(given,), complete=True, id=new_dataset_id()
        )
        write_manifest(written, manifest)
        refresh_index(written)
        if encoders is not None:
            write_own_latents(written, buckets, latents, encoders, fps=fps)
        publish(output)
    finally:
        rmtree(written, ignore_errors=True)
    return output


def _write_samples(folder: Path, clips: Sequence[OwnClip], buckets: Sequence[Bucket]) -> dict[str, Mapping[str, Path]]:
    """Write the shards; gives the latents of every clip by its id. One clip stands in memory, and the shard so far."""
    problems: list[str] = []
    latents: dict[str, Mapping[str, Path]] = {}
    samples: list[Sample] = []
    size_bytes = number = 0
    for clip in clips:
        try:
            sample = _sample(clip, buckets)
            if sample.clip_id in latents:
                raise ValueError("the same file with the same caption is given twice; give it once, with all its words")
        except ValueError as error:
            problems.append(f"{clip.file}: {error}")
            continue
        latents[sample.clip_id] = clip.latents
        samples.append(sample)
        size_bytes += _size_bytes(sample)
        if size_bytes >= _SHARD_BYTES:
            write_shard(folder / "samples" / shard_name(run=0, writer=0, number=number), samples)
            samples, size_bytes, number = [], 0, number + 1
    expect_no_problems(problems)
    if samples:
        write_shard(folder / "samples" / shard_name(run=0, writer=0, number=number), samples)
    return latents


def _sample(clip: OwnClip, buckets: Sequence[Bucket]) -> Sample:
    content = _content(clip.file)
    video = _one_frame(open_picture(content)) if is_picture(content) else content
    media = _facts(video)
    clip_id = blake2b(content + clip.caption.encode(), digest_size=16).hexdigest()
    name = clip.file.name if video is content else clip.file.with_suffix(".mov").name
    return Sample(
        clip_id=clip_id,
        source=Source(id=clip_id, uri=str(clip.file), content_sha256=sha256(content).hexdigest()),
        caption=clip.caption,
        video=Payload(bytes=video, path=name),
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


def _size_bytes(sample: Sample) -> int:
    pictures = [reference.image for entity in sample.entities for reference in entity.references]
    background = [] if sample.background is None else [sample.background.image]
    return sum(len(each.bytes or b"") for each in (sample.video, *pictures, *background))


def _content(file: Path) -> bytes:
    try:
        if (size_bytes := file.stat().st_size) > _MOST_BYTES:
            raise ValueError(f"it has {size_bytes / 1e9:.1f} GB, and a row holds 2 at most; cut it into clips")
        return file.read_bytes()
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror}), expected a video or a picture") from error


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
    """Of a video that is decoded to its end.

    Raises:
        ValueError: it is none, or damaged.
    """
    try:
        with open_clip(VideoPart(file=video, span=Span())) as clip:
            look, times_s = None, []
            for shown in clip.frames:
                look = look or Look.of(shown.frame, clip.video.sample_aspect)
                times_s.append(shown.time_s)
            if look is None:
                raise ValueError("none of its frames can be decoded; save it again, or leave it out")
            facts = media_facts(clip, look, times_s)
            damage = describe_damage(facts, clip.timeline, clip.frames.trouble, is_whole=True)
    except VideoError as error:
        raise ValueError(f"it is no picture that can be opened, and as a video it {error}") from error
    except av.error.FFmpegError as error:
        raise ValueError(f"it is no picture, and no video that can be decoded ({error}); save it again") from error
    if damage:
        raise ValueError(f"it is damaged ({damage}); save it again, or cut the damage off")
    return facts


def _bucket(media: MediaFacts, buckets: Sequence[Bucket]) -> Bucket:
    bucket = largest_bucket(buckets, duration_s=media.duration_s, height=media.height, width=media.width)
    if bucket is None:
        smallest = min(buckets, key=lambda each: (each.height * each.width, each.frames))
        raise ValueError(
            f"it has {media.decoded_frames} frames in {media.duration_s:.3g} s, {media.height}x{media.width} (height x "
            f"width), which fill no bucket, the smallest being {smallest}; name one that it fills (buckets), or leave "
            "it out"
        )
    return bucket


def _entities(clip: OwnClip) -> tuple[Entity, ...]:
    """In the order of the caption. Our choice: words with pictures are subjects; training reads objects alike."""
    found = []
    for word, pictures in clip.references.items():
        if not pictures:
            raise ValueError(f"reference word {word!r} has no picture; give it one or leave it out")
        references = tuple(
            given_picture(_png(open_picture(picture)), place=place) for place, picture in enumerate(pictures)
        )
        found.append(_entity(clip.caption, word, EntityKind.SUBJECT, references))
    if clip.background_word is not None:
        found.append(_entity(clip.caption, clip.background_word, EntityKind.BACKGROUND))
    return tuple(sorted(found, key=lambda entity: entity.start))


def _entity(caption: str, word: str, kind: EntityKind, references: tuple[ReferenceImage, ...] = ()) -> Entity:
    start, end = span_in_prompt(word, caption, called="caption")
    return Entity(word=caption[start:end], kind=kind, start=start, end=end, references=references)


def _background(clip: OwnClip) -> Background | None:
    if clip.background is None:
        return None
    return Background(frame_index=None, time_s=None, leak=None, image=_png(on_white(open_picture(clip.background))))


def _png(picture: Image.Image) -> Payload:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Payload(bytes=file.getvalue())
