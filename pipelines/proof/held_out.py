"""The clips that a proof is measured on: what curation published of them, and what is true of them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dataset_schema import FRAMES_PER_SECOND, Bucket, EntityKind, ReferenceImage, Sample, read_shard, shard_paths
from modeling.data.clips import decode_video
from modeling.data.store import SampleStore
from modeling.data.video import Video
from pipelines.views.sheet_pictures import read_image
from storage.text_files import open_text
from worlds.sprites import ClipTruth, Pattern, Place, State, SubjectTruth, Texture, Way, opposite, read_truth, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutSubject:
    """One subject of a held-out clip.

    Attributes:
        name: how the pipeline is told of it: its word, `word#2` if it is the second of that word.
        pictures: as curation cut them out, the surest first: the one that a user would choose.
        state: in the clip, where states change.
        told: the part of it that is in the caption.
        pictured: its state in every picture.
    """

    word: str
    name: str
    texture: Texture
    way: Way
    pictures: tuple[Image.Image, ...]
    state: State = ()
    told: State = ()
    pictured: tuple[State, ...] = ()

    @property
    def contrary(self) -> State:
        """What the surest picture does not show: the other side of every change."""
        return opposite(self.pictured[0]) if self.pictured else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A clip that training never saw, in textures that it never saw.

    Attributes:
        number: of the clip in its world; also the seed of the noise that its videos are sampled from.
        subjects: from left to right.
    """

    number: int
    caption: str
    place: str
    subjects: tuple[HeldOutSubject, ...]
    video: Video

    @property
    def has_one_word(self) -> bool:
        """Whether all subjects have the same word."""
        return len({subject.word for subject in self.subjects}) == 1

    @property
    def contrary_caption(self) -> str:
        """A caption that asks for every subject as its picture does not show it; the rest is as it is."""
        return tell(
            [subject.contrary for subject in self.subjects],
            [subject.word for subject in self.subjects],
            [subject.way for subject in self.subjects],
            Place(self.place),
        )


def read_held_out(manifest: Path, dataset: Path, bucket: Bucket, *, fps: float = FRAMES_PER_SECOND) -> list[HeldOut]:
    """The clips of a small world that curation kept, in the order of the world, cut to the size of the bucket at `fps`.

    Clips in which a subject has no picture are left out.

    Raises:
        ValueError: no clip is left.
    """
    with open_text(manifest) as file:
        truths = {Path(row["video"]).name: manifest.parent / row["truth"] for row in csv.DictReader(file)}
    store = SampleStore(dataset, (bucket,), fps=fps)
    clips = []
    published = {sample.clip_id: sample for path in shard_paths(dataset, Sample) for sample in read_shard(path, Sample)}
    for row in range(store.clips_per_bucket()[bucket]):
        clip = store.read(bucket, row, with_references=False)
        video = decode_video(clip, bucket, store, window_s=0.0)
        sample = published[clip.clip_id]
        name = Path(sample.source.uri).name
        held_out = _held_out(int(Path(name).stem), sample, read_truth(truths[name]), video)
        if all(subject.pictures for subject in held_out.subjects):
            clips.append(held_out)
    if not clips:
        raise ValueError(f"dataset {dataset} has no clip with pictures of all its subjects; draw more held-out clips")
    return sorted(clips, key=lambda clip: clip.number)


def _held_out(number: int, sample: Sample, truth: ClipTruth, video: Video) -> HeldOut:
    found = sorted((e for e in sample.entities if e.kind is not EntityKind.BACKGROUND), key=lambda e: e.start)
    ways = _ways(sample.caption)
    parts = sample.caption.split(" moves ")[:-1]  # one of every subject, which ends with what is told of it
    seen: list[str] = []
    subjects = []
    shown_first = [subject for subject in truth.subjects if subject.boxes[0] is not None]
    for order, (told, entity, way) in enumerate(zip(shown_first, found, ways, strict=True)):
        seen.append(told.word)
        count = seen.count(told.word)
        pictures = _pictures(entity.references)
        subjects.append(
            HeldOutSubject(
                word=told.word,
                name=told.word if count == 1 else f"{told.word}#{count}",
                texture=_texture(told.texture),
                way=way,
                pictures=tuple(picture for _, picture in pictures),
                state=told.state,
                told=tuple(word for word in told.state if word in parts[order]),
                pictured=_pictured(truth.subjects[order :: len(shown_first)], [frame for frame, _ in pictures]),
            )
        )
    place = next(word.word for word in truth.words if word.kind is EntityKind.BACKGROUND)
    return HeldOut(number=number, caption=sample.caption, place=place, subjects=tuple(subjects), video=video)


def _texture(told: Mapping[str, Any]) -> Texture:
    colors = tuple((int(red), int(green), int(blue)) for red, green, blue in told["colors"])
    return Texture(**{**told, "pattern": Pattern(told["pattern"]), "colors": colors})


def _ways(caption: str) -> list[Way]:
    known = {way.value: way for way in Way}
    return [known[word] for word in caption.rstrip(".").replace(",", "").split() if word in known]


def _pictures(references: Sequence[ReferenceImage]) -> list[tuple[int | None, Image.Image]]:
    """With the frame of the video that each is cut from."""
    whole = (each for each in references if not each.is_face)
    ordered = sorted(whole, key=lambda each: -(each.detection_score or 0.0) * (each.mask_score or 0.0))
    opened = ((each.frame_index, read_image(each.image)) for each in ordered)
    return [(frame, picture) for frame, picture in opened if picture is not None]


def _pictured(parts: Sequence[SubjectTruth], frames: Sequence[int | None]) -> tuple[State, ...]:
    """The state in every frame; `parts` are one subject's, of one state each."""
    return tuple(
        next(part.state for part in parts if part.boxes[frame] is not None) for frame in frames if frame is not None
    )
