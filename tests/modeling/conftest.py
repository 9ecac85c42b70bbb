"""A small world of moving shapes, written as the dataset that curation would write."""

import io
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from jaxtyping import install_import_hook
from PIL import Image

# Every test of this folder checks the shapes that the annotations promise.
install_import_hook("modeling", "beartype.beartype")

from dataset_schema import (  # noqa: E402  (the hook must come before what imports modeling)
    Background,
    Box,
    Bucket,
    Entity,
    EntityKind,
    Payload,
    ReferenceImage,
    Sample,
    Scores,
    Source,
    write_shard,
)
from tests.made_media import media_facts  # noqa: E402
from tests.made_references import made_reference  # noqa: E402

torch.set_num_threads(1)

COLORS = {
    "red": (220, 40, 40),
    "green": (40, 190, 60),
    "blue": (50, 80, 230),
    "yellow": (235, 215, 50),
    "white": (240, 240, 240),
    "purple": (160, 60, 200),
}
GROUNDS = {"sky": (130, 190, 240), "meadow": (90, 140, 70), "desert": (225, 190, 130), "night": (20, 20, 50)}
SHAPES = ("ball", "box", "diamond")
WAYS = {"right": (1.0, 0.0), "left": (-1.0, 0.0), "down": (0.0, 1.0), "up": (0.0, -1.0)}


def shape_mask(shape: str, size: int) -> npt.NDArray[np.bool_]:
    """The outline of a shape in a square."""
    y, x = np.abs(np.mgrid[:size, :size] - (size - 1) / 2) / (size / 2)
    distance = {"ball": np.hypot(x, y), "box": np.maximum(x, y) + 0.1, "diamond": x + y}[shape]
    return np.asarray(distance <= 1)


def render(
    bucket: Bucket, *, shape: str, color: str, ground: str, way: str, seed: int
) -> tuple[npt.NDArray[np.uint8], Image.Image]:
    """A clip of one shape that crosses the middle of the picture, and its picture on transparent ground."""
    rng = np.random.default_rng(seed)
    size = int(bucket.height * 0.4)
    mask = shape_mask(shape, size)
    video = np.empty((bucket.frames, bucket.height, bucket.width, 3), np.uint8)
    video[:] = GROUNDS[ground]
    dx, dy = WAYS[way]
    travel = np.array([dy * bucket.height, dx * bucket.width]) * 0.5
    middle = np.array([bucket.height, bucket.width]) / 2 + rng.uniform(-0.08, 0.08, 2) * bucket.height
    for frame, share in enumerate(np.linspace(-0.5, 0.5, bucket.frames)):
        top, left = np.round(middle + travel * share - size / 2).astype(int)
        rows, columns = np.clip(np.arange(size) + top, 0, bucket.height - 1), np.arange(size) + left
        inside = mask & ((np.arange(size) + top == rows)[:, None]) & ((columns >= 0) & (columns < bucket.width))
        y, x = np.nonzero(inside)
        video[frame, y + top, x + left] = COLORS[color]
    picture = np.zeros((size, size, 4), np.uint8)
    picture[..., :3] = COLORS[color]
    picture[..., 3] = mask * 255
    return video, Image.fromarray(picture)


def png(image: Image.Image) -> Payload:
    """The image as it lies in a shard."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return Payload(bytes=buffer.getvalue())


def make_reference(image: Image.Image) -> ReferenceImage:
    """A reference image with plausible scores."""
    return made_reference(png(image), box=Box(x0=0, y0=0, x1=image.width, y1=image.height))


def build_sample(number: int, bucket: Bucket, folder: Path, *, with_entities: bool = True) -> Sample:
    """One clip of the world, its color, shape, ground and direction drawn from its number."""
    from modeling.data.video import write_video

    rng = np.random.default_rng(number)
    shape, color = str(rng.choice(SHAPES)), str(rng.choice(list(COLORS)))
    ground, way = str(rng.choice(list(GROUNDS))), str(rng.choice(list(WAYS)))
    video, picture = render(bucket, shape=shape, color=color, ground=ground, way=way, seed=number)
    caption = f"A {color} {shape} moves {way} over the {ground}."
    word, place = f"{color} {shape}", caption.index(ground)
    path = folder / f"{number}.mp4"
    write_video(path, video)
    empty = Image.new("RGB", (bucket.width, bucket.height), GROUNDS[ground])
    entities = (
        Entity(
            word=word, kind=EntityKind.SUBJECT, start=2, end=2 + len(word), references=(make_reference(picture),) * 3
        ),
        Entity(word=ground, kind=EntityKind.BACKGROUND, start=place, end=place + len(ground)),
    )
    return Sample(
        clip_id=sha256(str(number).encode()).hexdigest()[:16],
        source=Source(id=str(number), uri=path.name),
        caption=caption,
        video=Payload(bytes=path.read_bytes()),
        video_start_s=0.0,
        num_frames=bucket.frames,
        fps=24.0,
        height=bucket.height,
        width=bucket.width,
        bucket=str(bucket),
        media=media_facts(width=bucket.width, height=bucket.height, frames=bucket.frames),
        scores=Scores(),
        entities=entities if with_entities else (),
        background=Background(frame_index=0, time_s=0.0, leak=0.0, image=png(empty)) if with_entities else None,
    )


def with_second_subject(sample: Sample) -> Sample:
    """The same clip with pictures of a second entity, named by the word for its direction."""
    first, *others = sample.entities
    word = next(way for way in WAYS if f" {way} " in sample.caption)
    start = sample.caption.index(f" {word} ") + 1
    second = replace(first, word=word, kind=EntityKind.OBJECT, start=start, end=start + len(word))
    return replace(sample, entities=(first, second, *others))


MakeDataset = Callable[..., Path]


@pytest.fixture
def make_sample() -> Callable[..., Sample]:
    """Builds one clip of the world: `make_sample(number, bucket, folder)`."""
    return build_sample


@pytest.fixture
def make_two_subjects() -> Callable[[Sample], Sample]:
    """Gives a clip of the world a second entity with reference images."""
    return with_second_subject


@pytest.fixture
def moving_shape() -> Callable[[Bucket], torch.Tensor]:
    """Renders a clip (1, frames, height, width, 3) of a red ball that moves right over a meadow."""

    def make(bucket: Bucket) -> torch.Tensor:
        video, _ = render(bucket, shape="ball", color="red", ground="meadow", way="right", seed=0)
        return torch.from_numpy(video)[None]

    return make


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Writes a dataset of moving shapes with the given number of clips in each bucket."""

    def make(clips: dict[Bucket, int], *, rows_per_shard: int = 100) -> Path:
        samples = [
            build_sample(1000 * place + number, bucket, tmp_path)
            for place, (bucket, count) in enumerate(clips.items())
            for number in range(count)
        ]
        dataset = tmp_path / "dataset"
        for shard, start in enumerate(range(0, len(samples), rows_per_shard)):
            path = dataset / "samples" / f"part-{shard:05d}.parquet"
            write_shard(path, samples[start : start + rows_per_shard])
        return dataset

    return make
