"""Which annotators do which job, and the list of stages they make: the life of one clip, top to bottom."""

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from curation.annotators.content.classifier import VideoMaeConfig
from curation.annotators.detected_object.locator import DetectedObjectConfig
from curation.annotators.device import Device
from curation.annotators.faces import BlazeFaceConfig
from curation.annotators.given.masks import GivenMasksConfig
from curation.annotators.given.words import GivenWordsConfig
from curation.annotators.grounding.locator import GroundedMasksConfig
from curation.annotators.grounding_legacy.locator import LegacyGroundedMasksConfig
from curation.annotators.inpainting.exemplar import ExemplarConfig
from curation.annotators.inpainting.stable_diffusion import StableDiffusionConfig
from curation.annotators.insets.finder import BorderedInsets
from curation.annotators.language.captioner import ServerCaptionerConfig
from curation.annotators.language.entity_words import LanguageEntityWordsConfig
from curation.annotators.language.server import ChatServerConfig
from curation.annotators.language.transformers_chat import TransformersChatConfig
from curation.annotators.language.vllm_chat import VllmChatConfig
from curation.annotators.leaks.checks import ColorLeakConfig, DetectorLeakConfig
from curation.annotators.lexicon.extractor import LexiconConfig
from curation.annotators.likeness.dinov2 import Dinov2Config
from curation.annotators.likeness.histogram import HistogramConfig
from curation.annotators.moving_object.locator import MovingObjectConfig
from curation.annotators.shots.detectors import SceneDetectConfig, TransNetV2Config
from curation.stage import Stage
from curation.stages.background import BackgroundConfig, BackgroundPicture
from curation.stages.blur_faces import BlurFaces, BlurFacesConfig
from curation.stages.captions import Captions, CaptionsConfig
from curation.stages.content_filter import ContentFilter, ContentFilterConfig
from curation.stages.decode import Decode, DecodeConfig, ReferenceTimes
from curation.stages.entity_masks import EntityMasks, EntityMasksConfig
from curation.stages.entity_words import EntityWords, EntityWordsConfig
from curation.stages.given_frames import GivenFrames, GivenFramesConfig
from curation.stages.publish import PayloadMode, Publish, PublishConfig
from curation.stages.reference_images import ReferenceImages, ReferenceImagesConfig
from curation.stages.shot_frames import ShotFrames
from curation.stages.single_shot import SingleShotConfig, SingleShotFilter
from curation.stages.split_shots import SplitShots, SplitShotsConfig
from dataset_schema import TABLE_6_BUCKETS, Bucket
from storage.configs import PRESET_ONLY, strict

WordsConfig: TypeAlias = LexiconConfig | ChatServerConfig | VllmChatConfig | TransformersChatConfig | GivenWordsConfig
ShotsConfig: TypeAlias = TransNetV2Config | SceneDetectConfig
MasksConfig: TypeAlias = (
    DetectedObjectConfig | MovingObjectConfig | GroundedMasksConfig | LegacyGroundedMasksConfig | GivenMasksConfig
)
LikenessConfig: TypeAlias = HistogramConfig | Dinov2Config
InpaintingConfig: TypeAlias = ExemplarConfig | StableDiffusionConfig
LeakConfig: TypeAlias = ColorLeakConfig | DetectorLeakConfig


@dataclass(frozen=True, slots=True, kw_only=True)  # not strict: Python may put a config of its own in any place
class EmbeddedAnnotators:
    """What runs on a CPU, without downloads."""

    profile: Literal["embedded"] = "embedded"
    words: WordsConfig = field(default_factory=LexiconConfig)
    shots: ShotsConfig = field(default_factory=TransNetV2Config)
    content_filter: VideoMaeConfig = field(default_factory=VideoMaeConfig)
    masks: MasksConfig = field(default_factory=DetectedObjectConfig)
    faces: BlazeFaceConfig = field(default_factory=BlazeFaceConfig)
    likeness: LikenessConfig = field(default_factory=HistogramConfig)
    inpainting: InpaintingConfig = field(default_factory=ExemplarConfig)
    leaks: LeakConfig = field(default_factory=ColorLeakConfig)

    def __post_init__(self) -> None:
        _check_leaks(self.masks, self.leaks)


def _shots_on_a_gpu() -> TransNetV2Config:
    return TransNetV2Config(device=Device(gpus=0.1, gpu_memory_gib=2.0, memory_gib=3.0, batch_size=16))


def _content_filter_on_a_gpu() -> VideoMaeConfig:
    return VideoMaeConfig(device=Device(gpus=0.1, gpu_memory_gib=4.0, memory_gib=3.0, batch_size=16))


def _masks_on_a_gpu() -> GroundedMasksConfig:
    masks = GroundedMasksConfig()
    return replace(masks, device=replace(masks.device, gpus=0.25))


def _inpainting_on_a_gpu() -> StableDiffusionConfig:
    inpainting = StableDiffusionConfig()
    return replace(inpainting, device=replace(inpainting.device, gpus=0.2))


@dataclass(frozen=True, slots=True, kw_only=True)  # not strict: Python may put a config of its own in any place
class PaperAnnotators:
    """The networks of the paper.

    Our choice: shares of a GPU that add up to one, the second detector that looks for leaks among them, so that one GPU
    is enough; of several, each gets a worker of every network.
    """

    profile: Literal["paper"] = "paper"
    words: WordsConfig = field(default_factory=ChatServerConfig)
    shots: ShotsConfig = field(default_factory=_shots_on_a_gpu)
    content_filter: VideoMaeConfig = field(default_factory=_content_filter_on_a_gpu)
    masks: MasksConfig = field(default_factory=_masks_on_a_gpu)
    faces: BlazeFaceConfig = field(default_factory=BlazeFaceConfig)
    likeness: LikenessConfig = field(default_factory=Dinov2Config)
    inpainting: InpaintingConfig = field(default_factory=_inpainting_on_a_gpu)
    leaks: LeakConfig = field(default_factory=DetectorLeakConfig)

    def __post_init__(self) -> None:
        _check_leaks(self.masks, self.leaks)


@strict
@dataclass(frozen=True, slots=True, kw_only=True)
class CurationConfig:
    """Everything that decides what becomes of a clip.

    Attributes:
        annotators: what looks at clips, job by job; each job's `profile` chooses another way to do it.
        buckets: FRAMESxHEIGHTxWIDTH, the sizes of which a clip must fill at least one (Table 6).
        several_shots: `reject` videos of several shots, as the paper does (A.1), or `split` them, which makes clips of
            what the paper throws away.
        instruction: what a language model is asked for entity words.
        captioner: who writes captions where `captions` says so.
        other_faces: `blur` those of people that no entity word names, as far as the face detector finds them, in all
            pictures that are stored; rejected clips then have no thumbnail. It asks for `publish.mode` `span`: videos
            are not blurred, and so must not be stored. What is seen of training, and of a captioner, is not either.
    """

    annotators: EmbeddedAnnotators | PaperAnnotators = field(default_factory=EmbeddedAnnotators)
    buckets: tuple[str, ...] = tuple(map(str, TABLE_6_BUCKETS))
    several_shots: Literal["reject", "split"] = "reject"
    entity_words: EntityWordsConfig = field(default_factory=EntityWordsConfig)
    instruction: LanguageEntityWordsConfig = field(default_factory=LanguageEntityWordsConfig)
    captions: CaptionsConfig = field(default_factory=CaptionsConfig)
    captioner: ServerCaptionerConfig = field(default_factory=ServerCaptionerConfig, metadata=PRESET_ONLY)
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    single_shot: SingleShotConfig = field(default_factory=SingleShotConfig)
    split_shots: SplitShotsConfig = field(default_factory=SplitShotsConfig)
    content_filter: ContentFilterConfig = field(default_factory=ContentFilterConfig)
    given_frames: GivenFramesConfig = field(default_factory=GivenFramesConfig, metadata=PRESET_ONLY)
    entity_masks: EntityMasksConfig = field(default_factory=EntityMasksConfig)
    reference_images: ReferenceImagesConfig = field(default_factory=ReferenceImagesConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)
    other_faces: Literal["keep", "blur"] = "keep"
    blur_faces: BlurFacesConfig = field(default_factory=BlurFacesConfig, metadata=PRESET_ONLY)

    def __post_init__(self) -> None:
        if self.other_faces == "blur" and self.publish.mode is not PayloadMode.SPAN:
            raise ValueError(
                f"other_faces is blur and publish.mode {self.publish.mode}, expected span: {self.publish.mode} stores "
                "the video, in which no face is blurred"
            )
        if not self.buckets:
            raise ValueError("curation has no buckets, expected at least one size such as 17x144x256")
        for bucket in self.buckets:
            Bucket.parse(bucket)
        _check_given(self)


def build_stages(config: CurationConfig) -> list[Stage]:
    """The stages of a run, in order; nothing is loaded yet."""
    buckets = tuple(map(Bucket.parse, config.buckets))
    jobs = config.annotators
    words = EntityWords(
        config.entity_words,
        jobs.words.build(config.instruction),
        tells_places_apart=jobs.masks.tells_places_apart,
        tells_looks_apart=jobs.masks.tells_looks_apart,
    )
    content_filter = ContentFilter(config.content_filter, jobs.content_filter.build(), BorderedInsets())
    looking = [*_shot_stages(config, buckets), content_filter]
    # Text alone costs least, so it goes first, unless the captions are still to be written from the pictures.
    reading: list[Stage] = [words, *looking]
    if config.captions.which != "none":
        reading = [*looking, Captions(config.captions, config.captioner.build()), words]
    return [
        *reading,
        *([GivenFrames(config.given_frames)] if isinstance(jobs.masks, GivenMasksConfig) else []),
        EntityMasks(config.entity_masks, jobs.masks.build()),
        *([BlurFaces(config.blur_faces, jobs.faces.build())] if config.other_faces == "blur" else []),
        ReferenceImages(config.reference_images, jobs.faces.build(), jobs.likeness.build()),
        BackgroundPicture(config.background, jobs.inpainting.build(), jobs.leaks.build(jobs.masks.build())),
        Publish(config.publish, buckets),
    ]


def _shot_stages(config: CurationConfig, buckets: tuple[Bucket, ...]) -> list[Stage]:
    shots = config.annotators.shots.build()
    if config.several_shots == "reject":
        return [Decode(config.decode, buckets), SingleShotFilter(config.single_shot, shots)]
    return [
        Decode(config.decode, buckets, keeps_footage=True),
        SplitShots(config.split_shots, shots),
        ShotFrames(config.decode.limits(buckets)),
    ]


def _check_leaks(masks: MasksConfig, leaks: LeakConfig) -> None:
    """A locator that reads no words finds nothing in a picture that stands still: every background would be clean."""
    if leaks.looks_for_words and not masks.reads_words:
        raise ValueError(
            f"leaks has profile {leaks.profile} and masks {masks.profile}, expected masks that read words; or color"
        )


def _check_given(config: CurationConfig) -> None:
    """Words and masks that come with a clip are of its caption and its frames as they were annotated."""
    jobs = config.annotators
    has_words, has_masks = isinstance(jobs.words, GivenWordsConfig), isinstance(jobs.masks, GivenMasksConfig)
    if has_words != has_masks:
        raise ValueError(
            f"words has profile {jobs.words.profile} and masks {jobs.masks.profile}, expected `given` for both or none"
        )
    if not has_masks:
        return
    if config.several_shots != "reject" or config.decode.reference_times is not ReferenceTimes.WITHIN:
        raise ValueError(
            "clips that come with masks cannot be divided, expected several_shots `reject` and reference_times `within`"
        )
    if config.captions.which != "none":
        raise ValueError(
            f"captions is {config.captions.which}, expected none: the words that come are of their caption"
        )
