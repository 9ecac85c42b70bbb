"""Datasets whose every frame and sample of sound is known: grey by the frame's number, a tone by the second."""

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from dataset_schema import (
    Background,
    Box,
    DatasetManifest,
    Entity,
    EntityKind,
    FunnelRow,
    Payload,
    ReferenceImage,
    Sample,
    Scores,
    Source,
    write_manifest,
    write_shard,
)
from tests.made_media import media_facts
from tests.made_references import made_reference

CAPTION = "A woman in a red coat walks her dog along the beach."
RED, BLUE = (200, 30, 30), (30, 60, 200)
RATE = 48_000


def grey(number: int) -> int:
    """What the frame of a number shows: steps that no codec mistakes for each other."""
    return 16 + (number * 5) % 220


def video_bytes(
    *, frames: int = 130, fps: float = 24.0, size: tuple[int, int] = (64, 96), sound_s: float | None = None
) -> bytes:
    """An MP4 of grey frames, with a tone of so many seconds."""
    file = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        voice = None if sound_s is None else output.add_stream("aac", rate=RATE, layout="stereo")
        if voice is not None and sound_s is not None:
            for start in range(0, round(sound_s * RATE), 1024):
                times = np.arange(start, min(start + 1024, round(sound_s * RATE)), dtype=np.float32) / RATE
                tone = 0.5 * np.sin(2 * np.pi * 440 * times, dtype=np.float32)
                piece = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
                piece.sample_rate, piece.pts, piece.time_base = RATE, start, Fraction(1, RATE)
                output.mux(voice.encode(piece))
            output.mux(voice.encode())
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), grey(number), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


def shown(content: bytes | Path) -> list[int]:
    """The mean level of every frame of a video."""
    with av.open(io.BytesIO(content) if isinstance(content, bytes) else str(content), "r") as file:
        return [round(float(frame.to_ndarray(format="rgb24").mean())) for frame in file.decode(video=0)]


def loudness(content: bytes | Path) -> npt.NDArray[np.float64]:
    """The loudness of every tenth of a second of a video's sound."""
    with av.open(io.BytesIO(content) if isinstance(content, bytes) else str(content), "r") as file:
        pieces = [frame.to_ndarray() for frame in file.decode(audio=0)]
    sound = np.concatenate(pieces, axis=1)[0]
    tenths = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)
    return np.asarray(np.sqrt((tenths.astype(np.float64) ** 2).mean(axis=1)))


def cutout(color: tuple[int, int, int], *, size: tuple[int, int] = (40, 30), below: int = 0) -> bytes:
    """A disc of a color on transparent ground, which has a level of its own, as datasets of before have black."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    inside = ((y - height / 2) / (height / 2)) ** 2 + ((x - width / 2) / (width / 2)) ** 2 <= 1
    pixels = np.where(inside[..., None], [*color, 255], [below, below, below, 0]).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def reference(image: bytes, *, time_s: float | None = 1.0, is_face: bool = False, area: float = 0.1) -> ReferenceImage:
    return made_reference(
        Payload(bytes=image),
        frame_index=24,
        time_s=time_s,
        box=Box(x0=10.0, y0=8.0, x1=40.0, y1=48.0),
        area=area,
        sharpness=10.0,
        is_face=is_face,
    )


def entity(caption: str, word: str, *references: ReferenceImage, kind: EntityKind = EntityKind.SUBJECT) -> Entity:
    start = caption.index(word)
    return Entity(word=word, kind=kind, start=start, end=start + len(word), references=references)


def clip_id(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()[:16]


def make_sample(
    number: int = 0,
    *,
    frames: int = 130,
    fps: float = 24.0,
    size: tuple[int, int] = (64, 96),
    sound_s: float | None = None,
    video: bytes | None = None,
) -> Sample:
    """A whole file that was published as it is, with a woman, a dog, a coat without pictures and a beach."""
    media = media_facts(width=size[1], height=size[0], frames=frames, fps=fps)
    return Sample(
        clip_id=clip_id(number),
        source=Source(id=str(number), uri=f"/nowhere/{number}.mp4"),
        caption=CAPTION,
        video=Payload(bytes=video or video_bytes(frames=frames, fps=fps, size=size, sound_s=sound_s), path="a.b.mp4"),
        video_start_s=0.0,
        num_frames=frames,
        fps=fps,
        height=size[0],
        width=size[1],
        bucket="17x64x96",
        media=replace(media, has_audio=sound_s is not None),
        scores=Scores(desirable=0.9, more={"beauty": 0.5}),
        entities=(
            entity(CAPTION, "woman", reference(cutout(RED)), reference(cutout(RED), area=0.05)),
            entity(CAPTION, "red coat", kind=EntityKind.OBJECT),
            entity(CAPTION, "dog", reference(cutout(BLUE, size=(20, 60)))),
            entity(CAPTION, "beach", kind=EntityKind.BACKGROUND),
        ),
        background=Background(frame_index=0, time_s=0.0, leak=0.0, image=Payload(bytes=cutout(BLUE, below=90))),
        extra='{"licence": "CC-BY-4.0"}',
    )


def as_cut(sample: Sample, source: Path, *, start_s: float, end_s: float) -> Sample:
    """The sample as the exact cut of a part of a source: without sound, named by its clip."""
    return replace(
        sample,
        source=replace(sample.source, uri=str(source), start_s=start_s, end_s=end_s),
        video=replace(sample.video, path=f"{sample.clip_id}.mp4"),
    )


def write_dataset(folder: Path, *shards: Sequence[Sample], complete: bool = True) -> Path:
    """A finished dataset of some shards."""
    for number, samples in enumerate(shards):
        write_shard(folder / "samples" / f"part-{number:05d}.parquet", samples)
    write_head(folder, sum(map(len, shards)), complete=complete)
    return folder


def write_head(folder: Path, kept: int, *, complete: bool = True) -> None:
    """What says that a dataset of so many samples is finished."""
    published = FunnelRow(stage="publish", entered=kept, passed=kept)
    head = DatasetManifest(
        profile="embedded", config={}, annotators=(), funnel=(published,), complete=complete, id="an-id"
    )
    write_manifest(folder, head)
