"""The records that the golden shards in this folder hold; every optional field is seen filled and empty.

Run this file to write the newest shard again after a change of SCHEMA_VERSION, keep the one before under its number,
and say so in the changelog.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from dataset_schema import (
    Background,
    Box,
    Entity,
    EntityKind,
    MediaFacts,
    Payload,
    ReferenceImage,
    ReferenceScores,
    Sample,
    Scores,
    Source,
    write_shard,
)

_FOLDER = Path(__file__).parent / "golden"
GOLDEN_SHARD = _FOLDER / "samples.parquet"
GOLDEN_SHARD_3_4 = _FOLDER / "samples-3.4.parquet"
GOLDEN_SHARD_3_3 = _FOLDER / "samples-3.3.parquet"
GOLDEN_SHARD_3_2 = _FOLDER / "samples-3.2.parquet"
GOLDEN_SHARD_3_1 = _FOLDER / "samples-3.1.parquet"
GOLDEN_SHARD_3_0 = _FOLDER / "samples-3.0.parquet"
GOLDEN_SHARD_2 = _FOLDER / "samples-2.parquet"

# A 2 x 1 picture: one opaque red pixel, one transparent one.
_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000010806000000f4227f8a0000001149444154789c63f8cfc0f09f818181"
    "01000cfc01fffd2d776d0000000049454e44ae426082"
)

_MEDIA = MediaFacts(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    codec="h264",
    width=640,
    height=360,
    declared_frames=48,
    decoded_frames=48,
    duration_s=2.0,
    fps=24.0,
    is_vfr=False,
    rotation_deg=0,
    sample_aspect_ratio=1.0,
    color_transfer="bt709",
    is_interlaced=False,
    has_audio=True,
)

_REFERENCE = ReferenceImage(
    frame_index=24,
    time_s=1.0,
    box=Box(x0=10.0, y0=20.5, x1=110.0, y1=220.0),
    detection_score=0.9,
    mask_score=0.8,
    area=0.1,
    sharpness=123.5,
    largest_fragment=1.0,
    solidity=0.875,
    fill=0.5,
    border_contact=0.0,
    overlap=0.25,
    agreement=0.75,
    likeness_to_clip=0.625,
    is_face=False,
    image=Payload(bytes=_PNG),
    short_side=100,
    place=1,
    likeness=(0.75, 1.0, None),
)

# What version 3.3 added: a picture that was given, of which nothing is known.
_GIVEN = ReferenceImage(
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
    image=Payload(bytes=_PNG),
)

_REJECTED_FACE = ReferenceScores(
    frame_index=24,
    time_s=1.0,
    box=Box(x0=40.0, y0=30.5, x1=70.0, y1=60.0),
    detection_score=0.25,
    mask_score=0.8,
    area=0.001,
    sharpness=3.5,
    largest_fragment=1.0,
    solidity=0.875,
    fill=0.5,
    border_contact=0.0,
    overlap=0.25,
    agreement=None,
    likeness_to_clip=None,
    is_face=True,
    short_side=30,
    face_inside=0.5,
    is_for_comparison=True,
    place=2,
    likeness=(None, None, 1.0),
)

GOLDEN_SAMPLES = (
    Sample(
        clip_id="00112233445566778899aabbccddeeff",
        source=Source(
            id="00112233445566778899aabbccddeeff",
            uri="/videos/dog.mp4",
            licence="CC BY 4.0",
            consent="release 17",
            rights_holder="A. Persön",
            content_sha256="ab" * 32,
            perceptual_hash="0123456789abcdef" * 3,
        ),
        caption="A dög runs across a meadow.",
        video=Payload(bytes=b"not really a video", path="dog.mp4"),
        video_start_s=0.0,
        num_frames=48,
        fps=24.0,
        height=360,
        width=640,
        bucket="17x288x512",
        media=_MEDIA,
        scores=Scores(
            shot_change=0.01,
            desirable=0.9,
            still_foreground=0.1,
            loudness_lufs=-23.5,
            silence=0.25,
            more={"aesthetic": 0.625, "speed_px": -4.0},
        ),
        entities=(
            Entity(
                word="dög",
                kind=EntityKind.SUBJECT,
                start=2,
                end=5,
                references=(_REFERENCE,),
                rejected_references=(_REJECTED_FACE,),
            ),
            Entity(word="meadow", kind=EntityKind.BACKGROUND, start=20, end=26),
        ),
        background=Background(frame_index=24, time_s=1.0, leak=0.125, image=Payload(bytes=_PNG)),
        extra='{"licence": "CC0"}',
    ),
    Sample(
        clip_id="ffeeddccbbaa99887766554433221100-2",
        source=Source(
            id="ffeeddccbbaa99887766554433221100", uri="/videos/cat.mkv", start_s=1.5, end_s=4.0, num_clips=3
        ),
        caption="A cat.",
        video=Payload(path="/videos/cat.mkv"),
        video_start_s=1.5,
        num_frames=60,
        fps=24.0,
        height=144,
        width=256,
        bucket="49x144x256",
        media=MediaFacts(
            container="matroska,webm",
            codec="vp9",
            width=256,
            height=144,
            declared_frames=None,
            decoded_frames=60,
            duration_s=2.5,
            fps=24.0,
            is_vfr=True,
            rotation_deg=90,
            sample_aspect_ratio=1.5,
            color_transfer=None,
            is_interlaced=True,
            has_audio=False,
            damage="container declares 61 frames, 60 decode",
            longest_frame_s=0.125,
        ),
        scores=Scores(),
        entities=(
            Entity(word="cat", kind=EntityKind.SUBJECT, start=2, end=5),
            Entity(word="A cat", kind=EntityKind.SUBJECT, start=0, end=5, same_as="cat"),
        ),
        background=None,
    ),
    Sample(
        clip_id="0123456789abcdef0123456789abcdef",
        source=Source(id="0123456789abcdef0123456789abcdef", uri="my_dog/1.jpg"),
        caption="A dog sleeps on the sofa.",
        video=Payload(bytes=b"not really a picture", path="1.mov"),
        video_start_s=0.0,
        num_frames=1,
        fps=24.0,
        height=360,
        width=640,
        bucket="1x288x512",
        media=replace(_MEDIA, codec="png", declared_frames=1, decoded_frames=1, duration_s=1 / 24, has_audio=False),
        scores=Scores(),
        entities=(Entity(word="dog", kind=EntityKind.SUBJECT, start=2, end=5, references=(_GIVEN,)),),
        background=Background(frame_index=None, time_s=None, leak=None, image=Payload(bytes=_PNG)),
    ),
)


def _as_in_version_3_0(sample: Sample) -> Sample:
    """Without what version 3.1 added."""
    return replace(sample, media=replace(sample.media, longest_frame_s=None))


def _as_in_version_2(sample: Sample) -> Sample:
    """Without what version 3.0 added."""
    entities = tuple(
        replace(
            entity,
            references=tuple(replace(r, short_side=None, place=0, likeness=()) for r in entity.references),
            rejected_references=(),
        )
        for entity in sample.entities
    )
    return replace(sample, entities=entities, scores=replace(sample.scores, more={}))


def _as_in_version_3_3(sample: Sample) -> Sample:
    """Version 3.4 added the scores of the sound."""
    return replace(sample, scores=replace(sample.scores, loudness_lufs=None, silence=None))


def _as_in_version_3_4(sample: Sample) -> Sample:
    """Version 3.5 added the terms of a source, and the hashes of its content."""
    added: dict[str, Any] = dict.fromkeys(("licence", "consent", "rights_holder", "content_sha256", "perceptual_hash"))
    return replace(sample, source=replace(sample.source, **added))


GOLDEN_SAMPLES_3_4 = tuple(map(_as_in_version_3_4, GOLDEN_SAMPLES))
GOLDEN_SAMPLES_3_3 = tuple(map(_as_in_version_3_3, GOLDEN_SAMPLES_3_4))
GOLDEN_SAMPLES_3_2 = GOLDEN_SAMPLES_3_3[:2]
GOLDEN_SAMPLES_3_0 = tuple(map(_as_in_version_3_0, GOLDEN_SAMPLES_3_2))
GOLDEN_SAMPLES_2 = tuple(map(_as_in_version_2, GOLDEN_SAMPLES_3_0))

if __name__ == "__main__":
    write_shard(GOLDEN_SHARD, GOLDEN_SAMPLES)
