"""A dataset of drawn clips with their true masks, as curation would publish it: for measuring where none is given."""

import io
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset_schema import (
    FRAMES_PER_SECOND,
    Background,
    Box,
    Bucket,
    Entity,
    EntityKind,
    MediaFacts,
    Payload,
    ReferenceImage,
    Sample,
    Scores,
    Source,
    write_shard,
)
from worlds.sprites import ClipPlan, RenderedShot, SpriteWorldConfig, plan_clip, render_shot, write_video

# The size of a common web video after curation, and the bucket of Table 6 that it is trained at.
BUCKET: Final = Bucket(49, 144, 256)
_WORLD: Final = SpriteWorldConfig(frames=BUCKET.frames, height=288, width=512, undesirable_share=0.0)
_CLIPS_PER_SHARD: Final = 8


def write_sprite_dataset(
    output: Path, *, clips: int, world: SpriteWorldConfig = _WORLD, bucket: Bucket = BUCKET
) -> None:
    """Write shards of 8 clips each, so that several processes can share them."""
    with TemporaryDirectory() as scratch:
        for start in range(0, clips, _CLIPS_PER_SHARD):
            numbers = range(start, min(clips, start + _CLIPS_PER_SHARD))
            samples = [_sample(number, Path(scratch) / "clip.mp4", world, bucket) for number in numbers]
            write_shard(output / "samples" / f"part-{start:05d}.parquet", samples)


def _sample(number: int, scratch: Path, world: SpriteWorldConfig, bucket: Bucket) -> Sample:
    plan = plan_clip(world, number)
    shot = render_shot(plan.shots[0], height=world.height, width=world.width)
    write_video(scratch, shot.video, world.fps)
    middle = world.frames // 2
    return Sample(
        clip_id=sha256(str(number).encode()).hexdigest()[:16],
        source=Source(id=str(number), uri=f"{number}.mp4"),
        caption=plan.caption,
        video=Payload(bytes=scratch.read_bytes()),
        video_start_s=0.0,
        num_frames=world.frames,
        fps=FRAMES_PER_SECOND,
        height=world.height,
        width=world.width,
        bucket=str(bucket),
        media=_media_facts(world),
        scores=Scores(),
        entities=tuple(_entities(plan, shot, world)),
        background=Background(
            frame_index=middle, time_s=middle / FRAMES_PER_SECOND, leak=0.0, image=_png(shot.video[middle])
        ),
    )


def _entities(plan: ClipPlan, shot: RenderedShot, world: SpriteWorldConfig) -> Iterator[Entity]:
    order = [subject.word for subject in plan.shots[0].subjects]
    for word in plan.words:
        start = plan.caption.lower().index(word.word)
        end = start + len(word.word)
        is_seen = word.kind is not EntityKind.BACKGROUND
        references = tuple(_references(shot, order.index(word.word) + 1, world)) if is_seen else ()
        yield Entity(word=plan.caption[start:end], kind=word.kind, start=start, end=end, references=references)


def _references(shot: RenderedShot, label: int, world: SpriteWorldConfig) -> Iterator[ReferenceImage]:
    for frame in (round(share * (world.frames - 1)) for share in (0.05, 0.5, 0.95)):
        mask = shot.labels[frame] == label
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            continue
        window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        yield ReferenceImage(
            frame_index=frame,
            time_s=frame / FRAMES_PER_SECOND,
            box=Box(x0=float(columns[0]), y0=float(rows[0]), x1=float(columns[-1] + 1), y1=float(rows[-1] + 1)),
            detection_score=1.0,
            mask_score=1.0,
            area=float(mask.mean()),
            sharpness=0.0,
            largest_fragment=1.0,
            solidity=1.0,
            fill=1.0,
            border_contact=0.0,
            overlap=0.0,
            agreement=None,
            likeness_to_clip=None,
            is_face=False,
            image=_png(np.dstack([shot.video[frame][window], mask[window].astype(np.uint8) * 255])),
        )


def _png(picture: npt.NDArray[np.uint8]) -> Payload:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return Payload(bytes=file.getvalue())


def _media_facts(world: SpriteWorldConfig) -> MediaFacts:
    return MediaFacts(
        container="mov,mp4",
        codec="h264",
        width=world.width,
        height=world.height,
        declared_frames=world.frames,
        decoded_frames=world.frames,
        duration_s=world.frames / FRAMES_PER_SECOND,
        fps=FRAMES_PER_SECOND,
        is_vfr=False,
        rotation_deg=0,
        sample_aspect_ratio=1.0,
        color_transfer=None,
        is_interlaced=False,
        has_audio=False,
    )
