"""Which annotators do which job, and the list of stages they make: the life of one clip, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from curation.annotators.content import VideoMaeContentClassifier
from curation.annotators.cutout_histogram import HistogramEncoder
from curation.annotators.faces import CascadeFaceConfig, CascadeFaceDetector
from curation.annotators.inpainting import ExemplarConfig, ExemplarInpainter
from curation.annotators.lexicon import LexiconEntityWords
from curation.annotators.moving_object import MovingObjectConfig, MovingObjectLocator
from curation.annotators.protocols import ShotDetector
from curation.annotators.shots import SceneDetectShots, TransNetV2Shots
from curation.stage import Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.decode import Decode, DecodeConfig
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from curation.stages.publish import Publish, PublishConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from dataset_schema import TABLE_6_BUCKETS, Bucket


class Profile(StrEnum):
    """A choice of annotators for every job."""

    EMBEDDED = "embedded"  # on a CPU, without downloads


class Shots(StrEnum):
    """The shot detector."""

    TRANSNETV2 = "transnetv2"  # the paper's (A.1)
    SCENEDETECT = "scenedetect"  # PySceneDetect: no network, misses dissolves


_SHOT_DETECTORS: dict[Shots, Callable[[], ShotDetector]] = {
    Shots.TRANSNETV2: TransNetV2Shots,
    Shots.SCENEDETECT: SceneDetectShots,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationConfig:
    """Everything that decides what becomes of a clip.

    Attributes:
        buckets: FRAMESxHEIGHTxWIDTH, the sizes of which a clip must fill at least one (Table 6).
    """

    profile: Profile = Profile.EMBEDDED
    shots: Shots = Shots.TRANSNETV2
    buckets: tuple[str, ...] = tuple(map(str, TABLE_6_BUCKETS))
    entity_words: EntityWordsConfig = field(default_factory=EntityWordsConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    single_shot: SingleShotConfig = field(default_factory=SingleShotConfig)
    content_filter: ContentFilterConfig = field(default_factory=ContentFilterConfig)
    moving_object: MovingObjectConfig = field(default_factory=MovingObjectConfig)
    entity_masks: EntityMasksConfig = field(default_factory=EntityMasksConfig)
    faces: CascadeFaceConfig = field(default_factory=CascadeFaceConfig)
    reference_images: ReferenceImagesConfig = field(default_factory=ReferenceImagesConfig)
    inpainting: ExemplarConfig = field(default_factory=ExemplarConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)

    def __post_init__(self) -> None:
        if not self.buckets:
            raise ValueError("curation has no buckets, expected at least one size such as 17x144x256")
        for bucket in self.buckets:
            Bucket.parse(bucket)


def build_stages(config: CurationConfig) -> list[Stage]:
    """The stages of a run, in order; nothing is loaded yet."""
    buckets = tuple(map(Bucket.parse, config.buckets))
    return [
        EntityWords(config.entity_words, LexiconEntityWords()),
        Decode(config.decode, buckets),
        SingleShotFilter(config.single_shot, _SHOT_DETECTORS[config.shots]()),
        ContentFilter(config.content_filter, VideoMaeContentClassifier()),
        EntityMasks(config.entity_masks, MovingObjectLocator(config.moving_object)),
        ReferenceImages(config.reference_images, CascadeFaceDetector(config.faces), HistogramEncoder()),
        BackgroundPicture(config.background, ExemplarInpainter(config.inpainting)),
        Publish(config.publish, buckets),
    ]
