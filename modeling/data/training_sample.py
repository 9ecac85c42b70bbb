"""What training sees of a published sample: its words, its pictures and its video, without scores."""

from dataclasses import dataclass

from dataset_schema import EntityKind, Payload, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturedEntity:
    """An entity word, its characters `[start, end)` in the caption, and its reference images."""

    word: str
    kind: EntityKind
    start: int
    end: int
    images: tuple[Payload, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSample:
    """A clip as training reads it.

    Attributes:
        video: None where it was not wanted, or has been used.
        video_start_s: presentation time in `video` where the clip starts.
        background: its image.
    """

    clip_id: str
    caption: str
    video: Payload | None
    video_start_s: float
    entities: tuple[PicturedEntity, ...] = ()
    background: Payload | None = None

    @classmethod
    def of(cls, sample: Sample) -> "TrainingSample":
        """What training sees of a sample that was read whole."""
        return cls(
            clip_id=sample.clip_id,
            caption=sample.caption,
            video=sample.video,
            video_start_s=sample.video_start_s,
            entities=tuple(
                PicturedEntity(
                    word=entity.word,
                    kind=entity.kind,
                    start=entity.start,
                    end=entity.end,
                    images=tuple(reference.image for reference in entity.references),
                )
                for entity in sample.entities
            ),
            background=None if sample.background is None else sample.background.image,
        )

    @property
    def size_bytes(self) -> int:
        """Of all pictures, and of the video."""
        images = (image for entity in self.entities for image in entity.images)
        return sum(len(each.bytes or b"") for each in (self.video, *images, self.background) if each is not None)
