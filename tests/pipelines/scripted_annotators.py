"""Annotators that answer what a test knows to be true, in the places of those that look."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.annotators.leaks.checks import ColorLeak, ColorLeakConfig
from curation.annotators.lexicon.extractor import LexiconEntityWords
from curation.annotators.likeness.histogram import HistogramEncoder
from curation.annotators.protocols import FaceBox, Hole, Scene
from curation.profiles import CurationConfig
from curation.records import Image, LocatedEntity, Video
from curation.stage import Resources, Stage
from curation.stages.background import BackgroundPicture
from curation.stages.content_filter import ContentFilter
from curation.stages.decode import Decode
from curation.stages.entity_masks import EntityMasks
from curation.stages.entity_words import EntityWords
from curation.stages.publish import Publish
from curation.stages.reference_images import ReferenceImages
from curation.stages.shot_frames import ShotFrames
from curation.stages.single_shot import SingleShotFilter
from curation.stages.split_shots import SplitShots
from dataset_schema import Annotator, Bucket, EntityKind

# A subject painted in this color is located by it.
SUBJECT: tuple[int, int, int] = (240, 200, 30)


class _Scripted:
    """The part that all of them share."""

    own_threshold = 0.5

    def describe(self) -> Annotator:
        return Annotator(job="scripted", name="scripted", revision="1")

    @property
    def resources(self) -> Resources:
        return Resources()

    def load(self) -> None:
        pass


@dataclass(frozen=True)
class ScriptedShots(_Scripted):
    """Changes of shot after the given frames."""

    cuts: Sequence[int] = ()

    def cut_probabilities(self, thumbnails: Video) -> npt.NDArray[np.float64]:
        probabilities = np.full(len(thumbnails), 0.02)
        probabilities[list(self.cuts)] = 0.9
        return probabilities


@dataclass(frozen=True)
class ScriptedContent(_Scripted):
    """The same five probabilities for every clip."""

    probabilities: tuple[float, ...] = (0.9, 0.04, 0.03, 0.02, 0.01)

    def classify(self, videos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return np.tile(self.probabilities, (len(videos), 1))


class ColorLocator(_Scripted):
    """Finds the first subject by its color, in every frame that shows it."""

    reads_words = False

    def locate(self, scenes: Sequence[Scene]) -> list[list[LocatedEntity]]:
        return [self._locate(scene) for scene in scenes]

    def _locate(self, scene: Scene) -> list[LocatedEntity]:
        subjects = [index for index, word in enumerate(scene.words) if word.kind is EntityKind.SUBJECT]
        masks = [np.abs(frame.image.astype(int) - SUBJECT).max(axis=2) < 60 for frame in scene.frames]
        return [
            LocatedEntity(word_index=subjects[0], reference_index=place, mask=mask, detection_score=0.8, mask_score=0.8)
            for place, mask in enumerate(masks)
            if subjects and mask.any()
        ]


class NoFaces(_Scripted):
    """Sees none."""

    def detect(self, image: Image) -> list[FaceBox]:
        return []


class FlatInpainter(_Scripted):
    """Paints with the mean color of what is left."""

    def inpaint(self, holes: Sequence[Hole]) -> list[Image]:
        return [np.where(h.mask[..., None], h.image[~h.mask].mean(axis=0), h.image).astype(np.uint8) for h in holes]


def scripted_stages(
    config: CurationConfig, *, shots: ScriptedShots | None = None, content: ScriptedContent | None = None
) -> list[Stage]:
    """The stages of `build_stages`, with these annotators."""
    buckets = tuple(map(Bucket.parse, config.buckets))
    detector = shots or ScriptedShots()
    rejecting: list[Stage] = [Decode(config.decode, buckets), SingleShotFilter(config.single_shot, detector)]
    splitting: list[Stage] = [
        Decode(config.decode, buckets, keeps_footage=True),
        SplitShots(config.split_shots, detector),
        ShotFrames(config.decode.limits(buckets)),
    ]
    return [
        EntityWords(config.entity_words, LexiconEntityWords()),
        *(splitting if config.several_shots == "split" else rejecting),
        ContentFilter(config.content_filter, content or ScriptedContent()),
        EntityMasks(config.entity_masks, ColorLocator()),
        ReferenceImages(config.reference_images, NoFaces(), HistogramEncoder()),
        BackgroundPicture(config.background, FlatInpainter(), ColorLeak(ColorLeakConfig())),
        Publish(config.publish, buckets),
    ]
