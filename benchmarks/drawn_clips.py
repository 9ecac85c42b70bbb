"""Clips that nobody filmed, measured by nobody, and decided by the project's own rules: rows that are real in shape.

A caption is made of the lexicon's words, and its entity words are those that the project's extractor finds in it. What
the networks would measure is drawn, so that about as many clips fall as in the paper (37.8 of 86.8 million are kept),
and `decide_stage` says for what. Pictures and videos are tiny, and open.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from PIL import Image

from curation.decisions import decide_stage
from curation.entity_words.word_lists import sections
from curation.execution.guard import StageError
from curation.execution.outcomes import Outcome, failed, rejected
from curation.profiles import CurationConfig, build_stages
from curation.records import Clip
from curation.stage import Stage
from dataset_schema import (
    FRAMES_PER_SECOND,
    TABLE_6_BUCKETS,
    Background,
    Box,
    Entity,
    EntityKind,
    FailureKind,
    MediaFacts,
    Payload,
    ReferenceImage,
    Sample,
    Source,
    largest_bucket,
)
from worlds.sprites import write_video

CONFIG: Final = CurationConfig(several_shots="split")

_PICTURES: Final = 64
_VIDEOS: Final = 64
_CLASSES: Final = ("desirable", "still_foreground", "slight_motion", "screen_in_screen", "screen_recording")
_FRAME_SHARES: Final = (0.05, 0.5, 0.95)
_FAILURE_SHARE: Final = 0.03
_NO_DAMAGE: Final = 0.985
_FAILURES: Final = (
    ("decode", FailureKind.CORRUPT, "InvalidDataError", "no frame decodes"),
    ("decode", FailureKind.TIMEOUT, "TimeoutError", "decoding took longer than 60 s"),
    ("decode", FailureKind.IO, "ConnectionResetError", "the connection was reset"),
    ("content_filter", FailureKind.MEMORY, "MemoryError", "more than 4 GiB were needed"),
)


def stages() -> list[Stage]:
    """Those that the drawn clips went through."""
    return build_stages(CONFIG)


def draw_clips(count: int, *, seed: int) -> Iterator[Outcome]:
    """That many clips, of one source each, each as it would leave curation."""
    made = _Drawing(np.random.default_rng(seed), stages())
    made.stages[0].setup()
    for number in range(count):
        yield made.outcome(number)


@dataclass
class _Drawing:
    random: np.random.Generator
    stages: Sequence[Stage]
    words: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.words = {name: sorted(w for w in some if w.isalpha()) for name, some in sections().items()}

    def outcome(self, number: int) -> Outcome:
        source = Source(id=f"{number:032x}", uri=f"s3://videos/{number}.mp4")
        clip = Clip(clip_id=source.id, source=source, caption=self.caption())
        if self.random.random() < _FAILURE_SHARE:
            name, kind, error_type, message = _FAILURES[int(self.random.integers(len(_FAILURES)))]
            return failed(clip, name, StageError(kind, error_type, f"{source.uri}: {message}"))
        for stage in self.stages:
            clip, reasons = decide_stage(stage, self.scored(stage, clip))
            if reasons:
                return rejected(replace(clip, reasons=reasons, thumbnail=self.picture() if clip.media else None))
        return self.sample(clip)

    def scored(self, stage: Stage, clip: Clip) -> Clip:
        """What the stage would have measured."""
        match stage.name:
            case "entity_words":
                return stage.score([clip])[0]
            case "decode":
                media = self.media()
                level_range = float(self.random.integers(100, 255)) if self.likely(0.99) else 6.0
                return replace(clip, media=media).with_scores(
                    level_range=level_range, reference_frames=3, comparison_frames=0
                )
            case "split_shots":
                return clip.with_scores(shots=1.0 if self.likely(0.98) else 0.0, shot_change=self.share(0.0, 0.49))
            case "content_filter":
                desirable = self.share(0.31, 0.99) if self.likely(0.74) else self.share(0.01, 0.25)
                others = np.round(self.random.dirichlet((0.5, 0.5, 0.5, 0.5)) * (1 - desirable), 2)
                return clip.with_scores(**dict(zip(_CLASSES, map(float, (desirable, *others)), strict=True)))
            case "entity_masks":
                confidence = self.share(0.2, 0.99) if self.likely(0.9) else 0.0
                ambiguous = float(confidence == 0 and self.likely(0.5))
                return clip.with_scores(subject_confidence=confidence, ambiguous_subjects=ambiguous)
            case "reference_images":
                entities = tuple(self.entity(clip, word) for word in clip.entity_words or ())
                return replace(clip, entities=entities).with_scores(pictures=sum(len(e.references) for e in entities))
            case "background":
                leak = self.share(0.0, 0.24) if self.likely(0.85) else self.share(0.27, 0.6)
                middle = clip.media.decoded_frames // 2 if clip.media else 0
                picture = Background(
                    frame_index=middle, time_s=middle / FRAMES_PER_SECOND, leak=leak, image=self.picture()
                )
                return replace(clip, background=picture).with_scores(background_leak=leak)
            case _:
                return clip

    def caption(self) -> str:
        """A sentence of 8 to 16 words; now and then one that breaks a rule of A.2."""
        one, other = self.word("person"), self.word("animal")
        color, action, thing, place = (self.word(name) for name in ("color", "animate", "thing", "place"))
        number = self.random.random()
        if number < 0.06:
            return f"There is a {color} {thing} beside another {self.word('thing')} somewhere near the {place}."
        if number < 0.12:
            return f"Two {other}s {action} beside a {color} {thing} near the {place} in the evening."
        if number < 0.15:
            return f"A {color} {one} sees another {one} at the {place} and they {action} there."
        first = f"A {color} {one if number < 0.6 else other}"
        second = f" and a {other}" if number < 0.4 else ""
        return f"{first}{second} with a {self.word('color')} {thing} can be seen to {action} at the {place}."

    def media(self) -> MediaFacts:
        buckets = TABLE_6_BUCKETS
        bucket = buckets[int(self.random.integers(len(buckets)))]
        frames = bucket.frames + int(self.random.integers(0, 3)) if self.likely(0.95) else 12
        scale = 1 if self.likely(0.96) else 0.5
        height, width = int(bucket.height * scale), int(bucket.width * scale)
        duration_s = frames / FRAMES_PER_SECOND
        return MediaFacts(
            container="mov,mp4,m4a,3gp,3g2,mj2" if self.likely(0.8) else "matroska,webm",
            codec="h264" if self.likely(0.8) else "vp9",
            width=width,
            height=height,
            declared_frames=frames if self.likely(0.9) else None,
            decoded_frames=frames,
            duration_s=duration_s,
            fps=FRAMES_PER_SECOND,
            is_vfr=not self.likely(0.9),
            rotation_deg=0,
            sample_aspect_ratio=1.0,
            color_transfer="bt709" if self.likely(0.7) else None,
            is_interlaced=False,
            has_audio=self.likely(0.6),
            damage=None if self.likely(_NO_DAMAGE) else f"container declares {frames + 40} frames, {frames} decode",
            longest_frame_s=1 / FRAMES_PER_SECOND if self.likely(0.98) else 0.8,
        )

    def entity(self, clip: Clip, word: Any) -> Entity:
        """Up to three pictures and, of a person, as many faces: all of them for the rules to judge."""
        if word.kind is EntityKind.BACKGROUND or not self.likely(0.9) or clip.media is None:
            return Entity(word=word.word, kind=word.kind, start=word.start, end=word.end)
        frames = [share for share in _FRAME_SHARES if self.likely(0.85)] or [0.5]
        faces = [False] * len(frames) + [True] * (len(frames) if self.likely(0.3) else 0)
        pictures = tuple(
            self.reference(clip.media, share, place, is_face=is_face, count=len(faces))
            for place, (share, is_face) in enumerate(zip(frames * 2, faces, strict=False))
        )
        return Entity(word=word.word, kind=word.kind, start=word.start, end=word.end, references=pictures)

    def reference(self, media: MediaFacts, share: float, place: int, *, is_face: bool, count: int) -> ReferenceImage:
        index = round(share * (media.decoded_frames - 1))
        side = int(self.random.integers(40, 140))
        x0, y0 = (float(self.random.integers(0, max(1, size - side))) for size in (media.width, media.height))
        return ReferenceImage(
            frame_index=index,
            time_s=index / FRAMES_PER_SECOND,
            box=Box(x0=x0, y0=y0, x1=x0 + side, y1=y0 + side),
            detection_score=self.random.uniform(0.4, 1.0),
            mask_score=self.random.uniform(0.5, 1.0),
            area=side**2 / (media.width * media.height) * self.random.uniform(0.3, 0.99) % 1,
            sharpness=self.random.lognormal(5, 1.5),
            largest_fragment=self.random.beta(12, 1),
            solidity=self.random.beta(5, 2),
            fill=self.random.beta(5, 4),
            border_contact=self.random.beta(1, 6),
            overlap=self.random.beta(1, 8),
            agreement=None,
            likeness_to_clip=None,
            is_face=is_face,
            image=self.picture(),
            short_side=side,
            face_inside=self.random.beta(6, 2) if is_face else None,
            place=place,
            likeness=tuple(float(value) for value in self.random.beta(8, 2, size=count)),
        )

    def sample(self, clip: Clip) -> Sample:
        media = clip.media
        if media is None:
            raise ValueError(f"clip {clip.clip_id} has no media facts, expected the stage `decode` before the last")
        bucket = largest_bucket(TABLE_6_BUCKETS, duration_s=media.duration_s, height=media.height, width=media.width)
        videos = tiny_videos()
        return Sample(
            clip_id=clip.clip_id,
            source=clip.source,
            caption=clip.caption,
            video=Payload(bytes=videos[int(self.random.integers(len(videos)))]),
            video_start_s=0.0,
            num_frames=media.decoded_frames,
            fps=media.fps,
            height=media.height,
            width=media.width,
            bucket=str(bucket),
            media=media,
            scores=clip.scores,
            entities=clip.entities or (),
            background=clip.background,
            extra='{"licence": "CC0"}',
        )

    def picture(self) -> Payload:
        pictures = tiny_pictures()
        return Payload(bytes=pictures[int(self.random.integers(len(pictures)))])

    def word(self, section: str) -> str:
        some = self.words[section]
        return some[int(self.random.integers(len(some)))]

    def likely(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def share(self, low: float, high: float) -> float:
        """To two decimals: so many as a sentence about it shows."""
        return round(float(self.random.uniform(low, high)), 2)


@cache
def tiny_pictures() -> Sequence[bytes]:
    """PNG, RGBA, 8 x 8 pixels, some hundred bytes each."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(_PICTURES):
        file = io.BytesIO()
        Image.fromarray(random.integers(0, 256, size=(8, 8, 4), dtype=np.uint8)).save(file, "PNG")
        made.append(file.getvalue())
    return made


@cache
def tiny_videos() -> Sequence[bytes]:
    """MP4, 17 frames of 32 x 32 pixels, about a thousand bytes each."""
    random = np.random.default_rng(0)
    made = []
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "clip.mp4"
        for color in random.integers(0, 256, size=(_VIDEOS, 3), dtype=np.uint8):
            write_video(path, np.broadcast_to(color, (17, 32, 32, 3)).copy(), int(FRAMES_PER_SECOND))
            made.append(path.read_bytes())
    return made
