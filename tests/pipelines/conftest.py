"""Records as curation would publish them from a perfect annotator: drawn clips with their true masks."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from dataset_schema import (
    Background,
    Box,
    Entity,
    EntityKind,
    FailedClip,
    FailureKind,
    Payload,
    Reason,
    ReferenceImage,
    RejectedClip,
    Sample,
    Scores,
    Source,
)
from tests.made_media import media_facts
from tests.made_references import made_reference
from worlds.sprites import ClipKind, SpriteWorldConfig, plan_clip, render_shot, write_video

WORLD = SpriteWorldConfig(clips=100, frames=25, height=96, width=160, undesirable_share=0.0)


def clip_id(index: int) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()[:16]


def png(picture: npt.NDArray[np.uint8]) -> Payload:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return Payload(bytes=file.getvalue())


def reference(frame: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], frame_index: int) -> ReferenceImage | None:
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if width < 2 or height < 2:
        return None
    window = (slice(y, y + height), slice(x, x + width))
    cutout = np.dstack([frame[window] * mask[window][..., None], mask[window].astype(np.uint8) * 255])
    return made_reference(
        png(cutout),
        frame_index=frame_index,
        time_s=frame_index / WORLD.fps,
        box=Box(x0=x, y0=y, x1=x + width, y1=y + height),
        mask_score=0.8,
        area=float(mask.mean()),
        agreement=0.9,
    )


@pytest.fixture(scope="session")
def make_sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Sample]:
    """The clip at an index of a small sprite world, with true references, as a published sample."""
    folder = tmp_path_factory.mktemp("clips")

    @cache
    def make(index: int) -> Sample:
        plan = plan_clip(WORLD, index)
        assert plan.kind == ClipKind.DESIRABLE
        scene = plan.shots[0]
        shot = render_shot(scene, height=WORLD.height, width=WORLD.width)
        path = folder / f"{index}.mp4"
        write_video(path, shot.video, WORLD.fps)
        order = [subject.word for subject in scene.subjects]
        entities = []
        for word in plan.words:
            start = plan.caption.lower().index(word.word)
            seen = []
            if word.kind != EntityKind.BACKGROUND:
                label = order.index(word.word) + 1
                seen = [reference(shot.video[at], shot.labels[at] == label, at) for at in (1, 12, 23)]
            entities.append(
                Entity(
                    word=plan.caption[start : start + len(word.word)],
                    kind=word.kind,
                    start=start,
                    end=start + len(word.word),
                    references=tuple(found for found in seen if found is not None),
                )
            )
        empty = render_shot(replace(scene, subjects=()), height=WORLD.height, width=WORLD.width).video[12]
        return Sample(
            clip_id=clip_id(index),
            source=Source(id=str(index), uri=f"videos/{index:04d}.mp4"),
            caption=plan.caption,
            video=Payload(bytes=path.read_bytes()),
            video_start_s=0.0,
            num_frames=WORLD.frames,
            fps=WORLD.fps,
            height=WORLD.height,
            width=WORLD.width,
            bucket="25x96x160",
            media=media_facts(width=WORLD.width, height=WORLD.height, frames=WORLD.frames, fps=WORLD.fps),
            scores=Scores(shot_change=0.02, desirable=0.93, subject_confidence=0.81, background_leak=0.05),
            entities=tuple(entities),
            background=Background(frame_index=12, time_s=12 / WORLD.fps, leak=0.05, image=png(empty)),
        )

    return make


def make_rejected_clip() -> RejectedClip:
    """One with a picture, of two shots."""
    picture = np.full((54, 96, 3), (30, 160, 90), np.uint8)
    return RejectedClip(
        clip_id=clip_id(1000),
        source=Source(id="1000", uri="videos/two-shots.mp4"),
        caption="A dog runs across a meadow.",
        reasons=(
            Reason(stage="single_shot", reason="several_shots", detail="shot change at 1.04 s with probability 0.98"),
        ),
        scores=Scores(shot_change=0.98),
        thumbnail=png(picture),
    )


def make_failed_clip() -> FailedClip:
    """One whose file is no video."""
    return FailedClip(
        clip_id=clip_id(2000),
        source=Source(id="2000", uri="videos/note.mp4"),
        stage="decode",
        kind=FailureKind.INPUT,
        error_type="ClipError",
        message="videos/note.mp4 is no video: a text file; leave it out",
    )


@pytest.fixture
def rejected_clip() -> RejectedClip:
    return make_rejected_clip()


@pytest.fixture
def failed_clip() -> FailedClip:
    return make_failed_clip()
