"""The stages of an import with annotators that a test knows, and videos whose every pixel it has drawn."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from curation.annotators.given.masks import GivenMasks
from curation.annotators.given.words import GivenWords
from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.execution.chain import PlannedStage, StageChain
from curation.execution.executor import SourceRecord
from curation.execution.outcomes import Outcome, finished
from curation.stage import Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from curation.stages.given_frames import GivenFrames, GivenFramesConfig
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from dataset_schema import Bucket, FailedClip, Payload, ReferenceImage, Sample
from tests.curation.made_videos import write_video
from tests.pipelines.scripted_annotators import FlatInpainter, NoFaces

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

HEIGHT, WIDTH = 144, 256
_BUCKETS = (Bucket(17, HEIGHT, WIDTH),)


def import_stages() -> list[Stage]:
    """Those that an import has, but for the filters of shots and content."""
    return [
        EntityWords(EntityWordsConfig(), GivenWords(), tells_places_apart=True),
        Decode(DecodeConfig(reference_long_side=8192), _BUCKETS),
        GivenFrames(GivenFramesConfig()),
        EntityMasks(EntityMasksConfig(), GivenMasks()),
        ReferenceImages(ReferenceImagesConfig(same_mask_iou=0.8), NoFaces(), HistogramEncoder()),
        BackgroundPicture(BackgroundConfig(max_leak=1.0), FlatInpainter(), ColorLeak(ColorLeakConfig())),
        Publish(PublishConfig(mode=PayloadMode.SPAN), _BUCKETS),
    ]


@contextmanager
def open_chain() -> Iterator[StageChain]:
    chain = StageChain([PlannedStage(stage=stage, drops=frozenset()) for stage in import_stages()], score_all=False)
    try:
        yield chain
    finally:
        chain.close()


def outcomes(chain: StageChain, records: Iterable[SourceRecord]) -> list[Outcome]:
    """What becomes of each record, in order."""
    return [finished(record, "publish") for record in chain.run(list(records))]


def samples(found: Iterable[Outcome]) -> list[Sample]:
    """All of them; a test that expects samples is told what became of a clip instead."""
    kept = []
    for each in found:
        assert isinstance(each, Sample), getattr(each, "message", None) or getattr(each, "reasons", None)
        kept.append(each)
    return kept


def failure(found: Outcome) -> FailedClip:
    assert isinstance(found, FailedClip), found
    return found


def rgba(image: Payload) -> Pixels:
    assert image.bytes is not None
    return np.asarray(PillowImage.open(io.BytesIO(image.bytes)).convert("RGBA"))


def expected_cutout(frame: Pixels, mask: Mask) -> Pixels:
    """What a picture of an entity is: the mask's own box, its own pixels, white where it is transparent."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    inside = mask[box][..., None]
    return np.concatenate([np.where(inside, frame[box], 255), np.where(inside, 255, 0)], axis=-1).astype(np.uint8)


def assert_shows(reference: ReferenceImage, frame: Pixels, mask: Mask) -> None:
    assert np.array_equal(rgba(reference.image), expected_cutout(frame, mask))


def ellipse(x: float, y: float, width: float, height: float) -> Mask:
    """Around (x, y)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    shape: Mask = ((rows - y) / (height / 2)) ** 2 + ((columns - x) / (width / 2)) ** 2 < 1
    return shape


def dog_at(index: int) -> Mask:
    """Where the dog of `moving_frames` is."""
    return ellipse(70 + 2 * index, 70, 80, 90)


def moving_frames(count: int, *, seed: int = 0) -> list[Pixels]:
    """A brown dog, a rough ellipse, moves to the right on gray noise; every frame is another."""
    chances = np.random.default_rng(seed)
    meadow = chances.integers(90, 140, (HEIGHT, WIDTH, 3), np.uint8)
    fur = chances.integers(0, 60, (HEIGHT, WIDTH, 3), np.uint8) + np.array([150, 90, 30], np.uint8)
    return [np.where(dog_at(index)[..., None], np.roll(fur, 2 * index, axis=1), meadow) for index in range(count)]


def write_lossless(path: Path, frames: Iterable[Pixels], *, times_s: Sequence[float] | None = None) -> Path:
    """A video whose frames are decoded as they were drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, options = ("libx264rgb", {"qp": "0"}) if path.suffix == ".mkv" else ("png", {"threads": "1"})
    return write_video(path, frames, times_s=times_s, codec=codec, pix_fmt="rgb24", options=options)
