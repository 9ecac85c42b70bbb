"""The locator of `groundingdino-py` and `segment-anything`, which need an environment of their own."""

from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from curation.annotators.checkpoints import Device
from curation.annotators.grounding.choice import ChoiceConfig
from curation.annotators.grounding.locator import GroundedMasks, half_a_gpu
from curation.annotators.grounding.segmenter import Segmenter
from curation.annotators.grounding.word_detector import WordDetector
from curation.annotators.grounding_legacy.groundingdino_py import GroundingDinoPy
from curation.annotators.grounding_legacy.segment_anything_package import SegmentAnythingPackage
from curation.annotators.grounding_legacy.weights import describe_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyGroundedMasksConfig:
    """Which networks look, and what counts; as `GroundedMasksConfig`, but with the files that the two packages read.

    Attributes:
        detector: weights for groundingdino-py. The authors' evaluator: groundingdino_swint_ogc.pth.
        detector_architecture: a config of the package by name, or a `.json` file.
        text_encoder: the BERT of the detector, by folder or hub name.
        segmenter: weights for segment-anything. The authors' evaluator: sam_vit_b_01ec64.pth.
        segmenter_architecture: its name in the package.
    """

    profile: Literal["legacy_grounded_masks"] = "legacy_grounded_masks"
    detector: str = "groundingdino_swint_ogc.pth"
    detector_architecture: str = "GroundingDINO_SwinT_OGC"
    text_encoder: str = "google-bert/bert-base-uncased"
    segmenter: str = "sam_vit_b_01ec64.pth"
    segmenter_architecture: str = "vit_b"
    max_words: int = 8
    choice: ChoiceConfig = field(default_factory=ChoiceConfig)
    device: Device = field(default_factory=half_a_gpu)

    def __post_init__(self) -> None:
        if self.max_words < 1:
            raise ValueError(f"max_words is {self.max_words}, expected at least 1")


def build_legacy_grounded_masks(config: LegacyGroundedMasksConfig) -> GroundedMasks:
    """The locator; nothing is loaded yet."""
    detector = WordDetector(
        describe=partial(describe_weights, config.detector),
        load=partial(
            GroundingDinoPy,
            config.detector,
            architecture=config.detector_architecture,
            text_encoder=config.text_encoder,
            device=config.device,
        ),
        device=config.device,
        max_words=config.max_words,
    )
    segmenter = Segmenter(
        describe=partial(describe_weights, config.segmenter),
        load=partial(
            SegmentAnythingPackage,
            config.segmenter,
            architecture=config.segmenter_architecture,
            device=config.device,
        ),
        device=config.device,
    )
    return GroundedMasks(config.choice, detector, segmenter, config.device)
